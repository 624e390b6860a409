#include <brain.pb.h>

#include "codec.hpp"
#include "codec_values.hpp"

namespace librebird::rpc {
namespace {

using rpc::get;
using rpc::put;

constexpr Enums<ChatRole, v1::ChatMessage::Role, 4> kChatRoles{{
    {ChatRole::system, v1::ChatMessage::ROLE_SYSTEM},
    {ChatRole::user, v1::ChatMessage::ROLE_USER},
    {ChatRole::assistant, v1::ChatMessage::ROLE_ASSISTANT},
    {ChatRole::tool, v1::ChatMessage::ROLE_TOOL},
}};

constexpr Enums<FinishReason, v1::FinishReason, 4> kFinishReasons{{
    {FinishReason::stop, v1::FINISH_REASON_STOP},
    {FinishReason::length, v1::FINISH_REASON_LENGTH},
    {FinishReason::tool_calls, v1::FINISH_REASON_TOOL_CALLS},
    {FinishReason::content_filter, v1::FINISH_REASON_CONTENT_FILTER},
}};

void put(const ChatMessage& from, v1::ChatMessage& to) {
  to.set_role(encode(kChatRoles, from.role));
  to.set_content(from.content);
  for (const ToolCall& call : from.tool_calls) put(call, *to.add_tool_calls());
  to.set_tool_call_id(from.tool_call_id);
}
Result<ChatMessage> get(const v1::ChatMessage& from) {
  LB_TRY(role, decode(kChatRoles, from.role(), "chat role"));
  ChatMessage to{role, from.content(), {}, from.tool_call_id()};
  for (const v1::ToolCall& call : from.tool_calls()) to.tool_calls.push_back(get(call));
  return to;
}

void put(const TokenUsage& from, v1::TokenUsage& to) {
  to.set_prompt_tokens(from.prompt_tokens);
  to.set_completion_tokens(from.completion_tokens);
}
TokenUsage get(const v1::TokenUsage& from) { return {from.prompt_tokens(), from.completion_tokens()}; }

void put(const ModelInfo& from, v1::ModelInfo& to) {
  to.set_provider(from.provider);
  to.set_name(from.name);
  to.set_demo(from.demo);
}
ModelInfo get(const v1::ModelInfo& from) { return {from.provider(), from.name(), from.demo()}; }

void put(const ModelAnswer& from, v1::ModelAnswer& to) {
  to.set_text(from.text);
  for (const ToolCall& call : from.tool_calls) put(call, *to.add_tool_calls());
  to.set_finish_reason(encode(kFinishReasons, from.finish_reason));
  put(from.usage, *to.mutable_usage());
  put(from.model, *to.mutable_model());
}
Result<ModelAnswer> get(const v1::ModelAnswer& from) {
  LB_TRY(reason, decode(kFinishReasons, from.finish_reason(), "finish reason"));
  ModelAnswer to{from.text(), {}, reason, get(from.usage()), get(from.model())};
  for (const v1::ToolCall& call : from.tool_calls()) to.tool_calls.push_back(get(call));
  return to;
}

void put(const TurnStep& from, v1::TurnStep& to) {
  to.set_index(from.index);
  if (const auto* answer = std::get_if<ModelAnswer>(&from.what)) put(*answer, *to.mutable_answer());
  if (const auto* result = std::get_if<ToolResult>(&from.what)) put(*result, *to.mutable_result());
}
Result<TurnStep> get(const v1::TurnStep& from) {
  switch (from.what_case()) {
    case v1::TurnStep::kAnswer: {
      LB_TRY(answer, get(from.answer()));
      return TurnStep{from.index(), std::move(answer)};
    }
    case v1::TurnStep::kResult: {
      LB_TRY(result, get(from.result()));
      return TurnStep{from.index(), std::move(result)};
    }
    case v1::TurnStep::WHAT_NOT_SET: break;
  }
  return bad("a step of an unknown kind");
}

void put(const ChatRequest& from, v1::ChatRequest& to) {
  to.set_turn_id(from.turn_id);
  to.set_conversation_id(from.conversation_id);
  put(from.principal, *to.mutable_principal());
  to.set_model(from.model);
  for (const ChatMessage& message : from.history) put(message, *to.add_history());
  for (const TurnStep& step : from.journal) put(step, *to.add_journal());
  for (const ToolSpec& tool : from.client_tools) put(tool, *to.add_client_tools());
  if (from.temperature) to.set_temperature(*from.temperature);
  if (from.max_tokens) to.set_max_tokens(*from.max_tokens);
  to.set_tool_choice(from.tool_choice);
  to.set_trace_parent(from.trace_parent);
  to.set_tool_mode(encode(kApprovalModes, from.tool_mode));
  to.set_can_ask(from.can_ask);
  if (from.skill_revision) to.set_skill_revision(*from.skill_revision);
}
Result<ChatRequest> get(const v1::ChatRequest& from) {
  ChatRequest to;
  to.turn_id = from.turn_id();
  to.conversation_id = from.conversation_id();
  LB_TRY(principal, get(from.principal()));
  to.principal = std::move(principal);
  to.model = from.model();
  for (const v1::ChatMessage& item : from.history()) {
    LB_TRY(message, get(item));
    to.history.push_back(std::move(message));
  }
  for (const v1::TurnStep& item : from.journal()) {
    LB_TRY(step, get(item));
    to.journal.push_back(std::move(step));
  }
  for (const v1::ToolSpec& item : from.client_tools()) {
    LB_TRY(tool, get(item));
    to.client_tools.push_back(std::move(tool));
  }
  if (from.has_temperature()) to.temperature = from.temperature();
  if (from.has_max_tokens()) to.max_tokens = from.max_tokens();
  if (from.has_skill_revision()) to.skill_revision = from.skill_revision();
  to.tool_choice = from.tool_choice();
  to.trace_parent = from.trace_parent();
  LB_TRY(mode, decode_optional(kApprovalModes, from.tool_mode(), "approval mode"));
  to.tool_mode = mode;
  to.can_ask = from.can_ask();
  return to;
}

void put(const ChatOutcome& from, v1::ChatOutcome& to) {
  to.set_finish_reason(encode(kFinishReasons, from.finish_reason));
  put(from.usage, *to.mutable_usage());
  put(from.final_answer, *to.mutable_final_answer());
}
Result<ChatOutcome> get(const v1::ChatOutcome& from) {
  LB_TRY(reason, decode(kFinishReasons, from.finish_reason(), "finish reason"));
  LB_TRY(answer, get(from.final_answer()));
  return ChatOutcome{reason, get(from.usage()), std::move(answer)};
}

}  // namespace

std::string to_wire(const ChatClientMessage& message) {
  v1::ChatClientMessage wire;
  if (const auto* request = std::get_if<ChatRequest>(&message)) put(*request, *wire.mutable_request());
  if (const auto* ack = std::get_if<Ack>(&message)) {
    wire.mutable_ack()->set_step_index(ack->step_index);
    if (ack->error) put(*ack->error, *wire.mutable_ack()->mutable_error());
  }
  return bytes_of(wire);
}
Result<ChatClientMessage> chat_client_message_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ChatClientMessage>(bytes));
  switch (wire.kind_case()) {
    case v1::ChatClientMessage::kRequest: {
      LB_TRY(request, get(wire.request()));
      return ChatClientMessage(std::move(request));
    }
    case v1::ChatClientMessage::kAck: {
      Ack ack{wire.ack().step_index(), std::nullopt};
      if (wire.ack().has_error()) ack.error = get(wire.ack().error());
      return ChatClientMessage(std::move(ack));
    }
    case v1::ChatClientMessage::KIND_NOT_SET: break;
  }
  return bad("an unknown kind");
}

