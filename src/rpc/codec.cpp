#include "codec.hpp"

#include <brain.pb.h>
#include <fmt/format.h>
#include <google/protobuf/stubs/logging.h>
#include <hands.pb.h>
#include <model.pb.h>

#include <array>
#include <climits>

namespace librebird::rpc {
namespace {

template <class Domain, class Wire, std::size_t N>
using Enums = std::array<std::pair<Domain, Wire>, N>;

constexpr Enums<Code, v1::Error::Code, 13> kCodes{{
    {Code::invalid_argument, v1::Error::CODE_INVALID_ARGUMENT},
    {Code::unauthenticated, v1::Error::CODE_UNAUTHENTICATED},
    {Code::permission_denied, v1::Error::CODE_PERMISSION_DENIED},
    {Code::not_found, v1::Error::CODE_NOT_FOUND},
    {Code::already_exists, v1::Error::CODE_ALREADY_EXISTS},
    {Code::failed_precondition, v1::Error::CODE_FAILED_PRECONDITION},
    {Code::resource_exhausted, v1::Error::CODE_RESOURCE_EXHAUSTED},
    {Code::unavailable, v1::Error::CODE_UNAVAILABLE},
    {Code::deadline_exceeded, v1::Error::CODE_DEADLINE_EXCEEDED},
    {Code::cancelled, v1::Error::CODE_CANCELLED},
    {Code::too_large, v1::Error::CODE_TOO_LARGE},
    {Code::data_loss, v1::Error::CODE_DATA_LOSS},
    {Code::internal, v1::Error::CODE_INTERNAL},
}};
constexpr Enums<Role, v1::Principal::Role, 4> kRoles{{
    {Role::guest, v1::Principal::ROLE_GUEST},
    {Role::member, v1::Principal::ROLE_MEMBER},
    {Role::admin, v1::Principal::ROLE_ADMIN},
    {Role::owner, v1::Principal::ROLE_OWNER},
}};
constexpr Enums<ToolStatus, v1::ToolResult::Status, 4> kToolStatuses{{
    {ToolStatus::ok, v1::ToolResult::STATUS_OK},
    {ToolStatus::error, v1::ToolResult::STATUS_ERROR},
    {ToolStatus::denied, v1::ToolResult::STATUS_DENIED},
    {ToolStatus::interrupted, v1::ToolResult::STATUS_INTERRUPTED},
}};
constexpr Enums<RunsOn, v1::ToolSpec::RunsOn, 2> kRunsOn{{
    {RunsOn::sandbox, v1::ToolSpec::RUNS_ON_SANDBOX},
    {RunsOn::device, v1::ToolSpec::RUNS_ON_DEVICE},
}};
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

constexpr Enums<ApprovalMode, v1::ApprovalMode, 3> kApprovalModes{{
    {ApprovalMode::read_only, v1::APPROVAL_MODE_READ_ONLY},
    {ApprovalMode::ask, v1::APPROVAL_MODE_ASK},
    {ApprovalMode::automatic, v1::APPROVAL_MODE_AUTO},
}};
constexpr Enums<ApprovalDecision, v1::ApprovalDecision, 3> kApprovalDecisions{{
    {ApprovalDecision::once, v1::APPROVAL_DECISION_ONCE},
    {ApprovalDecision::always, v1::APPROVAL_DECISION_ALWAYS},
    {ApprovalDecision::deny, v1::APPROVAL_DECISION_DENY},
}};
constexpr Enums<ApprovalState, v1::Approval::State, 5> kApprovalStates{{
    {ApprovalState::open, v1::Approval::STATE_OPEN},
    {ApprovalState::granted, v1::Approval::STATE_GRANTED},
    {ApprovalState::denied, v1::Approval::STATE_DENIED},
    {ApprovalState::expired, v1::Approval::STATE_EXPIRED},
    {ApprovalState::withdrawn, v1::Approval::STATE_WITHDRAWN},
}};

template <class Domain, class Wire, std::size_t N>
Wire encode(const Enums<Domain, Wire, N>& table, Domain value) {
  for (const auto& [domain, wire] : table) {
    if (domain == value) return wire;
  }
  return Wire{};  // "not set": the receiver refuses it
}

Error bad(std::string_view what) {
  return make_error(Code::invalid_argument,
                    fmt::format("An RPC message has {}; run the same version on both sides.", what));
}

template <class Domain, class Wire, std::size_t N>
Result<Domain> decode(const Enums<Domain, Wire, N>& table, Wire value, std::string_view name) {
  for (const auto& [domain, wire] : table) {
    if (wire == value) return domain;
  }
  return bad(fmt::format("an unknown {} ({})", name, static_cast<int>(value)));
}

// 0 means "not set" here and is nothing.
template <class Domain, class Wire, std::size_t N>
Wire encode(const Enums<Domain, Wire, N>& table, const std::optional<Domain>& value) {
  return value ? encode(table, *value) : Wire{};
}
template <class Domain, class Wire, std::size_t N>
Result<std::optional<Domain>> decode_optional(const Enums<Domain, Wire, N>& table, Wire value, std::string_view name) {
  if (value == Wire{}) return std::optional<Domain>();
  LB_TRY(known, decode(table, value, name));
  return std::optional<Domain>(known);
}

template <class Message>
std::string bytes_of(const Message& message) {
  std::string bytes;
  message.SerializeToString(&bytes);
  return bytes;
}

template <class Message>
Result<Message> parse(std::string_view bytes) {
  // protobuf would write a line to standard error for broken UTF-8; our caller gets an error for it.
  static const bool quiet = (google::protobuf::SetLogHandler(nullptr), true);
  (void)quiet;
  Message message;
  if (bytes.size() > INT_MAX || !message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return bad("malformed bytes");
  }
  return message;
}

// --- values ---

void put(const Error& from, v1::Error& to) {
  to.set_code(encode(kCodes, from.code));
  to.set_message(from.message);
  to.set_retryable(from.retryable);
  to.set_retry_after_ms(from.retry_after.count());
}
// An error of an unknown kind is still an error.
Error get(const v1::Error& from) {
  const auto code = decode(kCodes, from.code(), "error code");
  return {code ? *code : Code::internal, from.message(), from.retryable(),
          std::chrono::milliseconds(from.retry_after_ms())};
}

void put(const Principal& from, v1::Principal& to) {
  to.set_user_id(from.user_id);
  to.set_workspace_id(from.workspace_id);
  to.set_role(encode(kRoles, from.role));
  to.set_credential_id(from.credential_id);
}
Result<Principal> get(const v1::Principal& from) {
  LB_TRY(role, decode(kRoles, from.role(), "role"));
  return Principal{from.user_id(), from.workspace_id(), role, from.credential_id()};
}

void put(const ToolCall& from, v1::ToolCall& to) {
  to.set_id(from.id);
  to.set_name(from.name);
  to.set_arguments_json(from.arguments_json);
}
ToolCall get(const v1::ToolCall& from) { return {from.id(), from.name(), from.arguments_json()}; }

void put(const ToolResult& from, v1::ToolResult& to) {
  to.set_call_id(from.call_id);
  to.set_status(encode(kToolStatuses, from.status));
  to.set_content_json(from.content_json);
  to.set_duration_ms(from.duration.count());
}
Result<ToolResult> get(const v1::ToolResult& from) {
  LB_TRY(status, decode(kToolStatuses, from.status(), "tool status"));
  return ToolResult{from.call_id(), status, from.content_json(), Millis(from.duration_ms())};
}

void put(const ToolUse& from, v1::ToolUse& to) {
  to.set_writes(from.writes);
  to.set_spends(from.spends);
  to.set_network(from.network);
  to.set_device(from.device);
  for (const std::string& host : from.hosts) to.add_hosts(host);
  to.set_program(from.program);
  to.set_only_once(from.only_once);
}
ToolUse get(const v1::ToolUse& from) {
  return {from.writes(),
          from.spends(),
          from.network(),
          from.device(),
          std::vector<std::string>(from.hosts().begin(), from.hosts().end()),
          from.program(),
          from.only_once()};
}

void put(const Approval& from, v1::Approval& to) {
  to.set_id(from.id);
  put(from.principal, *to.mutable_principal());
  to.set_conversation_id(from.conversation_id);
  to.set_turn_id(from.turn_id);
  put(from.call, *to.mutable_call());
  to.set_skill(from.skill);
  put(from.use, *to.mutable_use());
  to.set_reason(from.reason);
  to.set_state(encode(kApprovalStates, from.state));
  to.set_decision(encode(kApprovalDecisions, from.decision));
  to.set_decided_by(from.decided_by);
  to.set_created_at_unix_ms(from.created_at);
  to.set_expires_at_unix_ms(from.expires_at);
  if (from.decided_at) to.set_decided_at_unix_ms(*from.decided_at);
}
Result<Approval> get(const v1::Approval& from) {
  LB_TRY(principal, get(from.principal()));
  LB_TRY(state, decode(kApprovalStates, from.state(), "state of an approval"));
  LB_TRY(decision, decode_optional(kApprovalDecisions, from.decision(), "decision"));
  Approval to{from.id(),
              std::move(principal),
              from.conversation_id(),
              from.turn_id(),
              get(from.call()),
              from.skill(),
              get(from.use()),
              from.reason(),
              state,
              decision,
              from.decided_by(),
              from.created_at_unix_ms(),
              from.expires_at_unix_ms(),
              std::nullopt};
  if (from.has_decided_at_unix_ms()) to.decided_at = from.decided_at_unix_ms();
  return to;
}

void put(const ToolProgress& from, v1::ToolProgress& to) {
  to.set_call_id(from.call_id);
  if (from.fraction) to.set_fraction(*from.fraction);
  to.set_message(from.message);
}
ToolProgress get(const v1::ToolProgress& from) {
  ToolProgress to{from.call_id(), std::nullopt, from.message()};
  if (from.has_fraction()) to.fraction = from.fraction();
  return to;
}

void put(const ToolSpec& from, v1::ToolSpec& to) {
  to.set_name(from.name);
  to.set_skill(from.skill);
  to.set_description(from.description);
  to.set_parameters_json(from.parameters_json);
  to.set_runs_on(encode(kRunsOn, from.runs_on));
  for (const std::string& host : from.network) to.add_network(host);
  to.set_idempotent(from.idempotent);
  to.set_writes(from.writes);
  to.set_spends(from.spends);
}
Result<ToolSpec> get(const v1::ToolSpec& from) {
  LB_TRY(runs_on, decode(kRunsOn, from.runs_on(), "place to run"));
  ToolSpec to{from.name(), from.skill(), from.description(), from.parameters_json(), runs_on};
  to.network.assign(from.network().begin(), from.network().end());
  to.idempotent = from.idempotent();
  to.writes = from.writes();
  to.spends = from.spends();
  return to;
}

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

// --- messages ---

std::string to_wire(const Error& error) {
  v1::Error message;
  put(error, message);
  return bytes_of(message);
}
std::optional<Error> error_from_wire(std::string_view bytes) {
  const auto message = parse<v1::Error>(bytes);
  if (!message) return std::nullopt;
  return get(*message);
}

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

std::string to_wire(const ToolEvent& event) {
  v1::ExecuteToolEvent wire;
  if (const auto* delta = std::get_if<TextDelta>(&event)) wire.set_output(delta->text);
  if (const auto* result = std::get_if<ToolResult>(&event)) put(*result, *wire.mutable_result());
  if (const auto* approval = std::get_if<Approval>(&event)) put(*approval, *wire.mutable_approval());
  if (const auto* progress = std::get_if<ToolProgress>(&event)) put(*progress, *wire.mutable_progress());
  return bytes_of(wire);
}
Result<ToolEvent> tool_event_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ExecuteToolEvent>(bytes));
  switch (wire.kind_case()) {
    case v1::ExecuteToolEvent::kOutput: return ToolEvent(TextDelta{std::move(*wire.mutable_output())});
    case v1::ExecuteToolEvent::kResult: {
      LB_TRY(result, get(wire.result()));
      return ToolEvent(std::move(result));
    }
    case v1::ExecuteToolEvent::kApproval: {
      LB_TRY(approval, get(wire.approval()));
      return ToolEvent(std::move(approval));
    }
    case v1::ExecuteToolEvent::kProgress: return ToolEvent(get(wire.progress()));
    case v1::ExecuteToolEvent::KIND_NOT_SET: break;
  }
  return bad("an unknown kind");
}

