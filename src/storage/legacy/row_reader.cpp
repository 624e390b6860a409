#include "row_reader.hpp"

#include <librebird/base/json_writer.hpp>
#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <boost/json.hpp>

#include <algorithm>
#include <charconv>

namespace librebird::storage::legacy {
namespace {

using Type = ForeignValue::Type;

constexpr std::size_t kLongestKept = 64 * 1024;

std::string_view name_of(Type type) {
  switch (type) {
    case Type::null: return "empty";
    case Type::integer: return "a whole number";
    case Type::real: return "a number";
    case Type::text: return "text";
    case Type::blob: return "bytes";
  }
  return "";
}

bool is_clean(std::string_view text) { return is_utf8(text) && text.find('\0') == std::string_view::npos; }

std::string cleaned(std::string_view text) {
  std::string out;
  for (const char c : to_valid_utf8(text)) {
    if (c == '\0') {
      out += "\xEF\xBF\xBD";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

std::string hex_of(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) fmt::format_to(std::back_inserter(out), "{:02x}", static_cast<unsigned char>(c));
  return out;
}

// The code unit of "\uXXXX" at `at`, if that is what stands there.
std::optional<unsigned> unit_at(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  unsigned value = 0;
  const char* end = text.data() + at + 6;
  const auto [stop, failure] = std::from_chars(text.data() + at + 2, end, value, 16);
  if (failure != std::errc() || stop != end) return std::nullopt;
  return value;
}

}  // namespace

int mend_surrogates(std::string& json) {
  const auto is_high = [](std::optional<unsigned> unit) { return unit && *unit >= 0xD800 && *unit < 0xDC00; };
  const auto is_low = [](std::optional<unsigned> unit) { return unit && *unit >= 0xDC00 && *unit < 0xE000; };
  int mended = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] != '\\') continue;
    const auto unit = unit_at(json, i);
    if (!unit) {
      ++i;  // what is escaped
    } else if (is_high(unit) && is_low(unit_at(json, i + 6))) {
      i += 11;
    } else {
      if (is_high(unit) || is_low(unit)) json.replace(i, 6, "\\ufffd"), ++mended;
      i += 5;
    }
  }
  return mended;
}

const ForeignValue& RowReader::at(std::string_view name) const {
  static const ForeignValue kNothing;
  const auto found = std::ranges::find(names_, name);
  return found == names_.end() ? kNothing : row_[static_cast<std::size_t>(found - names_.begin())];
}

void RowReader::reject(std::string reason) {
  if (rejected_.empty()) rejected_ = std::move(reason);
}

std::optional<std::string> RowReader::text(std::string_view name) {
  const ForeignValue& value = at(name);
  if (value.type == Type::null) return std::nullopt;
  if (value.type != Type::text) {
    reject(fmt::format("{} is {}, not text", name, name_of(value.type)));
    return std::nullopt;
  }
  if (is_clean(value.bytes)) return value.bytes;
  mend(fmt::format("{} held bytes that are no text; U+FFFD stands in their place", name));
  return cleaned(value.bytes);
}

std::string RowReader::needed_text(std::string_view name) {
  auto value = text(name);
  if (!value) reject(fmt::format("{} is empty", name));
  return value.value_or("");
}

std::optional<std::string> RowReader::word(std::string_view name, std::initializer_list<std::string_view> allowed) {
  auto value = text(name);
  if (value && std::ranges::find(allowed, *value) == allowed.end()) {
    reject(fmt::format("{} is none of {}", name, fmt::join(allowed, ", ")));
  }
  return value;
}

std::string RowReader::needed_word(std::string_view name, std::initializer_list<std::string_view> allowed) {
  auto value = word(name, allowed);
  if (!value) reject(fmt::format("{} is empty", name));
  return value.value_or("");
}

std::string RowReader::needed_date(std::string_view name) {
  std::string value = needed_text(name);
  if (rejected_.empty() && !is_date(value)) reject(fmt::format("{} is no date", name));
  return value;
}

std::optional<std::int64_t> RowReader::integer(std::string_view name) {
  const ForeignValue& value = at(name);
  if (value.type == Type::null) return std::nullopt;
  if (value.type != Type::integer) reject(fmt::format("{} is {}, not a whole number", name, name_of(value.type)));
  return value.integer;
}

std::int64_t RowReader::needed_integer(std::string_view name) {
  const auto value = integer(name);
  if (!value) reject(fmt::format("{} is empty", name));
  return value.value_or(0);
}

std::optional<UnixMillis> RowReader::time(std::string_view name, const LocalTimes& times, UnixMillis not_before) {
  const auto value = text(name);
  if (!value) return std::nullopt;
  const auto parsed = times.parse(*value, not_before);
  if (!parsed) reject(fmt::format("{} is no time", name));
  return parsed;
}

UnixMillis RowReader::needed_time(std::string_view name, const LocalTimes& times, UnixMillis not_before) {
  const auto value = time(name, times, not_before);
  if (!value) reject(fmt::format("{} is empty", name));
  return value.value_or(0);
}

std::optional<std::string> RowReader::array(std::string_view name) {
  auto value = text(name);
  if (!value) return std::nullopt;
  if (mend_surrogates(*value) > 0) {
    mend(fmt::format("{} held halves of characters; U+FFFD stands in their place", name));
  }
  boost::system::error_code failure;
  const boost::json::value parsed = boost::json::parse(*value, failure);
  if (failure || !parsed.is_array()) reject(fmt::format("{} is no JSON array", name));
  return value;
}

std::string RowReader::raw(std::string_view name) const {
  const ForeignValue& value = at(name);
  return value.type == Type::integer ? std::to_string(value.integer) : value.bytes;
}

std::string RowReader::json() const {
  JsonWriter out;
  out.begin_object();
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const ForeignValue& value = row_[i];
    out.key(names_[i]);
    switch (value.type) {
      case Type::null: out.null(); break;
      case Type::integer: out.value(value.integer); break;
      case Type::real: out.value(value.real); break;
      default: {
        const std::string_view kept = std::string_view(value.bytes).substr(0, kLongestKept);
        const bool whole = kept.size() == value.bytes.size();
        if (whole && value.type == Type::text && is_clean(kept)) {
          out.value(kept);
        } else {
          out.begin_object().field("hex", hex_of(kept)).field("bytes", value.bytes.size()).end_object();
        }
      }
    }
  }
  out.end_object();
  return std::move(out).take();
}

}  // namespace librebird::storage::legacy
