#include "surrogates.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace librebird::brain::openai {
namespace {

// The code unit of an escape \uXXXX at the front; 0 if there is none.
std::uint32_t escape_at(std::string_view json) {
  if (json.size() < 6 || json[0] != '\\' || json[1] != 'u') return 0;
  std::uint32_t unit = 0;
  const auto [end, failure] = std::from_chars(json.data() + 2, json.data() + 6, unit, 16);
  return failure == std::errc() && end == json.data() + 6 ? unit : 0;
}

bool high(std::uint32_t unit) { return unit >= 0xD800 && unit <= 0xDBFF; }
bool low(std::uint32_t unit) { return unit >= 0xDC00 && unit <= 0xDFFF; }

// The code unit of a raw half at the front; 0 if there is none.
std::uint32_t half_at(std::string_view text) {
  if (text.size() < 3 || text[0] != '\xED') return 0;
  const auto second = static_cast<std::uint8_t>(text[1]);
  const auto third = static_cast<std::uint8_t>(text[2]);
  if (second < 0xA0 || second > 0xBF || (third & 0xC0) != 0x80) return 0;
  return 0xD000U | ((second & 0x3FU) << 6) | (third & 0x3FU);
}

}  // namespace

std::string with_raw_halves(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  while (!json.empty()) {
    const std::size_t plain = std::min(json.find('\\'), json.size());
    out += json.substr(0, plain);
    json.remove_prefix(plain);
    if (json.empty()) break;
    const std::uint32_t unit = escape_at(json);
    std::size_t length = unit != 0 ? 6 : 2;
    if (high(unit) && low(escape_at(json.substr(6)))) length = 12;
    if (length == 6 && (high(unit) || low(unit))) {
      out += {static_cast<char>(0xE0 | (unit >> 12)), static_cast<char>(0x80 | ((unit >> 6) & 0x3F)),
              static_cast<char>(0x80 | (unit & 0x3F))};
    } else {
      out += json.substr(0, length);
    }
    json.remove_prefix(std::min(length, json.size()));
  }
  return out;
}

std::string join_halves(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t plain = std::min(text.find('\xED'), text.size());
    out += text.substr(0, plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    const std::uint32_t first = half_at(text);
    const std::uint32_t second = high(first) ? half_at(text.substr(3)) : 0;
    if (low(second)) {
      const std::uint32_t point = 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
      out += {static_cast<char>(0xF0 | (point >> 18)), static_cast<char>(0x80 | ((point >> 12) & 0x3F)),
              static_cast<char>(0x80 | ((point >> 6) & 0x3F)), static_cast<char>(0x80 | (point & 0x3F))};
      text.remove_prefix(6);
    } else {
      out.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return out;
}

bool ends_with_half(std::string_view text) { return text.size() >= 3 && high(half_at(text.substr(text.size() - 3))); }

}  // namespace librebird::brain::openai
