#pragma once

// One JSON-RPC 2.0 message of the Model Context Protocol, as the server needs it. Sources: JSON-RPC 2.0 specification;
// MCP specification 2026-07-28 and 2025-11-25, "Base protocol". A value, any thread; JSON stays text.

#include <librebird/base/result.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace librebird::gateway {

// Codes of JSON-RPC and of MCP 2026-07-28.
enum class McpErrorCode {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  internal_error = -32603,
  header_mismatch = -32020,
  unsupported_version = -32022,
  server_error = -32000,
};

struct McpMessage {
  std::string id_json;  // as the client wrote it; empty: a notification
  std::string method;   // empty: an answer to a request of ours, and we make none
  // Of params:
  std::string name;
  bool has_name = false;
  std::string arguments_json = "{}";
  std::string requested_version;  // initialize: protocolVersion
  std::string cancelled_id_json;  // notifications/cancelled: requestId
  std::string cursor;
  // Of params._meta:
  std::optional<std::string> meta_version;
  bool meta_capabilities = false;
  std::string progress_token_json;

  // invalid_argument: not JSON; failed_precondition: JSON, but no message (both name what is wrong).
  static Result<McpMessage> parse(std::string_view text);
};

// The answer to a message that failed. `id_json` may be empty: null. `data_json` may be empty: none.
[[nodiscard]] std::string mcp_error(std::string_view id_json, McpErrorCode code, std::string_view message,
                                    std::string_view data_json = {});

}  // namespace librebird::gateway
