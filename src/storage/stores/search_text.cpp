#include "search_text.hpp"

#include <librebird/base/utf8.hpp>

#include <algorithm>
#include <cstdint>

namespace librebird::storage {
namespace {

constexpr std::size_t kTokenBytes = 96;
constexpr std::size_t kWords = 8;
constexpr std::size_t kIndexBytes = 256 * 1024;
constexpr std::string_view kOpen = "\xE2\x81\xA8";   // U+2068
constexpr std::string_view kClose = "\xE2\x81\xA9";  // U+2069

struct Character {
  char32_t code;
  std::size_t length;
};

Character character_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<char32_t>(static_cast<std::uint8_t>(text[at + i])); };
  const char32_t lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead < 0xE0 && at + 1 < text.size()) return {(lead & 0x1F) << 6 | (byte(1) & 0x3F), 2};
  if (lead < 0xF0 && at + 2 < text.size()) return {(lead & 0x0F) << 12 | (byte(1) & 0x3F) << 6 | (byte(2) & 0x3F), 3};
  if (at + 3 < text.size()) {
    return {(lead & 0x07) << 18 | (byte(1) & 0x3F) << 12 | (byte(2) & 0x3F) << 6 | (byte(3) & 0x3F), 4};
  }
  return {0xFFFD, text.size() - at};
}

