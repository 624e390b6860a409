#include "audit_chain.hpp"

#include "codec.hpp"

#include <librebird/core/audit/chain.hpp>

#include <fmt/format.h>

#include <tuple>

namespace librebird::storage {
namespace {

constexpr std::size_t kLongestDetail = 4096;
constexpr std::size_t kLongestName = 256;

// What is hashed is what is stored, so it is made storable first.
std::string storable(std::string text, std::size_t limit) {
  if (text.size() > limit) text.resize(limit);  // a character cut in two is mended by clean_text()
  return clean_text(std::move(text));
}

// Seals it under its key, if it has one; otherwise the seal stays what it is.
Status put_head(Connection& db, const AuditParts& parts, AuditHead& head, bool seal = true) {
  if (seal && !head.key_id.empty()) {
    LB_TRY(made, parts.keys->authenticate(head.key_id, sealed_text(head)));
    head.seal = std::move(made);
  }
  LB_TRY(changed,
         db.execute("UPDATE audit_heads SET seq = $2, hash = $3, pruned_seq = $4, pruned_hash = $5, key_id = $6, "
                    "seal = $7 WHERE workspace_id = $1",
                    head.workspace_id, head.seq, head.hash, head.pruned_seq, head.pruned_hash, head.key_id, head.seal));
  if (changed > 0) return Ok{};
  LB_CHECK(
      db.execute("INSERT INTO audit_heads (workspace_id, ordinal, seq, hash, pruned_seq, pruned_hash, key_id, seal) "
                 "VALUES ($1, (SELECT COALESCE(MAX(ordinal), 0) + 1 FROM audit_heads), $2, $3, $4, $5, $6, $7)",
                 head.workspace_id, head.seq, head.hash, head.pruned_seq, head.pruned_hash, head.key_id, head.seal));
  return Ok{};
}

std::string chains_text(std::int64_t chains) {
  std::string text;
  append_netstring(text, "librebird-audit-chains-v1");
  append_netstring(text, std::to_string(chains));
  return text;
}

Status put_chains(Connection& db, const AuditParts& parts, const std::string& key_id, std::int64_t chains) {
  LB_TRY(seal, parts.keys->authenticate(key_id, chains_text(chains)));
  LB_CHECK(db.execute("UPDATE master_key SET key_id = $1, chains = $2, seal = $3 WHERE id = 1", key_id, chains, seal));
  return Ok{};
}

// One more chain than the sealed number said; a wrong number is not put right by this.
Status count_chain(Connection& db, const AuditParts& parts, const std::string& key_id) {
  auto row = [](const Row& r) { return std::pair(r.integer(0), r.string(1)); };
  LB_TRY(known, db.one("UPDATE master_key SET chains = chains WHERE id = 1 RETURNING chains, seal", row));
  if (!known || !parts.keys->is_authentic(key_id, chains_text(known->first), known->second)) return Ok{};
  return put_chains(db, parts, key_id, known->first + 1);
}

}  // namespace

AuditHead audit_head(const Row& row) {
  return {row.string(0), row.integer(1), row.string(2), row.integer(3), row.string(4), row.string(5), row.string(6)};
}

AuditRecord audit_record(const Row& row) {
  AuditRecord r;
  r.workspace_id = row.string(0);
  r.seq = row.integer(1);
  r.id = row.string(2);
  r.kind = row.string(3);
  r.call_id = row.string(4);
  r.run = row.integer(5);
  r.user_id = row.string(6);
  r.role = row.string(7);
  r.credential_id = row.string(8);
  r.conversation_id = row.string(9);
  r.turn_id = row.string(10);
  r.subject = row.string(11);
  r.arguments_sha256 = row.string(12);
  r.outcome = row.string(13);
  r.detail = row.string(14);
  r.duration_ms = row.integer(15);
  r.created_at = row.integer(16);
  r.prev_hash = row.string(17);
  r.hash = row.string(18);
  return r;
}

Result<std::string> sealing_key(Connection& db, const AuditParts& parts) {
  const AsPlatform platform(db);
  auto text = [](const Row& row) { return row.string(0); };
  LB_TRY(key, db.one("SELECT key_id FROM master_key WHERE id = 1", text));
  if (!key) return std::string();
  if (parts.keys == nullptr) {
    return {Code::failed_precondition, "The audit log is sealed under a master key, and none was given."};
  }
  if (!parts.keys->knows(*key)) LB_CHECK(parts.keys->reload());  // another process changed it
  if (!parts.keys->knows(*key)) {
    return {
        Code::failed_precondition,
        fmt::format("The master key in {} is not the one this data folder is sealed under ({}): put that key back, "
                    "or restart if it was changed. If it is lost for good, `librebird secret rotate-key --lost-key` "
                    "gives up the stored secrets and starts with a new one.",
                    parts.keys->origin(), *key)};
  }
  return *std::move(key);
}

Status append_row(Connection& db, const AuditParts& parts, AuditRecord& record) {
  LB_TRY(key, sealing_key(db, parts));
  LB_TRY(known,
         db.one(LB_LOCK_HEADS "WHERE workspace_id = $1 RETURNING " LB_HEAD_COLUMNS, audit_head, record.workspace_id));
  AuditHead head{record.workspace_id, 0, std::string(kNoHash), 0, std::string(kNoHash), "", ""};
  bool trusted = true;
  if (known) {
    head = *std::move(known);
    trusted = key.empty() || parts.keys->is_authentic(head.key_id, sealed_text(head), head.seal);
  } else {
    auto end = [](const Row& row) { return std::pair(row.integer(0), row.string(1)); };
    LB_TRY(last, db.one("SELECT seq, hash FROM audit_chain WHERE workspace_id = $1 ORDER BY seq DESC LIMIT 1", end,
                        record.workspace_id));
    trusted = !last;  // rows without a head: somebody removed it
    if (last) std::tie(head.seq, head.hash) = *std::move(last);
  }
  record.seq = head.seq + 1;
  record.prev_hash = head.hash;
  record.hash = chain_hash(record);
  LB_CHECK(db.execute(
      "INSERT INTO audit_chain (workspace_id, seq, id, kind, call_id, run, user_id, role, "
      "credential_id, conversation_id, turn_id, subject, arguments_sha256, outcome, detail, duration_ms, "
      "created_at, prev_hash, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, "
      "$15, $16, $17, $18, $19)",
      record.workspace_id, record.seq, record.id, record.kind, record.call_id, record.run, record.user_id, record.role,
      record.credential_id, record.conversation_id, record.turn_id, record.subject, record.arguments_sha256,
      record.outcome, record.detail, record.duration_ms, record.created_at, record.prev_hash, record.hash));
  head.seq = record.seq;
  head.hash = record.hash;
  const bool begun = record.seq == 1;
  // A seal that does not hold is not made good by what follows: the log goes on, and verifying keeps telling.
  if (trusted) head.key_id = key;
  LB_CHECK(put_head(db, parts, head, trusted));
  if (begun && !key.empty()) LB_CHECK(count_chain(db, parts, key));
  return Ok{};
}

Status write_head(Connection& db, const AuditParts& parts, AuditHead head) {
  LB_TRY(key, sealing_key(db, parts));
  head.key_id = key;
  return put_head(db, parts, head);
}

AuditRecord record_of(const AuditParts& parts, const AuditEvent& event) {
  AuditRecord r;
  r.workspace_id = event.principal.workspace_id;
  r.id = parts.ids.next();
  r.kind = to_string(event.kind);
  r.call_id = storable(event.call_id, kLongestName);
  r.user_id = event.principal.user_id;
  r.role = to_string(event.principal.role);
  r.credential_id = storable(event.principal.credential_id, kLongestName);
  r.conversation_id = storable(event.conversation_id, kLongestName);
  r.turn_id = storable(event.turn_id, kLongestName);
  r.subject = storable(event.subject, kLongestName);
  r.arguments_sha256 = storable(event.arguments_sha256, kLongestName);
  r.outcome = to_string(event.outcome);
  r.detail = storable(event.detail, kLongestDetail);
  r.duration_ms = event.duration.count();
  r.created_at = parts.clock.unix_now();
  return r;
}

Status append_audit(Connection& db, const AuditParts& parts, const AuditEvent& event) {
  const AsPlatform platform(db);
  AuditRecord record = record_of(parts, event);
  return append_row(db, parts, record);
}

Status seal_chains(Connection& db, const AuditParts& parts, const std::string& key_id, bool anyway) {
  LB_TRY(heads, db.all(LB_LOCK_HEADS "RETURNING " LB_HEAD_COLUMNS, audit_head));
  for (AuditHead& head : heads) {
    if (!anyway && !parts.keys->is_authentic(head.key_id, sealed_text(head), head.seal)) continue;
    head.key_id = key_id;
    LB_CHECK(put_head(db, parts, head));
  }
  auto row = [](const Row& r) { return std::tuple(r.integer(0), r.string(1), r.string(2)); };
  LB_TRY(chains, db.one("SELECT chains, key_id, seal FROM master_key WHERE id = 1", row));
  if (!anyway && chains) {
    const auto& [number, old_key, seal] = *chains;
    if (parts.keys->is_authentic(old_key, chains_text(number), seal)) return put_chains(db, parts, key_id, number);
    LB_CHECK(db.execute("UPDATE master_key SET key_id = $1 WHERE id = 1", key_id));
    return Ok{};
  }
  return put_chains(db, parts, key_id, static_cast<std::int64_t>(heads.size()));
}

Status note_in_all_chains(Connection& db, const AuditParts& parts, const std::string& detail) {
  auto text = [](const Row& row) { return row.string(0); };
  LB_TRY(workspaces, db.all("SELECT workspace_id FROM audit_heads ORDER BY ordinal", text));
  for (const std::string& workspace : workspaces) {
    AuditEvent event;
    event.kind = AuditKind::chain;
    event.principal.workspace_id = workspace;
    event.principal.role = Role::owner;
    event.detail = detail;
    LB_CHECK(append_audit(db, parts, event));
  }
  return Ok{};
}

Result<AuditHeads> read_heads(Connection& db, const AuditParts& parts) {
  AuditHeads out;
  LB_TRY(key, sealing_key(db, parts));
  LB_TRY(heads, db.all("SELECT " LB_HEAD_COLUMNS " FROM audit_heads ORDER BY ordinal", audit_head));
  out.heads = std::move(heads);
  auto text = [](const Row& row) { return row.string(0); };
  LB_TRY(headless,
         db.all("SELECT w.id FROM workspaces w WHERE EXISTS (SELECT 1 FROM audit_chain c WHERE c.workspace_id "
                "= w.id) AND NOT EXISTS (SELECT 1 FROM audit_heads h WHERE h.workspace_id = w.id)",
                text));
  for (const std::string& workspace : headless) {
    out.problems.push_back(fmt::format("workspace {}: the record of its chain's end is missing.", workspace));
  }
  if (key.empty()) return out;
  for (const AuditHead& head : out.heads) {
    if (!parts.keys->is_authentic(head.key_id, sealed_text(head), head.seal)) {
      out.problems.push_back(
          fmt::format("workspace {}: the seal of the chain's end does not hold: it was forged, or "
                      "rows were cut off.",
                      head.workspace_id));
    }
  }
  auto row = [](const Row& r) { return std::pair(r.integer(0), r.string(1)); };
  LB_TRY(chains, db.one("SELECT chains, seal FROM master_key WHERE id = 1", row));
  if (!chains || !parts.keys->is_authentic(key, chains_text(chains->first), chains->second)) {
    out.problems.push_back("the seal of the number of chains does not hold: it was forged.");
  } else if (chains->first != static_cast<std::int64_t>(out.heads.size())) {
    out.problems.push_back(
        fmt::format("{} chains are there, {} were begun: a workspace's whole log was removed or put in.",
                    out.heads.size(), chains->first));
  }
  return out;
}

Status adopt_audit_log(Connection& db, const AuditParts& parts) {
  // The end of a call was not noted apart from its start: it is the start plus how long it took.
  auto old_row = [](const Row& row) {
    AuditRecord r;
    r.id = row.string(0);
    r.call_id = row.string(1);
    r.run = row.integer(2);
    r.workspace_id = row.string(3);
    r.user_id = row.string(4);
    r.role = row.string(5);
    r.credential_id = row.string(6);
    r.conversation_id = row.string(7);
    r.turn_id = row.string(8);
    r.subject = row.string(9);
    r.arguments_sha256 = row.string(10);
    r.outcome = row.string(11);
    r.detail = row.string(12);
    r.duration_ms = row.integer(13);
    r.created_at = row.integer(14);
    return r;
  };
  LB_TRY(rows, db.all("SELECT id, call_id, run, workspace_id, user_id, role, credential_id, conversation_id, turn_id, "
                      "tool, arguments_sha256, outcome, detail, duration_ms, created_at FROM audit_log ORDER BY id",
                      old_row));
  for (const AuditRecord& old : rows) {
    const bool denied = old.outcome == "denied";
    AuditRecord start = old;
    start.kind = to_string(denied ? AuditKind::call_denied : AuditKind::call_started);
    if (!denied) {
      start.outcome = to_string(AuditOutcome::started);
      start.detail.clear();
      start.duration_ms = 0;
    }
    LB_CHECK(append_row(db, parts, start));
    if (denied) continue;
    if (old.outcome == "started") {
      LB_CHECK(db.execute("INSERT INTO audit_open (id, workspace_id, seq, instance) VALUES ($1, $2, $3, $4)", start.id,
                          start.workspace_id, start.seq, ""));
      continue;
    }
    AuditRecord end = old;
    end.id = parts.ids.next();
    end.kind = to_string(AuditKind::call_finished);
    end.created_at += end.duration_ms;
    LB_CHECK(append_row(db, parts, end));
  }
  LB_CHECK(db.execute("DROP TABLE audit_log"));
  return Ok{};
}

}  // namespace librebird::storage