std::string to_wire(const ChatServerMessage& message) {
  v1::ChatServerMessage wire;
  if (const auto* delta = std::get_if<TextDelta>(&message)) wire.set_text(delta->text);
  if (const auto* call = std::get_if<ToolCall>(&message)) put(*call, *wire.mutable_tool_call());
  if (const auto* result = std::get_if<ToolResult>(&message)) put(*result, *wire.mutable_tool_result());
  if (const auto* step = std::get_if<TurnStep>(&message)) put(*step, *wire.mutable_step());
  if (const auto* outcome = std::get_if<ChatOutcome>(&message)) put(*outcome, *wire.mutable_outcome());
  if (const auto* approval = std::get_if<Approval>(&message)) put(*approval, *wire.mutable_approval());
  if (const auto* progress = std::get_if<ToolProgress>(&message)) put(*progress, *wire.mutable_progress());
  return bytes_of(wire);
}
Result<ChatServerMessage> chat_server_message_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ChatServerMessage>(bytes));
  switch (wire.kind_case()) {
    case v1::ChatServerMessage::kText: return ChatServerMessage(TextDelta{std::move(*wire.mutable_text())});
    case v1::ChatServerMessage::kToolCall: return ChatServerMessage(get(wire.tool_call()));
    case v1::ChatServerMessage::kToolResult: {
      LB_TRY(result, get(wire.tool_result()));
      return ChatServerMessage(std::move(result));
    }
    case v1::ChatServerMessage::kStep: {
      LB_TRY(step, get(wire.step()));
      return ChatServerMessage(std::move(step));
    }
    case v1::ChatServerMessage::kOutcome: {
      LB_TRY(outcome, get(wire.outcome()));
      return ChatServerMessage(std::move(outcome));
    }
    case v1::ChatServerMessage::kApproval: {
      LB_TRY(approval, get(wire.approval()));
      return ChatServerMessage(std::move(approval));
    }
    case v1::ChatServerMessage::kProgress: return ChatServerMessage(get(wire.progress()));
    case v1::ChatServerMessage::KIND_NOT_SET: break;
  }
  return bad("an unknown kind");
}

