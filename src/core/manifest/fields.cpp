#include "fields.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::manifest {
namespace json = boost::json;
namespace {

std::string shown(const json::value& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "an array";
  const std::string text = json::serialize(value);
  return text.size() <= 80 ? text : std::string(utf8_prefix(text, 80)) + "…";
}

}  // namespace

Error wrong(std::string_view key, std::string_view expected) {
  return make_error(Code::invalid_argument, fmt::format("skill.json, key `{}`: must be {}.", key, expected));
}
Error wrong(std::string_view key, std::string_view expected, const json::value& found) {
  return make_error(Code::invalid_argument,
                    fmt::format("skill.json, key `{}`: must be {}, not {}.", key, expected, shown(found)));
}

bool is_plain_text(std::string_view text, bool lines) {
  if (!is_utf8(text)) return false;
  return std::ranges::none_of(text, [lines](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7f || (byte < 0x20 && !(lines && (c == '\n' || c == '\t' || c == '\r')));
  });
}

std::string Fields::at(std::string_view key) const {
  return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
}

const json::value* Fields::take(std::string_view key) {
  seen_.emplace(key);
  return object_.if_contains(key);
}

Result<std::string> Fields::text(std::string_view key, std::string_view absent, std::size_t limit, bool lines) {
  const json::value* value = take(key);
  if (value == nullptr) return std::string(absent);
  const std::string expected = fmt::format("text of at most {} bytes without control characters", limit);
  if (!value->is_string()) return wrong(at(key), expected, *value);
  const std::string_view text = value->as_string();
  if (text.size() > limit || !is_plain_text(text, lines)) return wrong(at(key), expected);
  return std::string(text);
}

Result<bool> Fields::flag(std::string_view key, bool absent) {
  const json::value* value = take(key);
  if (value == nullptr) return absent;
  if (!value->is_bool()) return wrong(at(key), "true or false", *value);
  return value->as_bool();
}

Result<std::int64_t> Fields::integer(std::string_view key, std::int64_t absent, std::int64_t least, std::int64_t most) {
  const json::value* value = take(key);
  if (value == nullptr) return absent;
  boost::system::error_code failure;
  const auto number = value->is_double() ? 0 : value->to_number<std::int64_t>(failure);
  if (value->is_double() || failure || number < least || number > most) {
    return wrong(at(key), fmt::format("a whole number from {} to {}", least, most), *value);
  }
  return number;
}

Result<std::vector<std::string>> Fields::texts(std::string_view key, std::size_t count, std::size_t limit) {
  std::vector<std::string> out;
  const json::value* value = take(key);
  if (value == nullptr) return out;
  const std::string expected = fmt::format("an array of at most {} texts of 1 to {} bytes", count, limit);
  if (!value->is_array()) return wrong(at(key), expected, *value);
  if (value->as_array().size() > count) return wrong(at(key), expected);
  for (const json::value& item : value->as_array()) {
    if (!item.is_string()) return wrong(at(key), expected, item);
    const std::string_view text = item.as_string();
    if (text.empty() || text.size() > limit || !is_plain_text(text, false)) return wrong(at(key), expected);
    out.emplace_back(text);
  }
  return out;
}

Result<const json::object*> Fields::object(std::string_view key) {
  const json::value* value = take(key);
  if (value == nullptr) return static_cast<const json::object*>(nullptr);
  if (!value->is_object()) return wrong(at(key), "an object", *value);
  return &value->as_object();
}

Status Fields::done() const {
  for (const auto& member : object_) {
    const std::string_view key = member.key();
    if (seen_.contains(key) || key == "$schema" || key.starts_with("x-")) continue;
    return make_error(Code::invalid_argument,
                      fmt::format("skill.json, key `{}`: is not known; remove it, or call it x-… if it is yours.",
                                  at(utf8_prefix(to_valid_utf8(key), 80))));
  }
  return Ok{};
}

}  // namespace librebird::manifest
