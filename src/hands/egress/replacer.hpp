#pragma once

// Replaces known texts in a stream, across the borders of its pieces. Holds back no more than what may be the beginning
// of one of them. Pure; any thread.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::egress {

struct Replacement {
  std::string find;  // not empty
  std::string put;
};

class Replacer {
 public:
  explicit Replacer(std::vector<Replacement> replacements);

  // Of overlapping finds the first counts, of those at one place the longest.
  [[nodiscard]] std::string feed(std::string_view piece);
  // What was held back.
  [[nodiscard]] std::string finish();
  [[nodiscard]] bool empty() const { return replacements_.empty(); }
  // How many were made so far.
  [[nodiscard]] std::size_t made() const { return made_; }
  [[nodiscard]] std::string all(std::string_view text);

 private:
  [[nodiscard]] std::size_t held_from(std::string_view text) const;

  std::vector<Replacement> replacements_;
  std::size_t longest_ = 0;
  std::string pending_;
  std::size_t made_ = 0;
};

}  // namespace librebird::egress
