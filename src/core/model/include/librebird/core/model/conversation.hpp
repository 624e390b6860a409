#pragma once

// Conversations and their messages, as stored and shown.

#include <librebird/base/clock.hpp>
#include <librebird/core/model/chat.hpp>
#include <librebird/core/model/turn.hpp>

#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace librebird {

// What somebody who does not own a conversation may do with it: see it; or also send, regenerate and stop.
enum class Access { none, read, write };

[[nodiscard]] std::string_view to_string(Access access);
[[nodiscard]] std::optional<Access> access_from_string(std::string_view name);

// With whom its owner shares a conversation, beside that: every member of the workspace, and single ones.
struct Sharing {
  struct Person {
    std::string user_id;
    Access access = Access::read;

    friend bool operator==(const Person&, const Person&) = default;
  };
  Access workspace = Access::none;
  std::vector<Person> people;

  [[nodiscard]] bool is_private() const { return workspace == Access::none && people.empty(); }
  friend bool operator==(const Sharing&, const Sharing&) = default;
};

struct Conversation {
  std::string id;
  std::string user_id;  // its owner
  std::string workspace_id;
  std::string title;
  bool archived = false;
  UnixMillis created_at = 0;
  UnixMillis updated_at = 0;  // last activity
  std::optional<std::string> active_turn_id;  // queued or running
  std::optional<TurnStatus> active_turn_status;
  Sharing sharing;
  std::optional<std::string> snippet;  // search results only; matches between U+2068 and U+2069
};

struct ToolCallPart {
  ToolCall call;
  std::optional<ToolResult> result;  // none: still running

  friend bool operator==(const ToolCallPart&, const ToolCallPart&) = default;
};
struct TextPart {
  std::string text;

  friend bool operator==(const TextPart&, const TextPart&) = default;
};
using MessagePart = std::variant<TextPart, ToolCallPart>;

enum class MessageRole { user, assistant };
enum class MessageStatus { complete, stopped, failed };

[[nodiscard]] std::string_view to_string(MessageRole role);
[[nodiscard]] std::string_view to_string(MessageStatus status);
[[nodiscard]] std::optional<MessageStatus> message_status_from_string(std::string_view name);

struct Message {
  std::string id;
  std::string conversation_id;
  std::string turn_id;
  std::string user_id;  // who wrote it; of an answer: who was answered
  MessageRole role = MessageRole::user;
  std::string content;
  std::vector<MessagePart> parts;  // of an assistant message, in order; empty for a user message
  MessageStatus status = MessageStatus::complete;
  std::optional<TurnError> error;
  std::optional<ModelInfo> model;
  std::optional<std::string> client_message_id;
  UnixMillis created_at = 0;
};

// The parts and the text of a turn so far, from its journal. Pure.
[[nodiscard]] std::vector<MessagePart> parts_of(const std::vector<TurnStep>& steps);
// Text parts joined by a blank line.
[[nodiscard]] std::string text_of(const std::vector<MessagePart>& parts);

}  // namespace librebird
