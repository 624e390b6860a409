#include "factories.hpp"
#include "rows.hpp"

#include <algorithm>
#include <array>

namespace librebird::storage {
namespace {

constexpr std::array<std::pair<AuditOutcome, std::string_view>, 5> kOutcomes{
    {{AuditOutcome::started, "started"},
     {AuditOutcome::ok, "ok"},
     {AuditOutcome::error, "error"},
     {AuditOutcome::denied, "denied"},
     {AuditOutcome::interrupted, "interrupted"}}};

std::string_view name_of(AuditOutcome outcome) {
  return std::ranges::find(kOutcomes, outcome, [](const auto& pair) { return pair.first; })->second;
}

Result<AuditEntry> audit_row(const Row& row) {
  AuditEntry entry;
  entry.id = row.string(0);
  entry.call_id = row.string(1);
  const auto role = role_from_string(row.text(4));
  const auto outcome = std::ranges::find(kOutcomes, row.text(10), [](const auto& pair) { return pair.second; });
  if (!role || outcome == kOutcomes.end()) {
    return {Code::data_loss, "A row of the audit log cannot be read: restore the database from a backup."};
  }
  entry.principal = Principal{row.string(2), row.string(3), *role, row.string(5)};
  entry.conversation_id = row.string(6);
  entry.turn_id = row.string(7);
  entry.tool = row.string(8);
  entry.arguments_sha256 = row.string(9);
  entry.outcome = outcome->first;
  entry.detail = row.string(11);
  entry.duration = Millis(row.integer(12));
  entry.created_at = row.integer(13);
  return entry;
}

class SqlAuditStore final : public AuditStore {
 public:
  explicit SqlAuditStore(Context context) : context_(context) {}

  Task<Result<std::string>> begin(AuditEntry entry, bool rerun) override {
    entry.id = context_.ids.next();
    entry.created_at = context_.clock.unix_now();
    entry.detail = clean_text(std::move(entry.detail));
    entry.tool = clean_text(std::move(entry.tool));
    auto work = [&](Connection& db) -> Result<std::string> {
      auto number = [](const Row& row) { return row.integer(0); };
      LB_TRY(next, db.one("SELECT COALESCE(MAX(run) + 1, 0) FROM audit_log WHERE call_id = $1", number, entry.call_id));
      const std::int64_t run = next.value_or(0);
      if (run > 0 && !rerun) {
        return {Code::already_exists, "This tool call was started before: it is not run twice."};
      }
      LB_CHECK(
          db.execute("INSERT INTO audit_log (id, call_id, run, user_id, workspace_id, role, credential_id, "
                     "conversation_id, turn_id, "
                     "tool, arguments_sha256, outcome, detail, duration_ms, created_at) "
                     "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
                     entry.id, entry.call_id, run, entry.principal.user_id, entry.principal.workspace_id,
                     to_string(entry.principal.role), entry.principal.credential_id, entry.conversation_id,
                     entry.turn_id, entry.tool, entry.arguments_sha256, name_of(entry.outcome), entry.detail,
                     entry.duration.count(), entry.created_at));
      return entry.id;
    };
    co_return co_await context_.database.write(work);
  }

  Task<Status> finish(std::string id, AuditOutcome outcome, std::string detail, Millis duration) override {
    detail = clean_text(std::move(detail));
    auto work = [&](Connection& db) -> Status {
      LB_TRY(changed, db.execute("UPDATE audit_log SET outcome = $2, detail = $3, duration_ms = $4 WHERE id = $1 AND "
                                 "outcome = 'started'",
                                 id, name_of(outcome), detail, duration.count()));
      if (changed == 0) return {Code::not_found, "There is no running tool call with this audit id."};
      return Ok{};
    };
    co_return co_await context_.database.write(work);
  }

  Task<Result<std::vector<AuditEntry>>> list(Principal principal, int limit) override {
    const int bounded = std::clamp(limit, 1, 1000);
    auto work = [&](Connection& db) {
      return db.all(
          "SELECT id, call_id, user_id, workspace_id, role, credential_id, conversation_id, turn_id, tool, "
          "arguments_sha256, outcome, detail, duration_ms, created_at FROM audit_log "
          "WHERE workspace_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT $3",
          audit_row, principal.workspace_id, principal.user_id, bounded);
    };
    co_return co_await context_.database.read(work);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<AuditStore> make_audit_store(Context context) { return std::make_unique<SqlAuditStore>(context); }

}  // namespace librebird::storage