std::string to_wire(const ToolStart& start) {
  v1::ExecuteToolRequest wire;
  put(start.request.call, *wire.mutable_call());
  put(start.request.principal, *wire.mutable_principal());
  wire.set_conversation_id(start.request.conversation_id);
  wire.set_turn_id(start.request.turn_id);
  wire.set_trace_parent(start.request.trace_parent);
  wire.set_mode(encode(kApprovalModes, start.request.mode));
  wire.set_resumed(start.request.resumed);
  wire.set_can_ask(start.can_ask);
  return bytes_of(wire);
}
Result<ToolStart> tool_start_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ExecuteToolRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  LB_TRY(mode, decode_optional(kApprovalModes, wire.mode(), "approval mode"));
  return ToolStart{{get(wire.call()), std::move(principal), wire.conversation_id(), wire.turn_id(), wire.trace_parent(),
                    mode, wire.resumed()},
                   wire.can_ask()};
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

std::string to_wire(const Principal& principal) {
  v1::ListToolsRequest wire;
  put(principal, *wire.mutable_principal());
  return bytes_of(wire);
}
Result<Principal> principal_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListToolsRequest>(bytes));
  return get(wire.principal());
}
std::string to_wire(const std::vector<ToolSpec>& tools) {
  v1::ListToolsResponse wire;
  for (const ToolSpec& tool : tools) put(tool, *wire.add_tools());
  return bytes_of(wire);
}
Result<std::vector<ToolSpec>> tools_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListToolsResponse>(bytes));
  std::vector<ToolSpec> tools;
  for (const v1::ToolSpec& item : wire.tools()) {
    LB_TRY(tool, get(item));
    tools.push_back(std::move(tool));
  }
  return tools;
}
std::string to_wire(const HandsHealth& health) {
  v1::HealthResponse wire;
  wire.set_ready(health.ready);
  wire.set_sandbox(health.sandbox);
  wire.set_detail(health.detail);
  return bytes_of(wire);
}
Result<HandsHealth> health_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::HealthResponse>(bytes));
  return HandsHealth{wire.ready(), wire.sandbox(), wire.detail()};
}

