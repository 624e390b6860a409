#include "chat_request.hpp"

#include <librebird/base/json_value.hpp>
#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace librebird::gateway {
namespace {

namespace json = boost::json;

constexpr std::size_t kMessageLimit = 2'000;
constexpr std::size_t kToolLimit = 256;

Error wrong(std::string_view what) { return make_error(Code::invalid_argument, std::string(what)); }

const json::value* given(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Result<std::string> text_of(const json::object& object, std::string_view key, std::string_view where) {
  const auto* value = given(object, key);
  if (value == nullptr || !value->is_string()) return wrong(fmt::format("`{}{}` must be a string.", where, key));
  return std::string(value->get_string());
}

// Content is a string, null, or a list of parts; only text parts can be taken.
Result<std::string> content_of(const json::object& message, std::string_view where) {
  const auto* content = given(message, "content");
  if (content == nullptr) return std::string();
  if (content->is_string()) return std::string(content->get_string());
  const auto* parts = content->if_array();
  if (parts == nullptr) return wrong(fmt::format("`{}content` must be a string or a list of parts.", where));
  std::string text;
  for (const auto& part : *parts) {
    const auto* object = part.if_object();
    if (object == nullptr) return wrong(fmt::format("`{}content` holds something that is not a part.", where));
    LB_TRY(type, text_of(*object, "type", where));
    if (type != "text" && type != "refusal") {
      return wrong(fmt::format("`{}content` has a part of type `{}`; only text is understood.", where, type));
    }
    LB_TRY(piece, text_of(*object, type, where));
    text += piece;
  }
  return text;
}

Result<std::vector<ToolCall>> tool_calls_of(const json::object& message, std::string_view where) {
  std::vector<ToolCall> calls;
  const auto* list = given(message, "tool_calls");
  if (list == nullptr) return calls;
  if (!list->is_array()) return wrong(fmt::format("`{}tool_calls` must be a list.", where));
  for (const auto& item : list->get_array()) {
    const auto* object = item.if_object();
    const auto* function = object == nullptr ? nullptr : given(*object, "function");
    if (function == nullptr || !function->is_object()) {
      return wrong(fmt::format("`{}tool_calls` must hold function calls.", where));
    }
    ToolCall call;
    LB_TRY(id, text_of(*object, "id", where));
    LB_TRY(name, text_of(function->get_object(), "name", where));
    LB_TRY(arguments, text_of(function->get_object(), "arguments", where));
    call.id = std::move(id);
    call.name = std::move(name);
    call.arguments_json = std::move(arguments);
    calls.push_back(std::move(call));
  }
  return calls;
}

Result<ChatMessage> message_of(const json::value& value, std::size_t index) {
  const std::string where = fmt::format("messages[{}].", index);
  const auto* object = value.if_object();
  if (object == nullptr) return wrong(fmt::format("`messages[{}]` must be an object.", index));
  ChatMessage message;
  LB_TRY(role, text_of(*object, "role", where));
  // The newer name of "system".
  const auto known = chat_role_from_string(role == "developer" ? "system" : role);
  if (!known) return wrong(fmt::format("`{}role` must be system, developer, user, assistant or tool.", where));
  message.role = *known;
  LB_TRY(content, content_of(*object, where));
  message.content = std::move(content);
  if (message.role == ChatRole::assistant) {
    LB_TRY(calls, tool_calls_of(*object, where));
    message.tool_calls = std::move(calls);
  }
  if (message.role == ChatRole::tool) {
    LB_TRY(id, text_of(*object, "tool_call_id", where));
    message.tool_call_id = std::move(id);
  }
  return message;
}

// A result belongs to a call of the assistant message before it; vendors refuse others, each in its own words.
Status check_tool_results(const std::vector<ChatMessage>& messages) {
  const std::vector<ToolCall>* calls = nullptr;
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const ChatMessage& message = messages[i];
    if (message.role != ChatRole::tool) {
      calls = message.role == ChatRole::assistant ? &message.tool_calls : nullptr;
      continue;
    }
    if (calls == nullptr || std::ranges::find(*calls, message.tool_call_id, &ToolCall::id) == calls->end()) {
      return wrong(fmt::format("`messages[{}].tool_call_id` names no call of the assistant message before it.", i));
    }
  }
  return Ok{};
}

Result<ToolSpec> tool_of(const json::value& value, std::size_t index) {
  const std::string where = fmt::format("tools[{}].", index);
  const auto* object = value.if_object();
  const auto* function = object == nullptr ? nullptr : given(*object, "function");
  if (function == nullptr || !function->is_object()) {
    return wrong(fmt::format("`tools[{}]` must be of type function.", index));
  }
  ToolSpec tool;
  LB_TRY(name, text_of(function->get_object(), "name", where));
  tool.name = std::move(name);
  if (const auto* description = given(function->get_object(), "description"); description && description->is_string()) {
    tool.description = std::string(description->get_string());
  }
  const auto* parameters = given(function->get_object(), "parameters");
  if (parameters != nullptr && !parameters->is_object()) {
    return wrong(fmt::format("`{}function.parameters` must be a JSON Schema object.", where));
  }
  if (parameters != nullptr && !has_finite_numbers(*parameters)) {
    return wrong(fmt::format("`{}function.parameters` has a number out of range.", where));
  }
  tool.parameters_json = parameters == nullptr ? R"({"type":"object","properties":{}})" : json::serialize(*parameters);
  return tool;
}

Status read_tools(const json::object& object, CompletionCall& call) {
  if (const auto* tools = given(object, "tools")) {
    if (!tools->is_array() || tools->get_array().size() > kToolLimit) {
      return wrong(fmt::format("`tools` must be a list of at most {} functions.", kToolLimit));
    }
    for (std::size_t i = 0; i < tools->get_array().size(); ++i) {
      LB_TRY(tool, tool_of(tools->get_array()[i], i));
      call.chat.client_tools.push_back(std::move(tool));
    }
  }
  if (const auto* choice = given(object, "tool_choice")) {
    if (choice->is_string()) {
      call.chat.tool_choice = std::string(choice->get_string());
    } else if (const auto* chosen = choice->if_object()) {
      const auto* function = given(*chosen, "function");
      if (function == nullptr || !function->is_object()) return wrong("`tool_choice` must name a function.");
      LB_TRY(name, text_of(function->get_object(), "name", "tool_choice.function."));
      call.chat.tool_choice = std::move(name);
    } else {
      return wrong("`tool_choice` must be a string or an object.");
    }
  }
  return Ok{};
}

Status read_numbers(const json::object& object, CompletionCall& call) {
  boost::system::error_code failure;
  if (const auto* temperature = given(object, "temperature")) {
    const double value = temperature->is_number() ? temperature->to_number<double>(failure) : -1;
    if (value < 0 || value > 2) return wrong("`temperature` must be a number from 0 to 2.");
    call.chat.temperature = value;
  }
  const auto* limit = given(object, "max_completion_tokens");
  if (limit == nullptr) limit = given(object, "max_tokens");
  if (limit != nullptr) {
    const auto value = limit->is_number() ? limit->to_number<std::int64_t>(failure) : 0;
    if (failure || value < 1) return wrong("`max_tokens` must be a whole number above 0.");
    call.chat.max_tokens = value;
  }
  if (const auto* count = given(object, "n"); count != nullptr && (!count->is_int64() || count->get_int64() != 1)) {
    return wrong("`n` other than 1 is not offered.");
  }
  return Ok{};
}

}  // namespace

