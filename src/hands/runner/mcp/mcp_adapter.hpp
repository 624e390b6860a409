#pragma once

// `librebird-tool mcp [--settings] [--path FOLDERS] -- argv...`: starts a local MCP server and carries lines between it
// and the host. Runs inside the sandbox; one thread. POSIX and the C++ library only.
//   --settings      start the server at the first call, with the call's settings as environment names
//   --path FOLDERS  look for programs there first

#include <span>

namespace librebird::runner {

// The arguments behind "mcp". Returns the process's exit code.
int run_mcp_adapter(std::span<char* const> arguments);

}  // namespace librebird::runner
