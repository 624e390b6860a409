#include <librebird/json.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace librebird {
namespace {

constexpr int kMaxDepth = 128;

// The length of the well-formed UTF-8 sequence at the front, or 0.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const auto follows = [&byte](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(1) || !follows(2)) return 0;
    if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F)) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    if ((first == 0xF0 && byte(1) < 0x90) || (first == 0xF4 && byte(1) > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

void write_text(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const char c = text[0];
    const std::size_t length = utf8_length(text);
    if (length == 0) {
      out += "\xEF\xBF\xBD";
      text.remove_prefix(1);
      continue;
    }
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(c));
      out += escape.data();
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(length);
  }
  out += '"';
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto add = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (point < 0x80) return add(point);
  if (point < 0x800) {
    add(0xC0 | (point >> 6));
  } else if (point < 0x10000) {
    add(0xE0 | (point >> 12));
    add(0x80 | ((point >> 6) & 0x3F));
  } else {
    add(0xF0 | (point >> 18));
    add(0x80 | ((point >> 12) & 0x3F));
    add(0x80 | ((point >> 6) & 0x3F));
  }
  add(0x80 | (point & 0x3F));
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Json document() {
    Json value = parse_value(0);
    skip_space();
    if (at_ != text_.size()) fail("something follows the value");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* what) const {
    throw std::invalid_argument("This is not JSON: " + std::string(what) + ", at byte " + std::to_string(at_) + ".");
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos) ++at_;
  }
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  void expect(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) fail("an unknown word");
    at_ += word.size();
  }
  // After a value in a list or an object: true if another follows.
  bool another(char end) {
    skip_space();
    const char c = peek();
    if (c != ',' && c != end) fail("a comma or an end is missing");
    ++at_;
    return c == ',';
  }

  Json parse_value(int depth) {
    if (depth > kMaxDepth) fail("it is too deep");
    skip_space();
    switch (peek()) {
      case '{': return parse_object(depth);
      case '[': return parse_array(depth);
      case '"': return parse_text();
      case 't': expect("true"); return true;
      case 'f': expect("false"); return false;
      case 'n': expect("null"); return nullptr;
      default: return parse_number();
    }
  }

  Json parse_object(int depth) {
    ++at_;
    Json::Object members;
    skip_space();
    if (peek() == '}') return ++at_, Json(std::move(members));
    do {
      skip_space();
      if (peek() != '"') fail("a name is missing");
      std::string key = parse_text();
      skip_space();
      if (peek() != ':') fail("a colon is missing");
      ++at_;
      Json value = parse_value(depth + 1);
      // The last of a name counts, as everywhere.
      const auto known = std::ranges::find(members, key, &Json::Member::first);
      if (known != members.end()) {
        known->second = std::move(value);
      } else {
        members.emplace_back(std::move(key), std::move(value));
      }
    } while (another('}'));
    return members;
  }

  Json parse_array(int depth) {
    ++at_;
    Json::Array items;
    skip_space();
    if (peek() == ']') return ++at_, Json(std::move(items));
    do {
      items.push_back(parse_value(depth + 1));
    } while (another(']'));
    return items;
  }

  std::uint32_t parse_hex() {
    std::uint32_t value = 0;
    if (at_ + 4 > text_.size()) fail("an escape is cut short");
    const char* begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, begin + 4, value, 16);
    if (error != std::errc{} || end != begin + 4) fail("an escape is malformed");
    at_ += 4;
    return value;
  }

  void parse_escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    const char c = peek();
    ++at_;
    if (const std::size_t known = kLetters.find(c); known != std::string_view::npos && c != '\0') {
      out += kMeanings[known];
      return;
    }
    if (c != 'u') fail("an escape is unknown");
    std::uint32_t point = parse_hex();
    if (point >= 0xD800 && point <= 0xDBFF && text_.substr(at_).starts_with("\\u")) {
      const std::size_t before = at_;
      at_ += 2;
      const std::uint32_t low = parse_hex();
      if (low >= 0xDC00 && low <= 0xDFFF) {
        point = 0x10000 + ((point - 0xD800) << 10) + (low - 0xDC00);
      } else {
        at_ = before;
      }
    }
    append_utf8(out, point >= 0xD800 && point <= 0xDFFF ? 0xFFFD : point);
  }

  std::string parse_text() {
    std::string out;
    for (++at_; at_ < text_.size();) {
      const char c = text_[at_];
      if (static_cast<unsigned char>(c) < 0x20) fail("a control character is in a text");
      ++at_;
      if (c == '"') return out;
      if (c == '\\') {
        parse_escape(out);
      } else {
        out += c;
      }
    }
    fail("a text has no end");
  }

  Json parse_number() {
    const std::size_t begin = at_;
    const auto digits = [this] {
      const std::size_t from = at_;
      while (peek() >= '0' && peek() <= '9') ++at_;
      if (at_ == from) fail("a value is malformed");
    };
    if (peek() == '-') ++at_;
    if (peek() == '0') {
      ++at_;
    } else {
      digits();
    }
    bool whole = true;
    if (peek() == '.') whole = false, ++at_, digits();
    if (peek() == 'e' || peek() == 'E') {
      whole = false;
      ++at_;
      if (peek() == '+' || peek() == '-') ++at_;
      digits();
    }
    const char* first = text_.data() + begin;
    const char* last = text_.data() + at_;
    std::int64_t integer = 0;
    if (whole && std::from_chars(first, last, integer).ec == std::errc{}) return integer;
    double number = 0;
    if (std::from_chars(first, last, number).ec == std::errc::result_out_of_range) fail("a number is too large");
    return number;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

[[noreturn]] void wrong(const char* wanted) {
  throw std::runtime_error(std::string("A value must be ") + wanted + ".");
}

}  // namespace

