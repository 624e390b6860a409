#pragma once

// Applies a function to every piece of text in a JSON value. Pure; private.

#include <functional>
#include <string>
#include <string_view>

namespace librebird::vault {

using TextMap = std::function<std::string(std::string_view)>;

// Strings and keys are replaced by what `map` makes of them; a number whose digits it changes becomes that string.
// Answers the JSON as it was when nothing changed, and map(json) when it is not valid JSON.
[[nodiscard]] std::string map_json_text(std::string_view json, const TextMap& map);

}  // namespace librebird::vault
