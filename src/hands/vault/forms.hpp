#pragma once

// The ways in which a value shows up in text that carries it. Pure; private.

#include <string>
#include <string_view>
#include <vector>

namespace librebird::vault {

// The value itself first, then each other form of at least kMinValueBytes, without repetition.
[[nodiscard]] std::vector<std::string> forms_of(std::string_view value);

}  // namespace librebird::vault
