#include "audit_chain.hpp"
#include "codec.hpp"
#include "factories.hpp"
#include "instance.hpp"
#include "rows.hpp"

#include <librebird/core/audit/chain.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::storage {
namespace {

constexpr int kBatch = 1000;
// After that long nobody of another machine or container is at work on a call any more.
constexpr UnixMillis kLongestCall = 3600 * 1000;

Result<AuditEntry> entry_row(const Row& row) {
  AuditEntry entry;
  entry.id = row.string(0);
  entry.call_id = row.string(1);
  const auto role = role_from_string(row.text(4));
  const auto outcome = audit_outcome_from_string(row.text(10));
  const auto kind = audit_kind_from_string(row.text(14));
  if (!role || !outcome || !kind) {
    return {Code::data_loss,
            "A row of the audit log cannot be read: `librebird audit verify` tells whether it was altered."};
  }
  entry.principal = Principal{row.string(2), row.string(3), *role, row.string(5)};
  entry.conversation_id = row.string(6);
  entry.turn_id = row.string(7);
  entry.tool = row.string(8);
  entry.arguments_sha256 = row.string(9);
  entry.outcome = *outcome;
  entry.detail = row.string(11);
  entry.duration = Millis(row.integer(12));
  entry.created_at = row.integer(13);
  entry.kind = *kind;
  return entry;
}

AuditEvent event_of(const AuditEntry& entry) {
  AuditEvent event;
  event.kind = entry.outcome == AuditOutcome::denied ? AuditKind::call_denied : AuditKind::call_started;
  event.principal = entry.principal;
  event.call_id = entry.call_id;
  event.conversation_id = entry.conversation_id;
  event.turn_id = entry.turn_id;
  event.subject = entry.tool;
  event.arguments_sha256 = entry.arguments_sha256;
  event.outcome = entry.outcome;
  event.detail = entry.detail;
  event.duration = entry.duration;
  return event;
}

struct OpenCall {
  std::string audit_id;
  std::string instance;
  AuditRecord start;
};

class SqlAuditStore final : public AuditStore {
 public:
  explicit SqlAuditStore(Context context) : context_(context), instance_(this_instance()) {}

