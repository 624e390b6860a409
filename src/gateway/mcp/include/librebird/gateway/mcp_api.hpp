#pragma once

// The Model Context Protocol over streamable HTTP: one endpoint, one message a POST, no session. Sources: MCP
// specification 2026-07-28 and 2025-11-25, "Streamable HTTP". Thread rule: loop only.

#include <librebird/gateway/mcp_server.hpp>
#include <librebird/net/http_server.hpp>

#include <optional>

namespace librebird::gateway {

class McpApi {
 public:
  McpApi(HandsService& hands, IdGenerator& ids, std::string version);

  // Answers a request of a known caller; nullopt: it was streamed.
  Task<std::optional<net::Response>> handle(net::Exchange& exchange, Principal principal);
  // A refusal ahead of any message (no credential, wrong origin): problem as JSON-RPC error.
  [[nodiscard]] static net::Response refusal(const Error& error);

 private:
  Task<std::optional<net::Response>> stream(net::Exchange& exchange, Principal principal, McpMessage message);

  McpServer server_;
};

}  // namespace librebird::gateway
