#pragma once

// UTF-8 (RFC 3629): the check at every edge, and cutting text without breaking it. Pure functions, any thread.

#include <cstddef>
#include <string>
#include <string_view>

namespace librebird {

// True if `text` is well-formed: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);
// Each broken byte becomes U+FFFD.
[[nodiscard]] std::string to_valid_utf8(std::string_view text);
// The longest prefix of at most `bytes` bytes that does not end inside a character. `text` is well-formed.
[[nodiscard]] std::string_view utf8_prefix(std::string_view text, std::size_t bytes);

}  // namespace librebird
