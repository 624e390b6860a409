#pragma once

// Port: how much of the models and of storage people and workspaces use, and may use. The rules of stores.hpp hold.
//
// Whoever has a message accepted (TurnStore::accept) or asks a model directly (begin) is counted there and then, in one
// transaction with the check, so that two at once cannot pass for one. What a turn took is known when it ends: a limit
// of tokens or money is checked before the next one begins.
//
// Several limits may hold; each has to. The operator's for a user or a workspace replaces the configured one; a
// workspace's own limits, for itself and for its members, can only be narrower: they never lift the operator's.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/usage.hpp>

#include <optional>
#include <string>

namespace librebird {

class UsageStore {
 public:
  virtual ~UsageStore() = default;

  // Counts what is asked of a model beside the conversations. resource_exhausted says which limit is reached, when
  // it starts anew, and who can raise it.
  virtual Task<Status> begin(Principal principal, std::string id, UsageRules rules) = 0;
  virtual Task<Status> end(std::string id, Spent spent) = 0;

  // Of the principal in the workspace, with all limits that hold there.
  virtual Task<Result<UsageReport>> mine(Principal principal, UsageRules rules) = 0;
  virtual Task<Result<WorkspaceUsage>> of_workspace(Principal principal, UsageRules rules) = 0;

  // Limits without any number are removed. Each is a row of the audit log.
  virtual Task<Status> limit_workspace(Principal principal, UsageLimits limits) = 0;
  // permission_denied: the member stands as high as who asks.
  virtual Task<Status> limit_member(Principal principal, std::string user_id, UsageLimits limits) = 0;

  // The operator's, of a user in all workspaces or of a workspace: exactly one of the two is named; nullopt: as
  // configured. The principal is whom the audit log names.
  virtual Task<Status> set_operator_limits(Principal principal, std::string workspace_id, std::string user_id,
                                           std::optional<UsageLimits> limits) = 0;
  virtual Task<Result<std::optional<UsageLimits>>> operator_limits(std::string workspace_id, std::string user_id) = 0;

  // Forgets what no month of now counts any more. Answers how many entries.
  virtual Task<Result<std::int64_t>> prune() = 0;
};

}  // namespace librebird
