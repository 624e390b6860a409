#include <librebird/gateway/mcp_server.hpp>

#include <librebird/base/json_writer.hpp>

#include <boost/json.hpp>

#include <algorithm>
#include <array>

namespace librebird::gateway {
namespace {

constexpr std::array<std::string_view, 3> kOlder = {"2025-11-25", "2025-06-18", "2025-03-26"};
constexpr std::string_view kInstructions =
    "Tools of a Libre Bird workspace. Each call runs contained and is audited; a refusal says what would allow it.";

void write_server_info(JsonWriter& json, std::string_view version) {
  json.begin_object().field("name", "librebird").field("title", "Libre Bird").field("version", version).end_object();
}

// Opens {"jsonrpc","id","result":{ ... and leaves the result open.
JsonWriter begin_result(const McpMessage& message) {
  JsonWriter json;
  json.begin_object().field("jsonrpc", "2.0").raw_field("id", message.id_json).key("result").begin_object();
  return json;
}

std::string end_result(JsonWriter json, const McpMessage& message, std::string_view version) {
  if (is_stateless(message)) {
    json.field("resultType", "complete").key("_meta").begin_object().key("io.modelcontextprotocol/serverInfo");
    write_server_info(json, version);
    json.end_object();
  }
  json.end_object().end_object();
  return std::move(json).take();
}

// Tools and permissions change at any time and are this person's own.
void write_caching(JsonWriter& json) { json.field("ttlMs", 0).field("cacheScope", "private"); }

void write_tool(JsonWriter& json, const ToolSpec& tool) {
  json.begin_object().field("name", tool.name).field("description", tool.description);
  json.raw_field("inputSchema", tool.parameters_json).key("annotations").begin_object();
  json.field("readOnlyHint", !tool.writes).field("destructiveHint", tool.writes);
  json.field("idempotentHint", tool.idempotent).field("openWorldHint", !tool.network.empty());
  json.end_object().end_object();
}

// The value as text, and as structured content where the protocol has a place for it (an object).
void write_content(JsonWriter& json, const ToolResult& result) {
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(result.content_json, error);
  const bool text = !error && value.is_string();
  json.key("content").begin_array().begin_object().field("type", "text");
  json.field("text", text ? std::string_view(value.as_string()) : std::string_view(result.content_json));
  json.end_object().end_array();
  if (!error && value.is_object()) json.raw_field("structuredContent", result.content_json);
  if (result.status != ToolStatus::ok) json.field("isError", true);
}

McpAnswer failure(const McpMessage& message, McpErrorCode code, std::string_view what, int status = 200) {
  return {status, mcp_error(message.id_json, code, what)};
}

}  // namespace

bool is_older_mcp_revision(std::string_view version) { return std::ranges::find(kOlder, version) != kOlder.end(); }

bool is_stateless(const McpMessage& message) {
  return message.meta_version.has_value() || message.method == "server/discover";
}

McpServer::McpServer(HandsService& hands, IdGenerator& ids, std::string version)
    : hands_(hands), ids_(ids), version_(std::move(version)) {}

Task<McpAnswer> McpServer::answer(Principal principal, McpMessage message, Notify notify, std::stop_token stop) {
  if (message.id_json.empty() || message.method.empty()) {
    if (message.method == "notifications/cancelled") cancel(principal, message.cancelled_id_json);
    co_return McpAnswer{202, {}};
  }
  const bool stateless = is_stateless(message);
  if (stateless && (!message.meta_version || !message.meta_capabilities)) {
    co_return failure(message, McpErrorCode::invalid_params,
                      "params._meta needs io.modelcontextprotocol/protocolVersion and "
                      "io.modelcontextprotocol/clientCapabilities.",
                      400);
  }
  if (stateless && *message.meta_version != kMcpRevision) {
    JsonWriter data;
    data.begin_object().key("supported").begin_array().value(kMcpRevision).end_array();
    data.field("requested", *message.meta_version).end_object();
    co_return McpAnswer{400, mcp_error(message.id_json, McpErrorCode::unsupported_version,
                                       "This protocol version is not served.", data.text())};
  }
  if (message.method == "tools/list") co_return co_await list_tools(std::move(principal), std::move(message));
  if (message.method == "tools/call") {
    co_return co_await call_tool(std::move(principal), std::move(message), std::move(notify), stop);
  }
  if (stateless && message.method == "server/discover") co_return McpAnswer{200, discover(message)};
  if (!stateless && message.method == "initialize") co_return McpAnswer{200, initialize(message)};
  if (!stateless && message.method == "ping") {
    co_return McpAnswer{200, end_result(begin_result(message), message, version_)};
  }
  co_return failure(message, McpErrorCode::method_not_found, "There is no method " + message.method + " here.",
                    stateless ? 404 : 200);
}

std::string McpServer::initialize(const McpMessage& message) const {
  JsonWriter json = begin_result(message);
  const bool known = is_older_mcp_revision(message.requested_version);
  json.field("protocolVersion", known ? std::string_view(message.requested_version) : kOlder[0]);
  json.key("capabilities").begin_object().key("tools").begin_object().end_object().end_object().key("serverInfo");
  write_server_info(json, version_);
  json.field("instructions", kInstructions);
  return end_result(std::move(json), message, version_);
}

std::string McpServer::discover(const McpMessage& message) const {
  JsonWriter json = begin_result(message);
  json.key("supportedVersions").begin_array().value(kMcpRevision).end_array();
  json.key("capabilities").begin_object().key("tools").begin_object().end_object().end_object();
  json.field("instructions", kInstructions);
  write_caching(json);
  return end_result(std::move(json), message, version_);
}

Task<McpAnswer> McpServer::list_tools(Principal principal, McpMessage message) {
  // One page: a cursor can only be of somebody else's making.
  if (!message.cursor.empty()) co_return failure(message, McpErrorCode::invalid_params, "There is no such page.");
  auto tools = co_await hands_.list_tools(std::move(principal), std::nullopt);
  if (!tools) co_return failure(message, McpErrorCode::server_error, tools.error().message);
  JsonWriter json = begin_result(message);
  json.key("tools").begin_array();
  for (const ToolSpec& tool : *tools) write_tool(json, tool);
  json.end_array();
  if (is_stateless(message)) write_caching(json);
  co_return McpAnswer{200, end_result(std::move(json), message, version_)};
}

Task<McpAnswer> McpServer::call_tool(Principal principal, McpMessage message, Notify notify, std::stop_token stop) {
  if (message.name.empty()) co_return failure(message, McpErrorCode::invalid_params, "params.name is missing.");
  auto tools = co_await hands_.list_tools(principal, std::nullopt);
  if (!tools) co_return failure(message, McpErrorCode::server_error, tools.error().message);
  if (std::ranges::find(*tools, message.name, &ToolSpec::name) == tools->end()) {
    co_return failure(message, McpErrorCode::invalid_params, "Unknown tool: " + message.name.substr(0, 100));
  }
  const auto running = running_.emplace(std::pair(principal.credential_id, message.id_json), std::stop_source{});
  const std::stop_source source = running->second;
  const auto forward = [source]() mutable { source.request_stop(); };
  const std::stop_callback on_stop(stop, forward);
  OutputSink sink;
  if (notify && !message.progress_token_json.empty()) {
    sink = [&notify, &message, told = 0](std::string_view text) mutable {
      JsonWriter json;
      json.begin_object()
          .field("jsonrpc", "2.0")
          .field("method", "notifications/progress")
          .key("params")
          .begin_object();
      json.raw_field("progressToken", message.progress_token_json).field("progress", ++told).field("message", text);
      json.end_object().end_object();
      notify(std::move(json).take());
    };
  }
  ToolRequest request;
  request.call = {ids_.next(), message.name, message.arguments_json};
  request.principal = std::move(principal);
  auto result =
      co_await hands_.execute_tool(std::move(request), ToolObserver{std::move(sink), {}, {}}, source.get_token());
  running_.erase(running);
  if (!result) {
    const bool cancelled = result.error().code == Code::cancelled;
    co_return failure(message, McpErrorCode::server_error,
                      cancelled ? std::string("The call was cancelled.") : result.error().message);
  }
  JsonWriter json = begin_result(message);
  write_content(json, *result);
  co_return McpAnswer{200, end_result(std::move(json), message, version_)};
}

void McpServer::cancel(const Principal& principal, const std::string& id_json) {
  const auto [first, last] = running_.equal_range({principal.credential_id, id_json});
  for (auto call = first; call != last; ++call) call->second.request_stop();
}

}  // namespace librebird::gateway
