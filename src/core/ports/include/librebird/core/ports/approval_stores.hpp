#pragma once

// Ports: what is kept about people's say in tool calls (modes, questions, standing answers), and what tools have used.
// The rules of stores.hpp hold here too: a Principal sees only rows of its own user and workspace.
// Thread rule: call on the loop; results come back on the loop.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/approval.hpp>

#include <optional>
#include <string>
#include <vector>

namespace librebird {

class ApprovalStore {
 public:
  // All that is known about a call before it is decided, in one look.
  struct Standing {
    std::optional<ApprovalMode> workspace;
    std::optional<ApprovalMode> conversation;
    std::vector<Grant> grants;       // of this user, skill and tool
    std::optional<Approval> asked;   // the newest question about this call id
    std::size_t open = 0;            // questions of this user that nobody has answered yet
  };

  virtual ~ApprovalStore() = default;
  virtual Task<Result<Standing>> standing(Principal principal, std::string conversation_id, std::string skill,
                                          ToolCall call) = 0;

  // `conversation_id` empty: the workspace alone. not_found: there is no such conversation of this user.
  virtual Task<Result<ToolMode>> get_mode(Principal principal, std::string conversation_id) = 0;
  // nullopt forgets the mode. not_found: there is no such conversation of this user.
  virtual Task<Status> set_workspace_mode(Principal principal, std::optional<ApprovalMode> mode) = 0;
  virtual Task<Status> set_conversation_mode(Principal principal, std::string conversation_id,
                                             std::optional<ApprovalMode> mode) = 0;

  // Keeps an open question.
  virtual Task<Status> add(Approval approval) = 0;
  virtual Task<Result<Approval>> get(Principal principal, std::string id) = 0;
  // Answers an open question and, in the same transaction, keeps the grants. not_found; failed_precondition: it is
  // not open any more, or its time is over.
  virtual Task<Result<Approval>> decide(Principal principal, std::string id, ApprovalDecision decision,
                                        std::vector<Grant> grants) = 0;
  // Ends an open question without an answer (expired, withdrawn). Returns how it stands: what was decided before
  // stays decided.
  virtual Task<Result<Approval>> close(std::string id, ApprovalState state) = 0;
  // Newest first. `open_only`: those that can still be answered.
  virtual Task<Result<std::vector<Approval>>> list(Principal principal, bool open_only, int limit) = 0;

  virtual Task<Result<std::vector<Grant>>> list_grants(Principal principal) = 0;
  virtual Task<Status> revoke_grant(Principal principal, std::string id) = 0;  // not_found
};

// What a user, or a workspace, has used in one window of time.
struct QuotaUse {
  QuotaScope scope = QuotaScope::user;
  std::string subject;  // the workspace's id; of users: workspace and user, because limits are per workspace
  QuotaWindow window = QuotaWindow::hour;
  UnixMillis start = 0;  // of the window
  ToolUsage used;

  friend bool operator==(const QuotaUse&, const QuotaUse&) = default;
};

class QuotaStore {
 public:
  virtual ~QuotaStore() = default;
  // The same entries with what was used; zero where nothing was.
  virtual Task<Result<std::vector<QuotaUse>>> read(std::vector<QuotaUse> of) = 0;
  // Adds to each entry and returns the new totals (other processes add too). Survives the process; a power cut may
  // take the last additions back. Forgets windows that ended more than two days before.
  virtual Task<Result<std::vector<QuotaUse>>> add(std::vector<QuotaUse> more) = 0;
};

}  // namespace librebird
