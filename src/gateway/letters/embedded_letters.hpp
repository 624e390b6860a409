#pragma once

// The files of letters/, as they were built in. Private.

#include <span>
#include <string_view>

namespace librebird::gateway {

struct EmbeddedLetter {
  std::string_view name;
  std::string_view text;
};
[[nodiscard]] std::span<const EmbeddedLetter> embedded_letters();

}  // namespace librebird::gateway
