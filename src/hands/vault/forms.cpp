#include "forms.hpp"

#include <librebird/hands/vault/redactor.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>

namespace librebird::vault {
namespace {

constexpr std::string_view kLower = "0123456789abcdef";
constexpr std::string_view kUpper = "0123456789ABCDEF";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::string hex(std::string_view value, std::string_view digits, std::string_view before = "") {
  std::string out;
  for (const char c : value) {
    const auto byte = static_cast<std::uint8_t>(c);
    out += before;
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string percent(std::string_view value, std::string_view digits, std::string_view plain, bool plus) {
  std::string out;
  for (const char c : value) {
    if (is_alnum(c) || plain.find(c) != std::string_view::npos) {
      out += c;
    } else if (plus && c == ' ') {
      out += '+';
    } else {
      out += hex(std::string_view(&c, 1), digits, "%");
    }
  }
  return out;
}

// As inside a JSON string (RFC 8259, section 7), in the dialects writers differ in.
std::string json(std::string_view value, bool escape_slash) {
  std::string out;
  for (const char c : value) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '/': out += escape_slash ? "\\/" : "/"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      default:
        if (static_cast<std::uint8_t>(c) < 0x20) {
          out += "\\u00" + hex(std::string_view(&c, 1), kLower);
        } else {
          out += c;
        }
    }
  }
  return out;
}

// Code points beyond ASCII as \uXXXX, what ASCII-only writers (Python's json) make. Empty: broken UTF-8.
std::string json_ascii(std::string_view value) {
  std::string out;
  const auto unit = [&out](std::uint32_t code) {
    out += "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += kLower[(code >> shift) & 15];
  };
  for (std::size_t i = 0; i < value.size();) {
    const auto lead = static_cast<std::uint8_t>(value[i]);
    if (lead < 0x80) {
      out += json(value.substr(i, 1), false);
      ++i;
      continue;
    }
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    std::uint32_t code = lead & (0x3fU >> more);
    for (int k = 1; k <= more; ++k) {
      if (i + static_cast<std::size_t>(k) >= value.size()) return {};
      code = code << 6 | (static_cast<std::uint8_t>(value[i + static_cast<std::size_t>(k)]) & 0x3fU);
    }
    i += static_cast<std::size_t>(more) + 1;
    if (code > 0xffff) {
      code -= 0x10000;
      unit(0xd800 + (code >> 10));
      unit(0xdc00 + (code & 0x3ff));
    } else {
      unit(code);
    }
  }
  return out;
}

// The characters that any base64 text has which holds the value after `skip` other bytes of a group of three; those
// at the ends that also depend on the neighbours are left out.
std::string base64(std::string_view value, std::size_t skip) {
  std::string out;
  const std::size_t bits = (skip + value.size()) * 8;
  const auto bit = [&](std::size_t at) {
    const auto byte = static_cast<std::uint8_t>(value[at / 8 - skip]);
    return (byte >> (7 - at % 8)) & 1;
  };
  for (std::size_t first = (skip * 8 + 5) / 6 * 6; first + 6 <= bits; first += 6) {
    unsigned index = 0;
    for (std::size_t k = 0; k < 6; ++k) index = index << 1 | static_cast<unsigned>(bit(first + k));
    out += kBase64[index];
  }
  return out;
}

std::string url_alphabet(std::string text) {
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

}  // namespace

std::vector<std::string> forms_of(std::string_view value) {
  std::vector<std::string> forms{std::string(value)};
  const auto add = [&](std::string form) {
    // Shorter than the value's own least length, a form would hide innocent text.
    if (form.size() >= kMinValueBytes && std::ranges::find(forms, form) == forms.end()) {
      forms.push_back(std::move(form));
    }
  };
  add(json(value, false));
  add(json(value, true));
  add(json_ascii(value));
  add(json(json(value, false), false));  // JSON text inside a JSON string
  for (const std::string_view digits : {kUpper, kLower}) {
    add(percent(value, digits, "-._~", false));       // RFC 3986
    add(percent(value, digits, "-._~", true));
    add(percent(value, digits, "-._~!*'()", false));  // encodeURIComponent
    add(percent(value, digits, "-._*", true));        // application/x-www-form-urlencoded
    add(percent(value, digits, "-._~/", false));      // Python's quote()
    add(hex(value, digits));
    add(hex(value, digits, "%"));
    add(hex(value, digits, "\\x"));
  }
  for (const std::size_t skip : {0, 1, 2}) {
    std::string text = base64(value, skip);
    add(url_alphabet(text));
    add(std::move(text));
  }
  return forms;
}

}  // namespace librebird::vault
