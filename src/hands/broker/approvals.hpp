#pragma once

// The stage of a call where a person may have a say: mode, standing answers, question, answer.
//
// A question is a row first and a wait second: whoever answers, in this process or another (the command line), the
// row decides, and the wait only looks at it. So a call that is taken up again after a crash finds its question where
// it was: still open, answered meanwhile, or withdrawn. Loop only; the references outlive it.

#include <librebird/base/async/sync.hpp>
#include <librebird/base/config.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/policy/permissions.hpp>
#include <librebird/core/ports/approval_stores.hpp>
#include <librebird/core/ports/audit_store.hpp>
#include <librebird/core/ports/hands_service.hpp>

#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace librebird::hands {

struct ApprovalOptions {
  ApprovalMode mode = ApprovalMode::ask;  // of workspaces that have none set
  Millis expiry{300'000};                 // an unanswered question is a no after this
  std::size_t open_per_user = 64;
  Millis look{1'000};  // how often a waiting call looks whether another process brought its answer
};

[[nodiscard]] std::vector<ConfigKey> approval_config();
[[nodiscard]] ApprovalOptions approval_options(const Config& config);

class Approvals {
 public:
  Approvals(Executor executor, const Clock& clock, IdGenerator& ids, ApprovalStore& store, AuditStore& audit,
            ApprovalOptions options)
      : executor_(executor), clock_(clock), ids_(ids), store_(store), audit_(audit), options_(options) {}

  // Whether the call may run; if not, why, and what would allow it. `request.call.arguments_json` is what will run.
  // Errors: cancelled, resource_exhausted (too many open questions), already_exists (see ToolRequest::resumed), the
  // store's.
  Task<Result<policy::Decision>> pass(const ToolSpec& tool, const ToolRequest& request, const ToolObserver& observer,
                                      std::stop_token stop);

  Task<Result<Approval>> decide(Principal principal, std::string id, ApprovalDecision decision);
  Task<Result<std::vector<Approval>>> list(Principal principal, bool open_only, int limit);
  Task<Result<ToolMode>> get_mode(Principal principal, std::string conversation_id);
  Task<Result<ToolMode>> set_mode(Principal principal, std::string conversation_id, std::optional<ApprovalMode> mode);
  Task<Result<std::vector<Grant>>> list_grants(Principal principal);
  Task<Status> revoke_grant(Principal principal, std::string id);

 private:
  Task<Result<Approval>> ask(const ToolSpec& tool, const ToolRequest& request, ToolUse use, std::string reason,
                             std::size_t open);
  Task<Result<policy::Decision>> await_answer(Approval asked, const ToolObserver& observer, std::stop_token stop);
  Task<Approval> close(Approval asked, ApprovalState state);
  Task<Status> note(AuditEvent event);
  Task<Status> note(AuditKind kind, Principal who, Approval approval, std::string detail);

  Executor executor_;
  const Clock& clock_;
  IdGenerator& ids_;
  ApprovalStore& store_;
  AuditStore& audit_;
  ApprovalOptions options_;
  std::multimap<std::string, Signal*> waiting_;  // by question
};

}  // namespace librebird::hands
