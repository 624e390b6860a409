// Base64 (RFC 4648, sections 4 and 5). Decoding takes both alphabets, white space, and missing padding.
#include <librebird/skills/tool.hpp>

#include <librebird/base/utf8.hpp>

#include <boost/json.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace librebird::skills {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

std::string encode(std::string_view text) {
  std::string out;
  out.reserve((text.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < text.size(); i += 3) {
    std::uint32_t bits = 0;
    for (std::size_t k = 0; k < 3; ++k)
      bits = bits << 8 | (i + k < text.size() ? static_cast<unsigned char>(text[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) out += i + k <= text.size() ? kAlphabet[bits >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

int value_of(char c) {
  if (c == '-') c = '+';
  if (c == '_') c = '/';
  const std::size_t at = kAlphabet.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

Result<std::string> decode(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  bool padded = false;
  for (const char c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) continue;
    if (c == '=') {
      padded = true;
      continue;
    }
    const int value = value_of(c);
    if (value < 0 || padded) return make_error(Code::invalid_argument, "The text is not valid Base64.");
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (++count == 4) {
      for (const int shift : {16, 8, 0}) out += static_cast<char>(bits >> shift & 0xFF);
      bits = 0;
      count = 0;
    }
  }
  if (count == 1) return make_error(Code::invalid_argument, "The Base64 text is cut short.");
  if (count == 2) out += static_cast<char>(bits >> 4 & 0xFF);
  if (count == 3) {
    out += static_cast<char>(bits >> 10 & 0xFF);
    out += static_cast<char>(bits >> 2 & 0xFF);
  }
  return out;
}

}  // namespace

Result<boost::json::object> base64_encode_decode(const boost::json::object& arguments, ToolContext& /*context*/) {
  LB_TRY(text, text_argument(arguments, "text"));
  LB_TRY(action, text_argument(arguments, "action", "encode"));
  if (action == "encode") {
    const std::string encoded = encode(text);
    return boost::json::object{
        {"original_length", count_characters(text)}, {"encoded", encoded}, {"encoded_length", encoded.size()}};
  }
  if (action != "decode") return make_error(Code::invalid_argument, "action must be encode or decode.");
  LB_TRY(decoded, decode(text));
  if (!is_utf8(decoded)) {
    return make_error(Code::invalid_argument, "The decoded data is binary, not text; it cannot be shown.");
  }
  return boost::json::object{{"decoded", decoded}, {"decoded_length", count_characters(decoded)}};
}

}  // namespace librebird::skills
