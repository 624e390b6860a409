#pragma once

// `librebird-tool mcp-http URL`: between an MCP server on the web (streamable HTTP, specification 2025-06-18,
// basic/transports) and the tool protocol. Runs inside the sandbox; one thread; reaches the server through the fence
// only. Nothing is asked before the first call or description; the call's setting `access_token` (a placeholder) goes
// along as the bearer token. POSIX and the C++ library only.

#include <span>
#include <string>

namespace librebird::runner {

// The arguments behind "mcp-http". Returns the process's exit code.
int run_mcp_http(std::span<char* const> arguments);

// The same, with the fence's socket elsewhere.
int serve_mcp_http(std::string url, const std::string& fence_socket);

}  // namespace librebird::runner
