#pragma once

// What a message asks for, by plain rules. English only, deterministic, no I/O. Pure functions.

#include <string>
#include <string_view>
#include <vector>

namespace librebird::brain::demo {

// A wish that a tool can fulfil.
struct Intent {
  std::string tool;
  std::string arguments_json;

  friend bool operator==(const Intent&, const Intent&) = default;
};

struct Understanding {
  std::vector<Intent> intents;  // at most kMostIntents, in a fixed order
  bool greeting = false;
  bool help = false;
};

inline constexpr std::size_t kMostIntents = 6;

[[nodiscard]] Understanding understand(std::string_view message);

// "17.5% of 2340" -> "2340*17.5/100", "12 times 3" -> "12*3"; empty if there is no arithmetic in the text.
[[nodiscard]] std::string arithmetic_in(std::string_view text);

}  // namespace librebird::brain::demo