Json Json::parse(std::string_view text) { return Parser(text).document(); }

std::string Json::text() const {
  std::string out;
  write(out);
  return out;
}

void Json::write(std::string& out) const {
  std::array<char, 32> digits{};
  const auto number = [&](auto value) {
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
  };
  if (const auto* boolean = std::get_if<bool>(&value_)) {
    out += *boolean ? "true" : "false";
  } else if (const auto* integer = std::get_if<std::int64_t>(&value_)) {
    number(*integer);
  } else if (const auto* real = std::get_if<double>(&value_); real != nullptr && std::isfinite(*real)) {
    number(*real);
  } else if (is_text()) {
    write_text(out, std::get<std::string>(value_));
  } else if (is_array()) {
    const Array& items = std::get<Array>(value_);
    out += '[';
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (i > 0) out += ',';
      items[i].write(out);
    }
    out += ']';
  } else if (is_object()) {
    const Object& members = std::get<Object>(value_);
    out += '{';
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out += ',';
      write_text(out, members[i].first);
      out += ':';
      members[i].second.write(out);
    }
    out += '}';
  } else {
    out += "null";
  }
}

bool Json::is_number() const {
  return std::holds_alternative<std::int64_t>(value_) || std::holds_alternative<double>(value_);
}

bool Json::as_bool() const {
  if (!is_bool()) wrong("true or false");
  return std::get<bool>(value_);
}

std::int64_t Json::as_integer() const {
  if (const auto* whole = std::get_if<std::int64_t>(&value_)) return *whole;
  const auto* real = std::get_if<double>(&value_);
  if (real == nullptr || *real != std::floor(*real) || std::abs(*real) > 9e15) wrong("a whole number");
  return static_cast<std::int64_t>(*real);
}

double Json::as_number() const {
  if (const auto* whole = std::get_if<std::int64_t>(&value_)) return static_cast<double>(*whole);
  if (!std::holds_alternative<double>(value_)) wrong("a number");
  return std::get<double>(value_);
}

const std::string& Json::as_text() const {
  if (!is_text()) wrong("text");
  return std::get<std::string>(value_);
}

const Json::Array& Json::as_array() const {
  if (!is_array()) wrong("a list");
  return std::get<Array>(value_);
}

const Json::Object& Json::as_object() const {
  if (!is_object()) wrong("an object");
  return std::get<Object>(value_);
}

const Json& Json::operator[](std::string_view key) const {
  static const Json kNull;
  const auto* members = std::get_if<Object>(&value_);
  if (members == nullptr) return kNull;
  const auto found = std::ranges::find(*members, key, &Member::first);
  return found == members->end() ? kNull : found->second;
}

Json& Json::operator[](std::string_view key) {
  if (is_null()) value_ = Object();
  if (!is_object()) wrong("an object");
  Object& members = std::get<Object>(value_);
  const auto found = std::ranges::find(members, key, &Member::first);
  if (found != members.end()) return found->second;
  members.emplace_back(std::string(key), Json());
  return members.back().second;
}

void Json::push_back(Json item) {
  if (is_null()) value_ = Array();
  if (!is_array()) wrong("a list");
  std::get<Array>(value_).push_back(std::move(item));
}

}  // namespace librebird
