#include <librebird/gateway/mcp_message.hpp>

#include <librebird/base/json_writer.hpp>

#include <boost/json.hpp>

namespace librebird::gateway {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxId = 256;  // bytes

Error no_message(std::string what) { return make_error(Code::failed_precondition, std::move(what)); }

const json::object* object_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr ? value->if_object() : nullptr;
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

// An id or token: text or a whole number. Empty: something else.
std::string token_json(const json::value& value) {
  if (!value.is_string() && !value.is_int64() && !value.is_uint64()) return {};
  std::string text = json::serialize(value);
  return text.size() <= kMaxId ? text : std::string();
}

Status read_params(const json::object& params, McpMessage& message) {
  if (const json::value* name = params.if_contains("name")) {
    if (!name->is_string()) return no_message("params.name must be text.");
    message.name = std::string(name->as_string());
    message.has_name = true;
  }
  if (const json::value* arguments = params.if_contains("arguments")) {
    if (!arguments->is_object()) return no_message("params.arguments must be an object.");
    message.arguments_json = json::serialize(*arguments);
  }
  message.requested_version = text_at(params, "protocolVersion");
  message.cursor = text_at(params, "cursor");
  if (const json::value* cancelled = params.if_contains("requestId"))
    message.cancelled_id_json = token_json(*cancelled);
  const json::object* meta = object_at(params, "_meta");
  if (meta == nullptr) return Ok{};
  if (const json::value* version = meta->if_contains("io.modelcontextprotocol/protocolVersion")) {
    if (version->is_string()) message.meta_version = std::string(version->as_string());
  }
  message.meta_capabilities = object_at(*meta, "io.modelcontextprotocol/clientCapabilities") != nullptr;
  if (const json::value* token = meta->if_contains("progressToken")) message.progress_token_json = token_json(*token);
  return Ok{};
}

}  // namespace

Result<McpMessage> McpMessage::parse(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 64;
  const json::value value = json::parse({text.data(), text.size()}, error, {}, options);
  if (error) return make_error(Code::invalid_argument, "The message is not JSON: " + error.message() + ".");
  if (value.is_array()) return no_message("Batches are not part of this protocol; send one message at a time.");
  if (!value.is_object()) return no_message("A message must be a JSON object.");
  const json::object& object = value.as_object();
  if (text_at(object, "jsonrpc") != "2.0") return no_message("`jsonrpc` must be \"2.0\".");
  McpMessage message;
  if (const json::value* id = object.if_contains("id")) {
    message.id_json = token_json(*id);
    if (message.id_json.empty()) return no_message("`id` must be text or a whole number.");
  }
  const json::value* method = object.if_contains("method");
  if (method == nullptr) {
    if (object.contains("result") || object.contains("error")) return message;
    return no_message("`method` is missing.");
  }
  if (!method->is_string() || method->as_string().empty()) return no_message("`method` must be text.");
  message.method = std::string(method->as_string());
  const json::value* params = object.if_contains("params");
  if (params == nullptr) return message;
  if (!params->is_object()) return no_message("`params` must be an object.");
  LB_CHECK(read_params(params->as_object(), message));
  return message;
}

std::string mcp_error(std::string_view id_json, McpErrorCode code, std::string_view message,
                      std::string_view data_json) {
  JsonWriter json;
  json.begin_object().field("jsonrpc", "2.0").raw_field("id", id_json.empty() ? "null" : id_json);
  json.key("error").begin_object().field("code", static_cast<int>(code)).field("message", message);
  if (!data_json.empty()) json.raw_field("data", data_json);
  json.end_object().end_object();
  return std::move(json).take();
}

}  // namespace librebird::gateway
