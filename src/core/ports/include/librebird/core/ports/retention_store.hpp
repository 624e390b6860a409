#pragma once

// Port: how long workspaces keep conversations, and the deletion of what is older. The rules of stores.hpp hold.
//
// A conversation in which a turn is open is never deleted, however old. Deleting is what its owner's deleting is:
// messages, turns, what was embedded of it and the words in the search index go.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/conversation.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/retention.hpp>

#include <cstdint>
#include <vector>

namespace librebird {

class RetentionStore {
 public:
  virtual ~RetentionStore() = default;

  // Of the principal's workspace, for its members.
  virtual Task<Result<RetentionRules>> get(Principal principal) = 0;
  // A row of the audit log, in the same transaction. invalid_argument: a number below 0 or above kMostRetentionDays;
  // permission_denied: the role does not allow it.
  virtual Task<Status> set(Principal principal, RetentionRules rules) = 0;
  // How many conversations these rules would delete at this moment, if they were set.
  virtual Task<Result<std::int64_t>> count(Principal principal, RetentionRules rules) = 0;

  // Deletes what is past the rules of any workspace, `limit` conversations at the most, the oldest first, and writes
  // how many into each workspace's audit log. Answers them, for those who look at them; fewer than the limit: there are
  // no more. Several processes may do it at once.
  virtual Task<Result<std::vector<Conversation>>> sweep(int limit) = 0;
};

}  // namespace librebird