Result<CompletionCall> parse_completion(std::string_view body) {
  if (!is_utf8(body)) return wrong("The body is not valid UTF-8.");
  boost::system::error_code failure;
  json::parse_options options;
  options.max_depth = 64;
  const json::value value = json::parse(body, failure, {}, options);
  if (failure || !value.is_object()) return wrong("The body must be one JSON object.");
  const json::object& object = value.get_object();
  CompletionCall call;
  if (given(object, "model") != nullptr) {
    LB_TRY(model, text_of(object, "model", ""));
    call.model = std::move(model);
  }
  const auto* messages = given(object, "messages");
  if (messages == nullptr || !messages->is_array() || messages->get_array().empty() ||
      messages->get_array().size() > kMessageLimit) {
    return wrong(fmt::format("`messages` must be a list of 1 to {} messages.", kMessageLimit));
  }
  for (std::size_t i = 0; i < messages->get_array().size(); ++i) {
    LB_TRY(message, message_of(messages->get_array()[i], i));
    call.chat.history.push_back(std::move(message));
  }
  LB_CHECK(check_tool_results(call.chat.history));
  LB_CHECK(read_tools(object, call));
  LB_CHECK(read_numbers(object, call));
  if (const auto* stream = given(object, "stream")) {
    if (!stream->is_bool()) return wrong("`stream` must be true or false.");
    call.stream = stream->get_bool();
  }
  if (const auto* stream_options = given(object, "stream_options"); stream_options && stream_options->is_object()) {
    const auto* usage = given(stream_options->get_object(), "include_usage");
    call.include_usage = usage != nullptr && usage->is_bool() && usage->get_bool();
  }
  return call;
}

}  // namespace librebird::gateway
