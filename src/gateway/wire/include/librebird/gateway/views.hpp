#pragma once

// The JSON views of docs/protocol.md. Pure functions, any thread.

#include <librebird/base/json_writer.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/approval.hpp>
#include <librebird/core/model/conversation.hpp>
#include <librebird/core/model/identity.hpp>
#include <librebird/core/model/workspace.hpp>

namespace librebird::gateway {

void write(JsonWriter& json, const LimitUse& limit);
void write(JsonWriter& json, const Sharing& sharing);
void write(JsonWriter& json, const Conversation& conversation);
void write(JsonWriter& json, const Message& message);
void write(JsonWriter& json, const Turn& turn);
void write(JsonWriter& json, const ToolSpec& tool);
void write(JsonWriter& json, const ApiKey& key);
void write(JsonWriter& json, const WorkspaceMembership& membership);
void write(JsonWriter& json, const Member& member);
void write(JsonWriter& json, const Invitation& invitation);
void write(JsonWriter& json, const Account& account);
void write(JsonWriter& json, const Session& session, bool current);
void write(JsonWriter& json, const Approval& approval);
void write(JsonWriter& json, const Grant& grant);
void write(JsonWriter& json, const ToolMode& mode);
void write(JsonWriter& json, const ToolProgress& progress);
void write(JsonWriter& json, const std::vector<MessagePart>& parts);
// A tool call as shown: status "running" while there is no result.
void write(JsonWriter& json, const ToolCall& call, const ToolResult* result);

// The key "items" of the object that is open, with these views.
template <class T>
void write_items(JsonWriter& json, const std::vector<T>& items) {
  json.key("items").begin_array();
  for (const T& item : items) write(json, item);
  json.end_array();
}

template <class T>
[[nodiscard]] std::string view(const T& value) {
  JsonWriter json;
  write(json, value);
  return std::move(json).take();
}

}  // namespace librebird::gateway
