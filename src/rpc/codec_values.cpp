#include "codec_values.hpp"

#include <google/protobuf/stubs/logging.h>

#include <climits>

#include "codec.hpp"

namespace librebird::rpc {
namespace {

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

constexpr Enums<ApprovalState, v1::Approval::State, 5> kApprovalStates{{
    {ApprovalState::open, v1::Approval::STATE_OPEN},
    {ApprovalState::granted, v1::Approval::STATE_GRANTED},
    {ApprovalState::denied, v1::Approval::STATE_DENIED},
    {ApprovalState::expired, v1::Approval::STATE_EXPIRED},
    {ApprovalState::withdrawn, v1::Approval::STATE_WITHDRAWN},
}};

}  // namespace

Error bad(std::string_view what) {
  return make_error(Code::invalid_argument,
                    fmt::format("An RPC message has {}; run the same version on both sides.", what));
}

std::string bytes_of(const google::protobuf::MessageLite& message) {
  std::string bytes;
  message.SerializeToString(&bytes);
  return bytes;
}

bool parse_into(google::protobuf::MessageLite& message, std::string_view bytes) {
  // protobuf would write a line to standard error for broken UTF-8; our caller gets an error for it.
  static const bool quiet = (google::protobuf::SetLogHandler(nullptr), true);
  (void)quiet;
  return bytes.size() <= INT_MAX && message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
}

void put(const Error& from, v1::Error& to) {
  to.set_code(encode(kCodes, from.code));
  to.set_message(from.message);
  to.set_retryable(from.retryable);
  to.set_retry_after_ms(from.retry_after.count());
  if (!from.limit) return;
  v1::LimitUse& limit = *to.mutable_limit();
  limit.set_of(from.limit->of);
  limit.set_what(from.limit->what);
  limit.set_used(from.limit->used);
  limit.set_limit(from.limit->limit);
  limit.set_raised_by(from.limit->raised_by);
  limit.set_resets_at(from.limit->resets_at);
}
// An error of an unknown kind is still an error.
Error get(const v1::Error& from) {
  const auto code = decode(kCodes, from.code(), "error code");
  Error error{code ? *code : Code::internal, from.message(), from.retryable(),
              std::chrono::milliseconds(from.retry_after_ms())};
  if (from.has_limit()) {
    const v1::LimitUse& limit = from.limit();
    error.limit = std::make_shared<const LimitUse>(
        LimitUse{limit.of(), limit.what(), limit.used(), limit.limit(), limit.raised_by(), limit.resets_at()});
  }
  return error;
}

void put(const Principal& from, v1::Principal& to) {
  to.set_user_id(from.user_id);
  to.set_workspace_id(from.workspace_id);
  to.set_role(encode(kRoles, from.role));
  to.set_credential_id(from.credential_id);
  to.set_scopes(to_string(from.scopes));
}
Result<Principal> get(const v1::Principal& from) {
  LB_TRY(role, decode(kRoles, from.role(), "role"));
  return Principal{from.user_id(), from.workspace_id(), role, from.credential_id(), scopes_from_string(from.scopes())};
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

}  // namespace librebird::rpc
