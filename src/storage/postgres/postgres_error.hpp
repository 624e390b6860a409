#pragma once

// The one place where SQLSTATE codes become errors. https://www.postgresql.org/docs/current/errcodes-appendix.html

#include <librebird/base/result.hpp>

#include <string>
#include <string_view>

namespace librebird::storage {

// `name`: the database as the user knows it, without its password. `detail`: the server's words.
[[nodiscard]] Error postgres_error(std::string_view sqlstate, std::string_view detail, std::string_view name);
// The server could not be reached, or the connection was lost.
[[nodiscard]] Error unreachable(std::string_view detail, std::string_view name);

}  // namespace librebird::storage
