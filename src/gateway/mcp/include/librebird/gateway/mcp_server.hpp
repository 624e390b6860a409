#pragma once

// What a Model Context Protocol server does, whatever carries its messages: it lists a person's tools and calls them.
// Sources: MCP specification 2026-07-28 (stateless) and 2025-11-25 (`initialize`), "Tools".
//
// Thread rule: loop only. Ownership: borrows the hands and the ids, which outlive it; every answer() must have come
// back before it dies.

#include <librebird/base/random.hpp>
#include <librebird/core/ports/hands_service.hpp>
#include <librebird/gateway/mcp_message.hpp>

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace librebird::gateway {

inline constexpr std::string_view kMcpRevision = "2026-07-28";

// Revisions that begin with `initialize`, newest first; others are not served.
[[nodiscard]] bool is_older_mcp_revision(std::string_view version);
// Does this message speak the stateless revision (or one we do not know)?
[[nodiscard]] bool is_stateless(const McpMessage& message);

struct McpAnswer {
  int http_status = 200;
  std::string body;  // empty: nothing to say (a notification)
};

class McpServer {
 public:
  // Sends a notification (whole JSON) ahead of the answer.
  using Notify = std::function<void(std::string notification)>;

  McpServer(HandsService& hands, IdGenerator& ids, std::string version);

  // Answers one message. `notify` may be null. When `stop` asks, a running tool is killed.
  Task<McpAnswer> answer(Principal principal, McpMessage message, Notify notify, std::stop_token stop);

 private:
  Task<McpAnswer> list_tools(Principal principal, McpMessage message);
  Task<McpAnswer> call_tool(Principal principal, McpMessage message, Notify notify, std::stop_token stop);
  [[nodiscard]] std::string initialize(const McpMessage& message) const;
  [[nodiscard]] std::string discover(const McpMessage& message) const;
  void cancel(const Principal& principal, const std::string& id_json);

  HandsService& hands_;
  IdGenerator& ids_;
  std::string version_;
  // Calls that run, by credential and the id its client gave: what notifications/cancelled can name.
  std::multimap<std::pair<std::string, std::string>, std::stop_source> running_;
};

}  // namespace librebird::gateway
