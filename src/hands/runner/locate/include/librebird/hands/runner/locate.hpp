#pragma once

// Finds the static runner on the host. Any thread.

#include <string>

namespace librebird::hands::runner {

// Absolute path of librebird-tool: `configured` if that is not empty, else in `tool_directory` or in its ../libexec.
// Empty: not there.
std::string find_runner(const std::string& configured, const std::string& tool_directory);

}  // namespace librebird::hands::runner
