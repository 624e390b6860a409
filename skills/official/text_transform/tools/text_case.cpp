// Letter case, for Latin, Greek and Cyrillic letters, without a locale.
#include <librebird/skills/tool.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::skills {
namespace {

using Text = std::u32string;

Text decode(std::string_view text) {
  Text out;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t point = size == 1 ? lead : lead & (0xFFU >> (size + 1));
    for (std::size_t k = 1; k < size && i + k < text.size(); ++k)
      point = (point << 6) | (static_cast<unsigned char>(text[i + k]) & 0x3F);
    out += point;
    i += size;
  }
  return out;
}

void append(std::string& out, char32_t c) {
  const auto put = [&out](char32_t byte) { out += static_cast<char>(byte); };
  if (c < 0x80) {
    put(c);
  } else if (c < 0x800) {
    put(0xC0 | (c >> 6));
    put(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
    put(0x80 | (c & 0x3F));
  }
}

std::string encode(const Text& text) {
  std::string out;
  for (const char32_t c : text) append(out, c);
  return out;
}

// Runs of letters in Unicode's blocks: [first lower, last lower] with the distance to the upper one, or pairs in which
// even and odd neighbours belong together.
struct Range {
  char32_t first;
  char32_t last;
  int to_upper;  // 0: pairs with the upper letter even, 1: pairs with it odd
};
constexpr std::array kLower = {
    Range{U'a', U'z', -32},   Range{0xE0, 0xF6, -32},   Range{0xF8, 0xFE, -32},   Range{0x101, 0x137, 0},
    Range{0x13A, 0x148, 1},   Range{0x14B, 0x177, 0},   Range{0x17A, 0x17E, 1},   Range{0x3AC, 0x3AC, -38},
    Range{0x3AD, 0x3AF, -37}, Range{0x3B1, 0x3C1, -32}, Range{0x3C3, 0x3CB, -32}, Range{0x3CC, 0x3CC, -64},
    Range{0x3CD, 0x3CE, -63}, Range{0x430, 0x44F, -32}, Range{0x450, 0x45F, -80}, Range{0x461, 0x481, 0},
    Range{0x48B, 0x4BF, 0},   Range{0x561, 0x586, -48}, Range{0x1E01, 0x1E95, 0}, Range{0x1EA1, 0x1EFF, 0},
};

char32_t upper(char32_t c) {
  if (c == 0xFF) return 0x178;   // ÿ
  if (c == 0x3C2) return 0x3A3;  // final sigma
  for (const Range& range : kLower) {
    if (c < range.first || c > range.last) continue;
    if (range.to_upper < 0) return static_cast<char32_t>(static_cast<int>(c) + range.to_upper);
    const bool is_lower = range.to_upper == 0 ? (c & 1) == 1 : (c & 1) == 0;
    return is_lower ? c - 1 : c;
  }
  return c;
}

char32_t lower(char32_t c) {
  if (c == 0x178) return 0xFF;
  for (const Range& range : kLower) {
    if (range.to_upper < 0) {
      const auto low = static_cast<char32_t>(static_cast<int>(c) - range.to_upper);
      if (low >= range.first && low <= range.last) return low;
    } else if (c + 1 >= range.first && c + 1 <= range.last && upper(c + 1) == c) {
      return c + 1;
    }
  }
  return c;
}

bool is_digit(char32_t c) { return c >= U'0' && c <= U'9'; }
bool is_upper(char32_t c) { return lower(c) != c; }
bool is_letter(char32_t c) {
  const bool punctuation =
      (c >= 0x2000 && c <= 0x206F) || (c >= 0x3000 && c <= 0x303F) || c == 0xD7 || c == 0xF7 || c == 0xA0;
  return upper(c) != c || is_upper(c) ||
         (c >= 0xAA && !punctuation && c != 0xAB && c != 0xB7 && c != 0xBB && c != 0xBF);
}
bool is_word(char32_t c) { return is_letter(c) || is_digit(c); }

Text to_upper(const Text& text) {
  Text out;
  for (const char32_t c : text) {
    if (c == 0xDF) {
      out += U"SS";
    } else {
      out += upper(c);
    }
  }
  return out;
}

Text to_lower(const Text& text) {
  Text out;
  for (const char32_t c : text) out += lower(c);
  return out;
}

Text to_title(const Text& text) {
  Text out;
  bool inside = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    out += inside ? lower(c) : upper(c);
    // An apostrophe between letters stays inside its word: "Don't", not "Don'T".
    const bool apostrophe = (c == U'\'' || c == 0x2019) && inside && i + 1 < text.size() && is_letter(text[i + 1]);
    inside = is_word(c) || apostrophe;
  }
  return out;
}

Text to_sentence(const Text& text) {
  Text out;
  bool start = true;
  for (const char32_t c : text) {
    out += start ? upper(c) : lower(c);
    if (is_word(c)) start = false;
    if (c == U'.' || c == U'!' || c == U'?') start = true;
  }
  return out;
}

// "parseHTTPResponse now" is parse, HTTP, Response, now.
std::vector<Text> words_of(const Text& text) {
  std::vector<Text> words;
  Text word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(std::move(word));
    word.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i];
    if ((c == U'\'' || c == 0x2019) && !word.empty()) continue;
    if (!is_word(c)) {
      end_word();
      continue;
    }
    if (!word.empty() && is_upper(c)) {
      const bool after_lower = !is_upper(word.back()) && !is_digit(word.back());
      const bool before_lower =
          is_upper(word.back()) && i + 1 < text.size() && is_letter(text[i + 1]) && !is_upper(text[i + 1]);
      if (after_lower || before_lower) end_word();
    }
    word += c;
  }
  end_word();
  return words;
}

Text join(const std::vector<Text>& words, char32_t separator, Text (*change)(const Text&)) {
  Text out;
  for (const Text& word : words) {
    if (!out.empty()) out += separator;
    out += change(word);
  }
  return out;
}

Text to_camel(const std::vector<Text>& words) {
  Text out;
  for (const Text& word : words) out += out.empty() ? to_lower(word) : to_title(word);
  return out;
}

}  // namespace

Result<boost::json::object> text_case(const boost::json::object& arguments, ToolContext& /*context*/) {
  LB_TRY(text, text_argument(arguments, "text"));
  LB_TRY(name, text_argument(arguments, "case", "title"));
  const Text source = decode(text);
  Text result;
  if (name == "upper") {
    result = to_upper(source);
  } else if (name == "lower") {
    result = to_lower(source);
  } else if (name == "title") {
    result = to_title(source);
  } else if (name == "sentence") {
    result = to_sentence(source);
  } else if (name == "snake") {
    result = join(words_of(source), U'_', to_lower);
  } else if (name == "kebab") {
    result = join(words_of(source), U'-', to_lower);
  } else if (name == "constant") {
    result = join(words_of(source), U'_', to_upper);
  } else if (name == "camel") {
    result = to_camel(words_of(source));
  } else {
    return make_error(Code::invalid_argument,
                      "case must be upper, lower, title, sentence, snake, camel, kebab or constant.");
  }
  return boost::json::object{{"original", text}, {"result", encode(result)}, {"case", name}};
}

}  // namespace librebird::skills
