#pragma once

// Writing the audit log's chains; for stores that log a change in the transaction that makes it. Private.
// Call these inside a write transaction.

#include <librebird/core/ports/audit_store.hpp>

#include "context.hpp"

#define LB_AUDIT_COLUMNS                                                                              \
  "c.workspace_id, c.seq, c.id, c.kind, c.call_id, c.run, c.user_id, c.role, c.credential_id, "       \
  "c.conversation_id, c.turn_id, c.subject, c.arguments_sha256, c.outcome, c.detail, c.duration_ms, " \
  "c.created_at, c.prev_hash, c.hash"

#define LB_HEAD_COLUMNS "workspace_id, seq, hash, pruned_seq, pruned_hash, key_id, seal"
// Reads heads that are about to change. As an update it locks them: nobody changes one between reading and writing.
#define LB_LOCK_HEADS "UPDATE audit_heads SET seq = seq "

namespace librebird::storage {

// Adds the event to the chain of its principal's workspace.
Status append_audit(Connection& db, const AuditParts& parts, const AuditEvent& event);

// Adds a row to the chain of its workspace; gives it seq, prev_hash and hash.
Status append_row(Connection& db, const AuditParts& parts, AuditRecord& record);
// The fields of a row that is not a call.
AuditRecord record_of(const AuditParts& parts, const AuditEvent& event);
AuditRecord audit_record(const Row& row);  // of LB_AUDIT_COLUMNS
AuditHead audit_head(const Row& row);      // of LB_HEAD_COLUMNS

// The key that everything is sealed under, at hand in `parts.keys`; empty: nothing is sealed.
// failed_precondition: it is not at hand.
Result<std::string> sealing_key(Connection& db, const AuditParts& parts);
// Seals the heads of all chains and their number under this key. A seal that does not hold stays as it is, unless
// `anyway`.
Status seal_chains(Connection& db, const AuditParts& parts, const std::string& key_id, bool anyway);
// Adds an event about the log itself to every chain.
Status note_in_all_chains(Connection& db, const AuditParts& parts, const std::string& detail);
// What is wrong with seals and with the number of chains; one sentence each.
Result<AuditHeads> read_heads(Connection& db, const AuditParts& parts);
// Seals a head and writes it over the old one.
Status write_head(Connection& db, const AuditParts& parts, AuditHead head);

// Moves the rows of 0001's audit_log into the chains.
Status adopt_audit_log(Connection& db, const AuditParts& parts);

}  // namespace librebird::storage
