#pragma once

// The shapes of well-known keys and tokens: a fixed beginning and what follows it. Private.
// Sources: the vendors' documentation of their prefixes, and the public rule sets of secret scanners.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace librebird::vault {

enum class CharClass : std::uint8_t { upper_digit, alnum, word, word_dot, hex, base64, path };

[[nodiscard]] bool is_in(CharClass set, char c);

struct Shape {
  std::string_view kind;
  std::string_view prefix;
  CharClass tail;
  std::size_t least;      // characters after the prefix
  std::size_t most = 0;   // 0: as many as there are; else the character after them must not belong to `tail`
  bool digit_before = false;  // must follow a digit, instead of the beginning of a word
};

[[nodiscard]] std::span<const Shape> token_shapes();

}  // namespace librebird::vault