  Task<Result<std::string>> begin(AuditEntry entry, bool rerun) override {
    const AuditEvent event = event_of(entry);
    auto work = [&](Connection& db) -> Result<std::string> {
      AuditRecord record = record_of(context_.audit, event);
      auto number = [](const Row& row) { return row.integer(0); };
      LB_TRY(next, db.one("SELECT COALESCE(MAX(run) + 1, 0) FROM audit_chain WHERE call_id = $1 AND kind IN "
                          "('call_started', 'call_denied')",
                          number, record.call_id));
      record.run = next.value_or(0);
      if (record.run > 0 && !rerun) {
        return {Code::already_exists, "This tool call was started before: it is not run twice."};
      }
      LB_CHECK(append_row(db, context_.audit, record));
      if (event.kind == AuditKind::call_started) {
        LB_CHECK(db.execute("INSERT INTO audit_open (id, workspace_id, seq, instance) VALUES ($1, $2, $3, $4)",
                            record.id, record.workspace_id, record.seq, instance_));
      }
      return record.id;
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> finish(std::string id, AuditOutcome outcome, std::string detail, Millis duration) override {
    auto work = [&](Connection& db) -> Status {
      auto record = [](const Row& row) { return audit_record(row); };
      LB_TRY(start, db.one("SELECT " LB_AUDIT_COLUMNS " FROM audit_open o JOIN audit_chain c ON c.workspace_id = "
                           "o.workspace_id AND c.seq = o.seq WHERE o.id = $1",
                           record, id));
      if (!start) return {Code::not_found, "There is no running tool call with this audit id."};
      return end_call(db, *std::move(start), id, outcome, detail, duration);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> append(AuditEvent event) override {
    if (event.kind == AuditKind::call_started || event.kind == AuditKind::call_finished ||
        event.kind == AuditKind::call_denied) {
      co_return make_error(Code::invalid_argument, "Calls are logged by begin() and finish().");
    }
    auto work = [&](Connection& db) { return append_audit(db, context_.audit, event); };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::vector<AuditEntry>>> list(Principal principal, int limit) override {
    const int bounded = std::clamp(limit, 1, 1'000'000);
    auto work = [&](Connection& db) {
      return db.all(
          "SELECT s.id, s.call_id, s.user_id, s.workspace_id, s.role, s.credential_id, s.conversation_id, s.turn_id, "
          "s.subject, s.arguments_sha256, COALESCE(e.outcome, s.outcome), COALESCE(e.detail, s.detail), "
          "COALESCE(e.duration_ms, s.duration_ms), s.created_at, s.kind FROM audit_chain s LEFT JOIN audit_chain e ON "
          "e.kind = 'call_finished' AND e.call_id = s.call_id AND e.run = s.run AND s.kind = 'call_started' "
          "WHERE s.workspace_id = $1 AND s.user_id = $2 AND s.kind <> 'call_finished' ORDER BY s.seq DESC LIMIT $3",
          entry_row, principal.workspace_id, principal.user_id, bounded);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<int>> close_interrupted() override {
    int total = 0;
    for (;;) {
      int closed = 0;
      auto work = [&](Connection& db) -> Status {
        closed = 0;
        return close_some(db, closed);
      };
      LB_CO_CHECK(co_await context_.database.write(kService, work));
      total += closed;
      if (closed < kBatch) co_return total;
    }
  }

  Task<Result<std::int64_t>> prune(UnixMillis before) override {
    LB_CO_TRY(heads, co_await this->heads());
    // What does not verify is evidence.
    if (!heads.problems.empty()) {
      co_return make_error(Code::failed_precondition,
                           "The audit log does not verify, so nothing of it is removed: " + heads.problems.front());
    }
    std::int64_t total = 0;
    for (const AuditHead& head : heads.heads) {
      std::int64_t removed = 0;
      for (;;) {
        std::int64_t some = 0;
        auto work = [&](Connection& db) -> Status { return prune_some(db, head.workspace_id, before, some); };
        LB_CO_CHECK(co_await context_.database.write(kService, work));
        removed += some;
        if (some < kBatch) break;
      }
      if (removed == 0) continue;
      total += removed;
      AuditEvent event;
      event.kind = AuditKind::chain;
      event.principal.workspace_id = head.workspace_id;
      event.principal.role = Role::owner;
      event.detail =
          fmt::format("{} rows made before {} were removed because of their age", removed, to_rfc3339(before));
      LB_CO_CHECK(co_await append(std::move(event)));
    }
    co_return total;
  }

  Task<Result<AuditHeads>> heads() override {
    auto work = [&](Connection& db) { return read_heads(db, context_.audit); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::vector<AuditRecord>>> read(std::string workspace_id, std::int64_t after, int limit) override {
    const int bounded = std::clamp(limit, 1, 10'000);
    auto work = [&](Connection& db) {
      auto record = [](const Row& row) { return audit_record(row); };
      return db.all("SELECT " LB_AUDIT_COLUMNS
                    " FROM audit_chain c WHERE c.workspace_id = $1 AND c.seq > $2 ORDER BY "
                    "c.seq LIMIT $3",
                    record, workspace_id, after, bounded);
    };
    co_return co_await context_.database.read(kService, work);
  }

 private:
  Status end_call(Connection& db, AuditRecord record, std::string_view audit_id, AuditOutcome outcome,
                  const std::string& detail, Millis duration) {
    AuditEvent end;
    end.detail = detail;
    const AuditRecord fresh = record_of(context_.audit, end);
    record.id = fresh.id;
    record.kind = to_string(AuditKind::call_finished);
    record.outcome = to_string(outcome);
    record.detail = fresh.detail;
    record.duration_ms = duration.count();
    record.created_at = fresh.created_at;
    LB_CHECK(append_row(db, context_.audit, record));
    LB_CHECK(db.execute("DELETE FROM audit_open WHERE id = $1", audit_id));
    return Ok{};
  }

  Status close_some(Connection& db, int& closed) {
    auto open = [](const Row& row) { return OpenCall{row.string(19), row.string(20), audit_record(row)}; };
    LB_TRY(calls, db.all("SELECT " LB_AUDIT_COLUMNS ", o.id, o.instance FROM audit_open o JOIN audit_chain c ON "
                         "c.workspace_id = o.workspace_id AND c.seq = o.seq ORDER BY o.id",
                         open));
    const UnixMillis now = context_.clock.unix_now();
    for (OpenCall& call : calls) {
      const Life life = call.instance == instance_ ? Life::alive : life_of(call.instance);
      if (life == Life::alive || (life == Life::unknown && call.start.created_at + kLongestCall > now)) continue;
      LB_CHECK(end_call(db, std::move(call.start), call.audit_id, AuditOutcome::interrupted,
                        "the server ended while it ran", Millis(0)));
      if (++closed == kBatch) break;
    }
    return Ok{};
  }

  Status prune_some(Connection& db, const std::string& workspace_id, UnixMillis before, std::int64_t& removed) {
    removed = 0;
    LB_TRY(head, db.one(LB_LOCK_HEADS "WHERE workspace_id = $1 RETURNING " LB_HEAD_COLUMNS, audit_head, workspace_id));
    if (!head) return Ok{};
    auto number = [](const Row& row) { return row.integer(0); };
    LB_TRY(first_open, db.one("SELECT COALESCE(MIN(seq), $2) FROM audit_open WHERE workspace_id = $1", number,
                              workspace_id, head->seq + 1));
    auto record = [](const Row& row) { return audit_record(row); };
    LB_TRY(oldest, db.all("SELECT " LB_AUDIT_COLUMNS " FROM audit_chain c WHERE c.workspace_id = $1 AND c.seq > $2 "
                          "ORDER BY c.seq LIMIT $3",
                          record, workspace_id, head->pruned_seq, kBatch));
    ChainVerifier verifier(head->pruned_seq, head->pruned_hash);
    for (const AuditRecord& row : oldest) {
      if (row.created_at >= before || row.seq >= first_open.value_or(0)) break;
      verifier.feed(row);
      // What does not verify is evidence.
      if (!verifier.ok()) {
        return {Code::failed_precondition,
                "The audit log does not verify, so its old rows are kept: " + verifier.problems().front().what};
      }
      head->pruned_seq = row.seq;
      head->pruned_hash = row.hash;
      ++removed;
    }
    if (removed == 0) return Ok{};
    LB_CHECK(
        db.execute("DELETE FROM audit_chain WHERE workspace_id = $1 AND seq <= $2", workspace_id, head->pruned_seq));
    return write_head(db, context_.audit, *std::move(head));
  }

  Context context_;
  std::string instance_;
};

}  // namespace

std::unique_ptr<AuditStore> make_audit_store(Context context) { return std::make_unique<SqlAuditStore>(context); }

}  // namespace librebird::storage