std::string to_wire(const DecideRequest& request) {
  v1::DecideApprovalRequest wire;
  put(request.principal, *wire.mutable_principal());
  wire.set_approval_id(request.approval_id);
  wire.set_decision(encode(kApprovalDecisions, request.decision));
  return bytes_of(wire);
}
Result<DecideRequest> decide_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::DecideApprovalRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  LB_TRY(decision, decode(kApprovalDecisions, wire.decision(), "decision"));
  return DecideRequest{std::move(principal), wire.approval_id(), decision};
}
std::string to_wire(const Approval& approval) {
  v1::DecideApprovalResponse wire;
  put(approval, *wire.mutable_approval());
  return bytes_of(wire);
}
Result<Approval> approval_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::DecideApprovalResponse>(bytes));
  return get(wire.approval());
}
std::string to_wire(const ListApprovalsRequest& request) {
  v1::ListApprovalsRequest wire;
  put(request.principal, *wire.mutable_principal());
  wire.set_open_only(request.open_only);
  wire.set_limit(request.limit);
  return bytes_of(wire);
}
Result<ListApprovalsRequest> list_approvals_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListApprovalsRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  return ListApprovalsRequest{std::move(principal), wire.open_only(), wire.limit()};
}
std::string to_wire(const std::vector<Approval>& approvals) {
  v1::ListApprovalsResponse wire;
  for (const Approval& approval : approvals) put(approval, *wire.add_approvals());
  return bytes_of(wire);
}
Result<std::vector<Approval>> approvals_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListApprovalsResponse>(bytes));
  std::vector<Approval> approvals;
  for (const v1::Approval& item : wire.approvals()) {
    LB_TRY(approval, get(item));
    approvals.push_back(std::move(approval));
  }
  return approvals;
}
// The two requests have the same first fields.
std::string to_wire(const ModeRequest& request) {
  v1::SetToolModeRequest wire;
  put(request.principal, *wire.mutable_principal());
  wire.set_conversation_id(request.conversation_id);
  wire.set_mode(encode(kApprovalModes, request.mode));
  return bytes_of(wire);
}
Result<ModeRequest> mode_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::SetToolModeRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  LB_TRY(mode, decode_optional(kApprovalModes, wire.mode(), "approval mode"));
  return ModeRequest{std::move(principal), wire.conversation_id(), mode};
}
std::string to_wire(const ToolMode& mode) {
  v1::ToolModeResponse wire;
  wire.set_workspace(encode(kApprovalModes, mode.workspace));
  wire.set_conversation(encode(kApprovalModes, mode.conversation));
  wire.set_effective(encode(kApprovalModes, mode.effective));
  return bytes_of(wire);
}
Result<ToolMode> tool_mode_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ToolModeResponse>(bytes));
  LB_TRY(workspace, decode_optional(kApprovalModes, wire.workspace(), "approval mode"));
  LB_TRY(conversation, decode_optional(kApprovalModes, wire.conversation(), "approval mode"));
  LB_TRY(effective, decode(kApprovalModes, wire.effective(), "approval mode"));
  return ToolMode{workspace, conversation, effective};
}
std::string to_wire(const std::vector<Grant>& grants) {
  v1::ListGrantsResponse wire;
  for (const Grant& grant : grants) {
    v1::Grant& to = *wire.add_grants();
    to.set_id(grant.id);
    to.set_user_id(grant.user_id);
    to.set_workspace_id(grant.workspace_id);
    to.set_skill(grant.skill);
    to.set_tool(grant.tool);
    to.set_host(grant.host);
    to.set_program(grant.program);
    to.set_created_at_unix_ms(grant.created_at);
  }
  return bytes_of(wire);
}
Result<std::vector<Grant>> grants_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListGrantsResponse>(bytes));
  std::vector<Grant> grants;
  for (const v1::Grant& item : wire.grants()) {
    grants.push_back({item.id(), item.user_id(), item.workspace_id(), item.skill(), item.tool(), item.host(),
                      item.program(), item.created_at_unix_ms()});
  }
  return grants;
}
std::string to_wire(const RevokeRequest& request) {
  v1::RevokeGrantRequest wire;
  put(request.principal, *wire.mutable_principal());
  wire.set_id(request.id);
  return bytes_of(wire);
}
Result<RevokeRequest> revoke_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::RevokeGrantRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  return RevokeRequest{std::move(principal), wire.id()};
}

}  // namespace librebird::rpc
