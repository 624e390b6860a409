#include "approvals.hpp"

#include "tool_use.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>
#include <librebird/core/policy/approvals.hpp>

#include <algorithm>

namespace librebird::hands {
namespace {

void count(ApprovalState state) {
  metrics::counter("librebird_approvals_total", "Questions about tool calls, by how they ended.",
                   {{"state", std::string(to_string(state))}})
      .add();
}

policy::Decision outcome_of(const Approval& ended) {
  if (ended.state == ApprovalState::granted) return {true, {}};
  return {false, policy::refusal(ended)};
}

bool same_call(const Approval& asked, const ToolRequest& request) {
  return asked.call.name == request.call.name && asked.call.arguments_json == request.call.arguments_json;
}

}  // namespace

std::vector<ConfigKey> approval_config() {
  return {{"hands.approval_mode", ConfigType::text, std::string("ask"), "LIBREBIRD_APPROVAL_MODE", false,
           "Tools that write, spend or leave the machine, where no mode was set: read_only (refused), ask, auto."},
          {"hands.approval_seconds", ConfigType::integer, std::int64_t{300}, "LIBREBIRD_APPROVAL_SECONDS", false,
           "How long a question about a tool call waits for its answer; then it counts as no."}};
}

ApprovalOptions approval_options(const Config& config) {
  ApprovalOptions options;
  const std::string& mode = config.text("hands.approval_mode");
  if (const auto known = approval_mode_from_string(mode)) {
    options.mode = *known;
  } else {
    log::error(
        "hands.approval_mode is none of read_only, ask, auto; nothing that writes, spends or leaves the machine "
        "will run",
        {{"value", mode}});
    options.mode = ApprovalMode::read_only;
  }
  options.expiry = Millis(std::clamp<std::int64_t>(config.integer("hands.approval_seconds"), 1, 86'400) * 1000);
  return options;
}

Task<Result<policy::Decision>> Approvals::pass(const ToolSpec& tool, const ToolRequest& request,
                                               const ToolObserver& observer, std::stop_token stop) {
  ToolUse use = use_of(tool, request.call.arguments_json);
  const bool uncertain = request.resumed && !tool.idempotent;
  if (policy::is_harmless(use) && !uncertain) co_return policy::Decision{true, {}};
  LB_CO_TRY(standing, co_await store_.standing(request.principal, request.conversation_id, tool.skill, request.call));
  std::optional<Approval>& asked = standing.asked;
  if (uncertain && !asked) {
    co_return make_error(Code::already_exists, "This call may have run before, and its tool is not to be run twice.");
  }
  const ApprovalMode mode =
      policy::effective_mode(standing.workspace, request.mode ? request.mode : standing.conversation, options_.mode);
  policy::ToolDecision decision = policy::decide_tool(mode, tool.name, use, standing.grants);
  const bool reusable = decision.verdict == policy::Verdict::ask && asked && same_call(*asked, request);
  if (asked && asked->state == ApprovalState::open && (!reusable || !observer.approval)) {
    // Nobody needs the answer any more.
    (void)co_await close(*asked, ApprovalState::withdrawn);
  }
  if (decision.verdict == policy::Verdict::allow) co_return policy::Decision{true, {}};
  if (decision.verdict == policy::Verdict::deny) co_return policy::Decision{false, std::move(decision.reason)};
  if (reusable && asked->state != ApprovalState::open && asked->state != ApprovalState::withdrawn) {
    co_return outcome_of(*asked);
  }
  if (!observer.approval) co_return policy::Decision{false, policy::nobody_to_ask(tool.name, use)};
  if (reusable && asked->state == ApprovalState::open) {
    co_return co_await await_answer(std::move(*asked), observer, stop);
  }
  LB_CO_TRY(question, co_await ask(tool, request, std::move(use), std::move(decision.reason), standing.open));
  co_return co_await await_answer(std::move(question), observer, stop);
}

Task<Result<Approval>> Approvals::ask(const ToolSpec& tool, const ToolRequest& request, ToolUse use, std::string reason,
                                      std::size_t open) {
  if (open >= options_.open_per_user) {
    co_return make_error(Code::resource_exhausted,
                         "Too many questions about tool calls wait for an answer; answer some first.");
  }
  Approval question;
  question.id = ids_.next();
  question.principal = request.principal;
  question.conversation_id = request.conversation_id;
  question.turn_id = request.turn_id;
  question.call = request.call;
  question.skill = tool.skill;
  question.use = std::move(use);
  question.reason = std::move(reason);
  question.created_at = clock_.unix_now();
  question.expires_at = question.created_at + options_.expiry.count();
  // What cannot be put on record is not asked.
  LB_CO_CHECK(co_await note(AuditKind::approval_requested, question.principal, question, question.reason));
  LB_CO_CHECK(co_await store_.add(question));
  co_return question;
}

Task<Status> Approvals::note(AuditEvent event) {
  Status noted = co_await audit_.append(std::move(event));
  if (!noted) log::error("an audit row cannot be written", {{"error", noted.error().message}});
  co_return noted;
}

Task<Status> Approvals::note(AuditKind kind, Principal who, Approval approval, std::string detail) {
  AuditEvent event;
  event.kind = kind;
  event.principal = std::move(who);
  event.call_id = approval.call.id;
  event.conversation_id = approval.conversation_id;
  event.turn_id = approval.turn_id;
  event.subject = approval.call.name;
  event.arguments_sha256 = sha256_hex(approval.call.arguments_json);
  const bool undecided = kind == AuditKind::approval_requested;
  event.outcome = undecided                                  ? AuditOutcome::started
                  : approval.state == ApprovalState::granted ? AuditOutcome::ok
                                                             : AuditOutcome::denied;
  event.detail = std::move(detail);
  co_return co_await note(std::move(event));
}

Task<Approval> Approvals::close(Approval asked, ApprovalState state) {
  auto closed = co_await store_.close(asked.id, state);
  if (closed) {
    if (closed->state == state) {
      count(state);
      (void)co_await note(AuditKind::approval_decided, closed->principal, *closed, std::string(to_string(state)));
    }
    co_return std::move(*closed);
  }
  log::warn("a question could not be closed", {{"approval_id", asked.id}, {"error", closed.error().message}});
  asked.state = state;
  co_return asked;
}

Task<Result<policy::Decision>> Approvals::await_answer(Approval asked, const ToolObserver& observer,
                                                       std::stop_token stop) {
  Signal changed(executor_);
  const auto place = waiting_.emplace(asked.id, &changed);
  observer.approval(asked);
  while (asked.state == ApprovalState::open) {
    if (stop.stop_requested()) {
      asked = co_await close(std::move(asked), ApprovalState::withdrawn);
      break;
    }
    const std::int64_t left = asked.expires_at - clock_.unix_now();
    if (left <= 0) {
      asked = co_await close(std::move(asked), ApprovalState::expired);
      break;
    }
    co_await changed.wait(stop, std::min(options_.look, Millis(left)));
    if (auto now = co_await store_.get(asked.principal, asked.id)) asked = std::move(*now);
  }
  waiting_.erase(place);
  observer.approval(asked);
  // Approved in the moment of the stop: the stop wins, and nothing has run.
  if (stop.stop_requested())
    co_return make_error(Code::cancelled, "The call was stopped while it waited for approval.");
  co_return outcome_of(asked);
}

Task<Result<Approval>> Approvals::decide(Principal principal, std::string id, ApprovalDecision decision) {
  LB_CO_TRY(asked, co_await store_.get(principal, id));
  if (const auto allowed = policy::may_decide(principal, asked); !allowed) {
    co_return make_error(Code::permission_denied, allowed.reason);
  }
  std::vector<Grant> grants;
  if (decision == ApprovalDecision::always) {
    grants = policy::grants_of(asked);
    if (grants.empty()) {
      co_return make_error(Code::failed_precondition, asked.use.only_once + " Answer \"once\" or \"deny\".");
    }
  }
  LB_CO_TRY(decided, co_await store_.decide(principal, id, decision, std::move(grants)));
  count(decided.state);
  std::string detail(to_string(decision));
  if (decision == ApprovalDecision::always) detail += ": " + policy::describe(decided.use);
  (void)co_await note(AuditKind::approval_decided, std::move(principal), decided, std::move(detail));
  const auto [first, last] = waiting_.equal_range(id);
  for (auto waiter = first; waiter != last; ++waiter) waiter->second->notify_all();
  co_return decided;
}

Task<Result<std::vector<Approval>>> Approvals::list(Principal principal, bool open_only, int limit) {
  return store_.list(std::move(principal), open_only, limit);
}

Task<Result<ToolMode>> Approvals::get_mode(Principal principal, std::string conversation_id) {
  LB_CO_TRY(mode, co_await store_.get_mode(std::move(principal), std::move(conversation_id)));
  mode.effective = policy::effective_mode(mode.workspace, mode.conversation, options_.mode);
  co_return mode;
}

Task<Result<ToolMode>> Approvals::set_mode(Principal principal, std::string conversation_id,
                                           std::optional<ApprovalMode> mode) {
  const bool workspace = conversation_id.empty();
  LB_CO_CHECK(policy::require(principal, workspace ? policy::Permission::set_tool_mode : policy::Permission::chat));
  AuditEvent event;
  event.kind = AuditKind::policy;
  event.principal = principal;
  event.conversation_id = conversation_id;
  event.subject = "tool mode";
  event.detail = mode ? std::string(to_string(*mode)) : std::string("as if none had been set");
  if (workspace) {
    LB_CO_CHECK(co_await store_.set_workspace_mode(principal, mode));
  } else {
    LB_CO_CHECK(co_await store_.set_conversation_mode(principal, conversation_id, mode));
  }
  (void)co_await note(std::move(event));
  co_return co_await get_mode(std::move(principal), std::move(conversation_id));
}

Task<Result<std::vector<Grant>>> Approvals::list_grants(Principal principal) {
  return store_.list_grants(std::move(principal));
}

Task<Status> Approvals::revoke_grant(Principal principal, std::string id) {
  LB_CO_CHECK(policy::require(principal, policy::Permission::answer_approvals));
  LB_CO_CHECK(co_await store_.revoke_grant(principal, id));
  AuditEvent event;
  event.kind = AuditKind::policy;
  event.principal = std::move(principal);
  event.subject = "standing answer";
  event.detail = "revoked " + id;
  (void)co_await note(std::move(event));
  co_return Ok{};
}

}  // namespace librebird::hands
