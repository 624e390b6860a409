#include <librebird/core/model/conversation.hpp>

namespace librebird {

std::vector<MessagePart> parts_of(const std::vector<TurnStep>& steps) {
  std::vector<MessagePart> parts;
  for (const TurnStep& step : steps) {
    if (const auto* answer = std::get_if<ModelAnswer>(&step.what)) {
      if (!answer->text.empty()) parts.emplace_back(TextPart{answer->text});
      for (const ToolCall& call : answer->tool_calls) parts.emplace_back(ToolCallPart{call, std::nullopt});
    } else if (const auto* result = std::get_if<ToolResult>(&step.what)) {
      for (MessagePart& part : parts) {
        auto* call = std::get_if<ToolCallPart>(&part);
        if (call != nullptr && call->call.id == result->call_id) call->result = *result;
      }
    }
  }
  return parts;
}

std::string text_of(const std::vector<MessagePart>& parts) {
  std::string text;
  for (const MessagePart& part : parts) {
    if (const auto* piece = std::get_if<TextPart>(&part)) {
      if (!text.empty()) text += "\n\n";
      text += piece->text;
    }
  }
  return text;
}

}  // namespace librebird