void append_utf8(std::string& out, char32_t code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | code >> 6));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | code >> 12));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | code >> 18));
    out.push_back(static_cast<char>(0x80 | (code >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

bool in(char32_t code, char32_t first, char32_t last) { return code >= first && code <= last; }

bool is_separator(char32_t c) {
  if (c < 0x80) return !(in(c, 'a', 'z') || in(c, 'A', 'Z') || in(c, '0', '9'));
  return in(c, 0x80, 0xA9) || in(c, 0xAB, 0xB4) || in(c, 0xB6, 0xB9) || in(c, 0xBB, 0xBF) || c == 0xD7 || c == 0xF7 ||
         in(c, 0x2000, 0x206F) || in(c, 0x20A0, 0x20CF) || in(c, 0x2E00, 0x2E7F) || in(c, 0x3000, 0x3004) ||
         in(c, 0x3008, 0x3020) || c == 0x3030 || in(c, 0xFE10, 0xFE1F) || in(c, 0xFE30, 0xFE6F) ||
         in(c, 0xFF01, 0xFF0F) || in(c, 0xFF1A, 0xFF20) || in(c, 0xFF3B, 0xFF40) || in(c, 0xFF5B, 0xFF65) ||
         c == 0xFEFF || in(c, 0xFFF0, 0xFFFF) || c == 0x060C || c == 0x061B || c == 0x061F || c == 0x06D4 ||
         c == 0x0964 || c == 0x0965;
}

// Scripts without spaces, and signs that each stand for something (emoji).
bool stands_alone(char32_t c) {
  return in(c, 0x0E00, 0x0EFF) || in(c, 0x1000, 0x109F) || in(c, 0x1780, 0x17FF) || in(c, 0x2190, 0x2BFF) ||
         in(c, 0x3005, 0x3007) || in(c, 0x3021, 0x302F) || in(c, 0x3031, 0x30FF) || in(c, 0x31F0, 0x31FF) ||
         in(c, 0x3400, 0x9FFF) || in(c, 0xF900, 0xFAFF) || in(c, 0xFF66, 0xFF9F) || in(c, 0x1F000, 0x1FAFF) ||
         in(c, 0x20000, 0x3FFFF);
}

bool is_combining(char32_t c) {
  return in(c, 0x300, 0x36F) || in(c, 0x1AB0, 0x1AFF) || in(c, 0x20D0, 0x20FF) || in(c, 0xFE00, 0xFE0F);
}

// Base letters, one entry a character; '?' keeps the character.
constexpr std::string_view kLatin1 =  // U+00C0 to U+00FF
    "aaaaaa?ceeeeiiii?nooooo?ouuuuy??aaaaaa?ceeeeiiii?nooooo?ouuuuy?y";
constexpr std::string_view kLatinA =  // U+0100 to U+017F
    "aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii??jjkk?llllllllllnnnnnnn??oooooo??rrrrrrssssssssttttttuuuuuu"
    "uuuuuuwwyyyzzzzzzs";
constexpr std::string_view kLatinAdditional =  // U+1E00 to U+1EFF
    "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrrsssssssssstttt"
    "ttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwyasss??aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeeeiiiioooooooooooooooo"
    "oooooooouuuuuuuuuuuuuuyyyyyyyy????yy";
static_assert(kLatin1.size() == 64);
static_assert(kLatinA.size() == 128);
static_assert(kLatinAdditional.size() == 256);

char32_t looked_up(std::string_view table, char32_t first, char32_t c) {
  const char base = table[c - first];
  return base == '?' ? c : static_cast<char32_t>(base);
}

char32_t fold(char32_t c) {
  if (in(c, 'A', 'Z')) return c + 32;
  if (c < 0xC0) return c;
  if (c <= 0xFF) {
    const char32_t base = looked_up(kLatin1, 0xC0, c);
    return in(base, 0xC0, 0xDE) && base != 0xD7 ? base + 32 : base;
  }
  if (c <= 0x17F) {
    const char32_t base = looked_up(kLatinA, 0x100, c);
    return base == 0x132 || base == 0x14A || base == 0x152 ? base + 1 : base;
  }
  if (in(c, 0x370, 0x3FF)) {
    switch (c) {
      case 0x386:
      case 0x3AC: return 0x3B1;
      case 0x388:
      case 0x3AD: return 0x3B5;
      case 0x389:
      case 0x3AE: return 0x3B7;
      case 0x38A:
      case 0x3AF:
      case 0x3AA:
      case 0x3CA:
      case 0x390: return 0x3B9;
      case 0x38C:
      case 0x3CC: return 0x3BF;
      case 0x38E:
      case 0x3CD:
      case 0x3AB:
      case 0x3CB:
      case 0x3B0: return 0x3C5;
      case 0x38F:
      case 0x3CE: return 0x3C9;
      case 0x3C2: return 0x3C3;
      default: return in(c, 0x391, 0x3A9) ? c + 32 : c;
    }
  }
  if (in(c, 0x400, 0x52F)) {
    if (c == 0x401 || c == 0x451) return 0x435;  // yo is commonly written as ye
    if (in(c, 0x410, 0x42F)) return c + 32;
    if (in(c, 0x400, 0x40F)) return c + 80;
    if (in(c, 0x460, 0x481) || in(c, 0x48A, 0x4BF) || in(c, 0x4D0, 0x52F)) return c | 1;
    return c;
  }
  if (in(c, 0x531, 0x556)) return c + 48;
  if (in(c, 0x1E00, 0x1EFF)) return looked_up(kLatinAdditional, 0x1E00, c);
  if (in(c, 0xFF21, 0xFF3A)) return c - 0xFF21 + 'a';  // full-width forms
  if (in(c, 0xFF41, 0xFF5A)) return c - 0xFF41 + 'a';
  if (in(c, 0xFF10, 0xFF19)) return c - 0xFF10 + '0';
  return c;
}

bool matches_at(const std::vector<Token>& tokens, std::size_t at, const SearchWord& word) {
  if (at + word.tokens.size() > tokens.size()) return false;
  for (std::size_t i = 0; i < word.tokens.size(); ++i) {
    const std::string& have = tokens[at + i].text;
    const bool last = i + 1 == word.tokens.size();
    if (last && word.prefix ? !have.starts_with(word.tokens[i]) : have != word.tokens[i]) return false;
  }
  return true;
}

}  // namespace

std::vector<Token> tokens_of(std::string_view text, std::size_t limit) {
  std::vector<Token> tokens;
  bool open = false;  // the last token may grow
  for (std::size_t at = 0; at < text.size();) {
    const auto [code, length] = character_at(text, at);
    const std::size_t begin = at;
    at += length;
    if (is_combining(code)) {
      if (open) tokens.back().end = at;
      continue;
    }
    if (is_separator(code)) {
      open = false;
      continue;
    }
    const bool alone = stands_alone(code);
    if (!open || alone) {
      if (tokens.size() >= limit) break;
      tokens.push_back({"", begin, begin});
    }
    open = !alone;
    Token& token = tokens.back();
    token.end = at;
    if (token.text.size() < kTokenBytes) append_utf8(token.text, fold(code));
  }
  return tokens;
}

std::vector<SearchWord> words_of(std::string_view query, bool prefix_last) {
  constexpr std::size_t kQueryBytes = 1024;
  constexpr std::size_t kTokensInWord = 16;
  std::vector<SearchWord> words;
  query = utf8_prefix(query, kQueryBytes);
  while (!query.empty() && words.size() < kWords) {
    constexpr std::string_view kSpaces = " \t\r\n";
    const std::size_t begin = std::min(query.find_first_not_of(kSpaces), query.size());
    const std::size_t end = std::min(query.find_first_of(kSpaces, begin), query.size());
    SearchWord word;
    for (Token& token : tokens_of(query.substr(begin, end - begin), kTokensInWord)) {
      word.tokens.push_back(std::move(token.text));
    }
    if (!word.tokens.empty()) words.push_back(std::move(word));
    query.remove_prefix(end);
  }
  if (prefix_last && !words.empty()) words.back().prefix = true;
  return words;
}

std::string index_text(std::string_view text) {
  std::string out;
  text = utf8_prefix(text, kIndexBytes);
  out.reserve(text.size());
  for (const Token& token : tokens_of(text, text.size())) {
    if (!out.empty()) out.push_back(' ');
    out += token.text;
  }
  return out;
}

std::string conversation_token(std::string_view conversation_id) {
  std::string token;
  for (const char c : conversation_id) {
    if (c != '-') token.push_back(c);
  }
  return token;
}

std::string author_token(std::string_view workspace_id, std::string_view user_id) {
  return conversation_token(workspace_id) + conversation_token(user_id);
}

bool contains_word(const std::vector<Token>& tokens, const SearchWord& word) {
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    if (matches_at(tokens, at, word)) return true;
  }
  return false;
}

std::string snippet_of(std::string_view text, const std::vector<SearchWord>& words, std::size_t characters) {
  text = utf8_prefix(text, kIndexBytes);
  const std::vector<Token> tokens = tokens_of(text, text.size());
  struct Span {
    std::size_t begin;
    std::size_t end;
  };
  std::vector<Span> spans;
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    std::size_t length = 0;
    for (const SearchWord& word : words) {
      if (matches_at(tokens, at, word)) length = std::max(length, word.tokens.size());
    }
    if (length == 0) continue;
    spans.push_back({tokens[at].begin, tokens[at + length - 1].end});
    at += length - 1;
  }
  const auto back = [&](std::size_t from, std::size_t count) {
    while (from > 0 && count > 0) {
      --from;
      if ((static_cast<unsigned char>(text[from]) & 0xC0) != 0x80) --count;
    }
    return from;
  };
  const auto forward = [&](std::size_t from, std::size_t count) {
    while (from < text.size() && count > 0) {
      ++from;
      while (from < text.size() && (static_cast<unsigned char>(text[from]) & 0xC0) == 0x80) ++from;
      --count;
    }
    return from;
  };
  const std::size_t begin = spans.empty() ? 0 : back(spans.front().begin, characters / 3);
  const std::size_t end = forward(begin, characters);
  std::string out = begin > 0 ? "…" : "";
  std::size_t at = begin;
  for (const Span& span : spans) {
    if (span.begin < at) continue;
    if (span.end > end) break;
    out += text.substr(at, span.begin - at);
    out += kOpen;
    out += text.substr(span.begin, span.end - span.begin);
    out += kClose;
    at = span.end;
  }
  out += text.substr(at, end - at);
  if (end < text.size()) out += "…";
  std::ranges::replace_if(out, [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return out;
}

}  // namespace librebird::storage
