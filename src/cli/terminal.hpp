#pragma once

// What goes to and comes from a person's terminal. Private; blocking.

#include <librebird/base/result.hpp>

#include <string>
#include <string_view>

namespace librebird::cli {

// Without control characters: text of others must not steer the terminal.
[[nodiscard]] std::string printable(std::string_view text);

// A secret from standard input: typed without echo at a terminal, else all there is, without the last newline.
// too_large: more than `limit` bytes.
Result<std::string> read_secret(const std::string& prompt, std::size_t limit);

}  // namespace librebird::cli
