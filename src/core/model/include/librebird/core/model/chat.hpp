#pragma once

// What is said to a model and what it answers, independent of any vendor.

#include <librebird/core/model/tool.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

enum class ChatRole { system, user, assistant, tool };

[[nodiscard]] std::string_view to_string(ChatRole role);
[[nodiscard]] std::optional<ChatRole> chat_role_from_string(std::string_view name);

struct ChatMessage {
  ChatRole role = ChatRole::user;
  std::string content;
  std::vector<ToolCall> tool_calls;  // assistant only
  std::string tool_call_id;          // tool only

  friend bool operator==(const ChatMessage&, const ChatMessage&) = default;
};

enum class FinishReason { stop, length, tool_calls, content_filter };

[[nodiscard]] std::string_view to_string(FinishReason reason);
[[nodiscard]] std::optional<FinishReason> finish_reason_from_string(std::string_view name);

struct TokenUsage {
  std::int64_t prompt_tokens = 0;
  std::int64_t completion_tokens = 0;

  friend bool operator==(const TokenUsage&, const TokenUsage&) = default;
};

// Which model answered; shown with every answer.
struct ModelInfo {
  std::string provider;
  std::string name;
  bool demo = false;  // a rule-based stand-in, to be labelled as such

  friend bool operator==(const ModelInfo&, const ModelInfo&) = default;
};

// One complete answer of a model.
struct ModelAnswer {
  std::string text;
  std::vector<ToolCall> tool_calls;
  FinishReason finish_reason = FinishReason::stop;
  TokenUsage usage;
  ModelInfo model;

  friend bool operator==(const ModelAnswer&, const ModelAnswer&) = default;
};

}  // namespace librebird