std::string to_wire(const ToolRequest& request) { return to_wire(ToolStart{request, false}); }
Result<ToolRequest> tool_request_from_wire(std::string_view bytes) {
  LB_TRY(start, tool_start_from_wire(bytes));
  return std::move(start.request);
}

std::string tool_response_to_wire(const ToolResult& result) {
  v1::ExecuteToolResponse wire;
  put(result, *wire.mutable_result());
  return bytes_of(wire);
}
Result<ToolResult> tool_response_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ExecuteToolResponse>(bytes));
  return get(wire.result());
}

std::string to_wire(const MemoryQuery& query) {
  v1::GetMemoryRequest wire;
  put(query.principal, *wire.mutable_principal());
  wire.set_text(query.text);
  wire.set_limit(query.limit);
  return bytes_of(wire);
}
Result<MemoryQuery> memory_query_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::GetMemoryRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  return MemoryQuery{std::move(principal), wire.text(), wire.limit()};
}
std::string to_wire(const std::vector<MemoryItem>& items) {
  v1::GetMemoryResponse wire;
  for (const MemoryItem& item : items) {
    v1::MemoryItem& to = *wire.add_items();
    to.set_conversation_id(item.conversation_id);
    to.set_message_id(item.message_id);
    to.set_content(item.content);
    to.set_score(item.score);
    to.set_created_at_unix_ms(item.created_at);
  }
  return bytes_of(wire);
}
Result<std::vector<MemoryItem>> memory_items_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::GetMemoryResponse>(bytes));
  std::vector<MemoryItem> items;
  for (const v1::MemoryItem& item : wire.items()) {
    items.push_back(
        {item.conversation_id(), item.message_id(), item.content(), item.score(), item.created_at_unix_ms()});
  }
  return items;
}

std::string to_wire(const ModelInfo& model) {
  v1::GetDefaultModelResponse wire;
  put(model, *wire.mutable_model());
  return bytes_of(wire);
}
Result<ModelInfo> model_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::GetDefaultModelResponse>(bytes));
  return get(wire.model());
}
std::string to_wire(const std::vector<std::string>& models) {
  v1::ListModelsResponse wire;
  for (const std::string& model : models) wire.add_models(model);
  return bytes_of(wire);
}
Result<std::vector<std::string>> models_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListModelsResponse>(bytes));
  return std::vector<std::string>(wire.models().begin(), wire.models().end());
}

}  // namespace librebird::rpc
