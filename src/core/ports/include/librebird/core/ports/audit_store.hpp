#pragma once

// Port: the audit log. One append-only hash chain a workspace: each row carries the SHA-256 of its own fields and of
// the row before it (core/audit says how), and the chain's end is sealed under the master key, so that a row that was
// altered, removed, moved or cut off is found and named by `librebird audit verify`.
//
// A row never changes. A call is two rows: call_started before anything runs, call_finished when it ended.
// No row holds arguments, results or secrets. Thread rule: loop only. A write is durable when it returns.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

enum class AuditOutcome { started, ok, error, denied, interrupted };

[[nodiscard]] std::string_view to_string(AuditOutcome outcome);
[[nodiscard]] std::optional<AuditOutcome> audit_outcome_from_string(std::string_view name);

enum class AuditKind {
  call_started,
  call_finished,
  call_denied,
  approval_requested,
  approval_decided,
  egress,  // what a call asked the network for, and what was decided
  leak,    // something that looks like a secret was kept back
  skill,   // installed, updated, enabled, removed, ...
  secret,  // set or removed; never the value
  policy,  // mode, quota or rule changed
  chain,   // about the log itself: rows removed by age, key changed
  account,  // password, second factor, address changed; disabled, enabled
  session,  // signed in, refused, signed out
  api_key,  // made, revoked
};

[[nodiscard]] std::string_view to_string(AuditKind kind);
[[nodiscard]] std::optional<AuditKind> audit_kind_from_string(std::string_view name);

// Something that happened beside the start and the end of a call.
struct AuditEvent {
  AuditKind kind = AuditKind::skill;
  Principal principal;  // whose workspace's chain it belongs to
  std::string call_id;  // of the call it is about, if any
  std::string conversation_id;
  std::string turn_id;
  std::string subject;  // tool, skill, secret's name, host
  std::string arguments_sha256;
  AuditOutcome outcome = AuditOutcome::ok;
  std::string detail;  // one line; no arguments, no secrets
  Millis duration{0};
};

// A call with how it ended (`started` while it runs), or an event.
struct AuditEntry {
  std::string id;
  std::string call_id;
  Principal principal;
  std::string conversation_id;
  std::string turn_id;
  std::string tool;  // or the event's subject
  std::string arguments_sha256;
  AuditOutcome outcome = AuditOutcome::started;
  std::string detail;  // why it was denied or failed; no arguments
  Millis duration{0};
  UnixMillis created_at = 0;
  AuditKind kind = AuditKind::call_started;
};

// A row as it stands in the chain.
struct AuditRecord {
  std::string workspace_id;
  std::int64_t seq = 0;  // 1, 2, 3, ...
  std::string id;
  std::string kind;  // text, so that a row of a newer program can still be verified
  std::string call_id;
  std::int64_t run = 0;  // 0, or which rerun of the call this is
  std::string user_id;
  std::string role;
  std::string credential_id;
  std::string conversation_id;
  std::string turn_id;
  std::string subject;
  std::string arguments_sha256;
  std::string outcome;
  std::string detail;
  std::int64_t duration_ms = 0;
  UnixMillis created_at = 0;
  std::string prev_hash;  // 64 hex digits; zeros before the first row
  std::string hash;
};

// The end of a workspace's chain, and its beginning once old rows were removed.
struct AuditHead {
  std::string workspace_id;
  std::int64_t seq = 0;  // of the last row
  std::string hash;
  std::int64_t pruned_seq = 0;  // rows up to this one were removed by age; 0: none
  std::string pruned_hash;      // of that row
  std::string key_id;           // the master key it is sealed under; empty: unsealed
  std::string seal;
};

struct AuditHeads {
  std::vector<AuditHead> heads;       // of every workspace that has a chain, oldest first
  std::vector<std::string> problems;  // seals that do not hold, chains that are gone; one sentence each
};

class AuditStore {
 public:
  virtual ~AuditStore() = default;
  // Writes a call_started or (outcome denied) call_denied row before anything runs. already_exists: a row of this
  // call id is there, and `rerun` is false. Returns the row's id.
  virtual Task<Result<std::string>> begin(AuditEntry entry, bool rerun) = 0;
  // Writes the call_finished row. not_found: no call with this audit id is open.
  virtual Task<Status> finish(std::string id, AuditOutcome outcome, std::string detail, Millis duration) = 0;
  // Writes an event of any other kind. invalid_argument: a kind that begin() and finish() write.
  virtual Task<Status> append(AuditEvent event) = 0;
  // Calls and events of this user, newest first.
  virtual Task<Result<std::vector<AuditEntry>>> list(Principal principal, int limit) = 0;

  // Ends the open calls of processes that are gone with outcome `interrupted`; answers how many there were.
  virtual Task<Result<int>> close_interrupted() = 0;
  // Removes rows made before `before`, oldest first, keeping each chain verifiable; answers how many were removed.
  virtual Task<Result<std::int64_t>> prune(UnixMillis before) = 0;

  // For verifying and exporting: every workspace's.
  virtual Task<Result<AuditHeads>> heads() = 0;
  // At most `limit` rows with a seq above `after`, by seq.
  virtual Task<Result<std::vector<AuditRecord>>> read(std::string workspace_id, std::int64_t after, int limit) = 0;
};

}  // namespace librebird
