#include "request.hpp"

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>

namespace librebird::brain::openai {
namespace {

constexpr std::size_t kRememberedSchemas = 4096;
const std::string kAnyObject = R"({"type":"object","properties":{}})";

bool is_json_object(std::string_view text) {
  unsigned char buffer[4096];
  boost::json::monotonic_resource memory(buffer);
  boost::json::error_code failure;
  const boost::json::value value = boost::json::parse({text.data(), text.size()}, failure, &memory);
  return !failure && value.is_object();
}

// Appends a JSON string. Long runs without anything to escape are copied in one go.
void append_string(std::string& out, std::string_view text) {
  out.push_back('"');
  append_json_escaped(out, text);
  out.push_back('"');
}

void append_calls(std::string& out, const std::vector<ToolCall>& calls) {
  out += R"(,"tool_calls":[)";
  bool first = true;
  for (const ToolCall& call : calls) {
    if (!std::exchange(first, false)) out.push_back(',');
    out += R"({"id":)";
    append_string(out, call.id);
    out += R"(,"type":"function","function":{"name":)";
    append_string(out, call.name);
    out += R"(,"arguments":)";
    // Several servers parse the arguments again and fail on what the model itself had written wrongly.
    append_string(out, is_json_object(call.arguments_json) ? std::string_view(call.arguments_json) : "{}");
    out += "}}";
  }
  out.push_back(']');
}

void append_message(std::string& out, const ChatMessage& message) {
  out += R"({"role":")";
  out += to_string(message.role);
  out += R"(","content":)";
  if (message.content.empty() && !message.tool_calls.empty()) {
    out += "null";
  } else {
    append_string(out, message.content);
  }
  if (!message.tool_calls.empty()) append_calls(out, message.tool_calls);
  if (message.role == ChatRole::tool) {
    out += R"(,"tool_call_id":)";
    append_string(out, message.tool_call_id);
  }
  out.push_back('}');
}

std::size_t estimate(const CompletionRequest& request) {
  std::size_t size = 512;
  for (const ChatMessage& message : request.messages) {
    size += message.content.size() + message.content.size() / 16 + 96;
    for (const ToolCall& call : message.tool_calls) size += call.arguments_json.size() * 2 + 160;
  }
  for (const ToolSpec& tool : request.tools) size += tool.description.size() + tool.parameters_json.size() + 160;
  return size;
}

bool names(std::string_view complaint, std::string_view field) {
  return complaint.find(field) != std::string_view::npos;
}

}  // namespace

bool adapt(Quirks& quirks, const CompletionRequest& request, std::string_view complaint) {
  if (!quirks.no_stream_options && (names(complaint, "stream_options") || names(complaint, "include_usage"))) {
    return quirks.no_stream_options = true;
  }
  if (!quirks.max_completion_tokens && request.max_tokens && names(complaint, "max_completion_tokens")) {
    return quirks.max_completion_tokens = true;
  }
  if (!quirks.no_temperature && request.temperature && names(complaint, "temperature") &&
      (names(complaint, "nsupported") || names(complaint, "not support"))) {
    return quirks.no_temperature = true;
  }
  return false;
}

const std::string& RequestWriter::schema_of(const ToolSpec& tool) {
  const auto known = sound_schemas_.find(tool.parameters_json);
  if (known != sound_schemas_.end()) return *known;
  if (!is_json_object(tool.parameters_json)) return kAnyObject;
  if (sound_schemas_.size() >= kRememberedSchemas) sound_schemas_.clear();
  return *sound_schemas_.insert(tool.parameters_json).first;
}

void RequestWriter::write_tools(std::string& out, const CompletionRequest& request) {
  out += R"(,"tools":[)";
  bool first = true;
  for (const ToolSpec& tool : request.tools) {
    if (!std::exchange(first, false)) out.push_back(',');
    out += R"({"type":"function","function":{"name":)";
    append_string(out, tool.name);
    out += R"(,"description":)";
    append_string(out, tool.description);
    out += R"(,"parameters":)";
    out += schema_of(tool);
    out += "}}";
  }
  out.push_back(']');
  const std::string& choice = request.tool_choice;
  if (choice.empty()) return;
  out += R"(,"tool_choice":)";
  if (choice == "auto" || choice == "none" || choice == "required") {
    append_string(out, choice);
  } else {
    out += R"({"type":"function","function":{"name":)";
    append_string(out, choice);
    out += "}}";
  }
}

std::string RequestWriter::write(const CompletionRequest& request, const Quirks& quirks) {
  std::string out;
  out.reserve(estimate(request));
  out += R"({"model":)";
  append_string(out, request.model);
  out += R"(,"messages":[)";
  bool first = true;
  for (const ChatMessage& message : request.messages) {
    if (!std::exchange(first, false)) out.push_back(',');
    append_message(out, message);
  }
  out.push_back(']');
  if (!request.tools.empty()) write_tools(out, request);
  if (request.temperature && !quirks.no_temperature) {
    fmt::format_to(std::back_inserter(out), R"(,"temperature":{})", *request.temperature);
  }
  if (request.max_tokens) {
    fmt::format_to(std::back_inserter(out), R"(,"{}":{})",
                   quirks.max_completion_tokens ? "max_completion_tokens" : "max_tokens", *request.max_tokens);
  }
  out += R"(,"stream":true)";
  if (!quirks.no_stream_options) out += R"(,"stream_options":{"include_usage":true})";
  out.push_back('}');
  return out;
}

}  // namespace librebird::brain::openai
