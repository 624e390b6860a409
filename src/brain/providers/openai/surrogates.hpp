#pragma once

// Servers that cut text by UTF-16 units (common in JavaScript) send a character outside the basic plane as two lone
// surrogate escapes in two chunks. RFC 8259 calls that unpredictable and our parser refuses it, so the halves are
// carried through as three raw bytes each and put together again behind the parser. Pure functions.

#include <string>
#include <string_view>

namespace librebird::brain::openai {

// Rewrites lone \uD8xx and \uDCxx escapes in JSON text as raw bytes (their generalised UTF-8).
[[nodiscard]] std::string with_raw_halves(std::string_view json);
// Puts neighbouring halves together.
[[nodiscard]] std::string join_halves(std::string_view text);
// True if `text` ends with the first half of a character.
[[nodiscard]] bool ends_with_half(std::string_view text);

}  // namespace librebird::brain::openai
