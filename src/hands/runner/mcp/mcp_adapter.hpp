#pragma once

// `librebird-tool mcp [--settings] -- COMMAND...`: starts a local MCP server and carries lines between it and the host.
// Runs inside the sandbox as its first program; one thread. POSIX and the C++ library only.

#include <span>

namespace librebird::runner {

// The arguments behind "mcp". Returns the process's exit code.
int run_mcp_adapter(std::span<char* const> arguments);

}  // namespace librebird::runner
