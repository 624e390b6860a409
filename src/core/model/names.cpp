// The text forms of the model's enumerations: what is stored and what goes over the wire.
#include <librebird/core/model/approval.hpp>
#include <librebird/core/model/chat.hpp>
#include <librebird/core/model/conversation.hpp>
#include <librebird/core/model/identity.hpp>
#include <librebird/core/model/personal.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/tool.hpp>
#include <librebird/core/model/turn.hpp>
#include <librebird/core/model/workspace.hpp>

#include <array>

namespace librebird {
namespace {

template <class E, std::size_t N>
using Names = std::array<std::pair<E, std::string_view>, N>;

template <class E, std::size_t N>
std::string_view name_of(const Names<E, N>& names, E value) {
  for (const auto& [known, name] : names) {
    if (known == value) return name;
  }
  return "";
}

template <class E, std::size_t N>
std::optional<E> value_of(const Names<E, N>& names, std::string_view name) {
  for (const auto& [value, known] : names) {
    if (known == name) return value;
  }
  return std::nullopt;
}

constexpr Names<Role, 4> kRoles{
    {{Role::guest, "guest"}, {Role::member, "member"}, {Role::admin, "admin"}, {Role::owner, "owner"}}};
constexpr Names<ToolStatus, 4> kToolStatuses{{{ToolStatus::ok, "ok"},
                                              {ToolStatus::error, "error"},
                                              {ToolStatus::denied, "denied"},
                                              {ToolStatus::interrupted, "interrupted"}}};
constexpr Names<SettingType, 6> kSettingTypes{{{SettingType::text, "text"},
                                               {SettingType::secret, "secret"},
                                               {SettingType::integer, "integer"},
                                               {SettingType::number, "number"},
                                               {SettingType::boolean, "boolean"},
                                               {SettingType::choice, "choice"}}};
constexpr Names<ChatRole, 4> kChatRoles{{{ChatRole::system, "system"},
                                         {ChatRole::user, "user"},
                                         {ChatRole::assistant, "assistant"},
                                         {ChatRole::tool, "tool"}}};
constexpr Names<FinishReason, 4> kFinishReasons{{{FinishReason::stop, "stop"},
                                                 {FinishReason::length, "length"},
                                                 {FinishReason::tool_calls, "tool_calls"},
                                                 {FinishReason::content_filter, "content_filter"}}};
constexpr Names<TurnStatus, 5> kTurnStatuses{{{TurnStatus::queued, "queued"},
                                              {TurnStatus::running, "running"},
                                              {TurnStatus::done, "done"},
                                              {TurnStatus::failed, "failed"},
                                              {TurnStatus::cancelled, "cancelled"}}};
constexpr Names<MessageRole, 2> kMessageRoles{{{MessageRole::user, "user"}, {MessageRole::assistant, "assistant"}}};
constexpr Names<MessageStatus, 3> kMessageStatuses{
    {{MessageStatus::complete, "complete"}, {MessageStatus::stopped, "stopped"}, {MessageStatus::failed, "failed"}}};
constexpr Names<TaskStatus, 4> kTaskStatuses{{{TaskStatus::todo, "todo"},
                                              {TaskStatus::in_progress, "in_progress"},
                                              {TaskStatus::done, "done"},
                                              {TaskStatus::dismissed, "dismissed"}}};
constexpr Names<TaskPriority, 3> kTaskPriorities{
    {{TaskPriority::low, "low"}, {TaskPriority::medium, "medium"}, {TaskPriority::high, "high"}}};
constexpr Names<ApprovalMode, 3> kApprovalModes{
    {{ApprovalMode::read_only, "read_only"}, {ApprovalMode::ask, "ask"}, {ApprovalMode::automatic, "auto"}}};
constexpr Names<ApprovalState, 5> kApprovalStates{{{ApprovalState::open, "open"},
                                                   {ApprovalState::granted, "granted"},
                                                   {ApprovalState::denied, "denied"},
                                                   {ApprovalState::expired, "expired"},
                                                   {ApprovalState::withdrawn, "withdrawn"}}};
constexpr Names<ApprovalDecision, 3> kApprovalDecisions{
    {{ApprovalDecision::once, "once"}, {ApprovalDecision::always, "always"}, {ApprovalDecision::deny, "deny"}}};
constexpr Names<Access, 3> kAccesses{{{Access::none, "none"}, {Access::read, "read"}, {Access::write, "write"}}};
constexpr Names<InvitationState, 4> kInvitationStates{{{InvitationState::open, "open"},
                                                       {InvitationState::accepted, "accepted"},
                                                       {InvitationState::declined, "declined"},
                                                       {InvitationState::revoked, "revoked"}}};

}  // namespace

std::string_view to_string(Role role) { return name_of(kRoles, role); }
std::optional<Role> role_from_string(std::string_view name) { return value_of(kRoles, name); }
std::string_view to_string(SessionKind kind) { return kind == SessionKind::browser ? "browser" : "token"; }
std::string_view to_string(ToolStatus status) { return name_of(kToolStatuses, status); }
std::optional<ToolStatus> tool_status_from_string(std::string_view name) { return value_of(kToolStatuses, name); }
std::string_view to_string(SettingType type) { return name_of(kSettingTypes, type); }
std::optional<SettingType> setting_type_from_string(std::string_view name) { return value_of(kSettingTypes, name); }
std::string_view to_string(ChatRole role) { return name_of(kChatRoles, role); }
std::optional<ChatRole> chat_role_from_string(std::string_view name) { return value_of(kChatRoles, name); }
std::string_view to_string(FinishReason reason) { return name_of(kFinishReasons, reason); }
std::optional<FinishReason> finish_reason_from_string(std::string_view name) { return value_of(kFinishReasons, name); }
std::string_view to_string(TurnStatus status) { return name_of(kTurnStatuses, status); }
std::optional<TurnStatus> turn_status_from_string(std::string_view name) { return value_of(kTurnStatuses, name); }
std::string_view to_string(MessageRole role) { return name_of(kMessageRoles, role); }
std::string_view to_string(MessageStatus status) { return name_of(kMessageStatuses, status); }
std::optional<MessageStatus> message_status_from_string(std::string_view name) {
  return value_of(kMessageStatuses, name);
}

std::string_view to_string(TaskStatus status) { return name_of(kTaskStatuses, status); }
std::optional<TaskStatus> task_status_from_string(std::string_view name) { return value_of(kTaskStatuses, name); }
std::string_view to_string(TaskPriority priority) { return name_of(kTaskPriorities, priority); }
std::optional<TaskPriority> task_priority_from_string(std::string_view name) { return value_of(kTaskPriorities, name); }

std::string_view to_string(ApprovalMode mode) { return name_of(kApprovalModes, mode); }
std::optional<ApprovalMode> approval_mode_from_string(std::string_view name) { return value_of(kApprovalModes, name); }
std::string_view to_string(ApprovalState state) { return name_of(kApprovalStates, state); }
std::optional<ApprovalState> approval_state_from_string(std::string_view name) {
  return value_of(kApprovalStates, name);
}
std::string_view to_string(ApprovalDecision decision) { return name_of(kApprovalDecisions, decision); }
std::optional<ApprovalDecision> approval_decision_from_string(std::string_view name) {
  return value_of(kApprovalDecisions, name);
}
std::string_view to_string(Access access) { return name_of(kAccesses, access); }
std::optional<Access> access_from_string(std::string_view name) { return value_of(kAccesses, name); }
std::string_view to_string(InvitationState state) { return name_of(kInvitationStates, state); }
std::optional<InvitationState> invitation_state_from_string(std::string_view name) {
  return value_of(kInvitationStates, name);
}
std::string_view to_string(QuotaScope scope) { return scope == QuotaScope::user ? "user" : "workspace"; }
std::string_view to_string(QuotaWindow window) { return window == QuotaWindow::hour ? "hour" : "day"; }

}  // namespace librebird
