#pragma once

// Reading and writing the key file. Blocking; private.

#include <librebird/base/result.hpp>

#include <optional>
#include <string>

namespace librebird::credentials {

// nullopt: there is none. failed_precondition: unreadable, readable by others, or not a plain file.
// `ours`: whether its permissions are for us to judge (a service manager's are not).
Result<std::optional<std::string>> read_key_file(const std::string& path, bool ours);
// Durable before it returns; a reader sees the old text or the new one. `fresh`: already_exists if it is there.
Status write_key_file(const std::string& path, std::string_view text, bool fresh);

}  // namespace librebird::credentials
