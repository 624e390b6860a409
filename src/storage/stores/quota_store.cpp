#include <librebird/core/ports/approval_stores.hpp>

#include "factories.hpp"

namespace librebird::storage {
namespace {

constexpr std::int64_t kKeptMs = 2 * 86'400'000;

ToolUsage usage_row(const Row& row) { return {row.integer(0), row.integer(1), row.integer(2), row.integer(3)}; }

Status fill(Connection& db, QuotaUse& entry) {
  LB_TRY(used, db.one("SELECT calls, cpu_ms, wall_ms, bytes FROM quota_use WHERE scope = $1 AND subject = $2 "
                      "AND span = $3 AND start_at = $4",
                      usage_row, to_string(entry.scope), entry.subject, to_string(entry.window), entry.start));
  entry.used = used.value_or(ToolUsage{});
  return Ok{};
}

class SqlQuotaStore final : public QuotaStore {
 public:
  explicit SqlQuotaStore(Context context) : context_(context) {}

  Task<Result<std::vector<QuotaUse>>> read(std::vector<QuotaUse> of) override {
    auto work = [&](Connection& db) -> Result<std::vector<QuotaUse>> {
      std::vector<QuotaUse> filled = of;
      for (QuotaUse& entry : filled) LB_CHECK(fill(db, entry));
      return filled;
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::vector<QuotaUse>>> add(std::vector<QuotaUse> more) override {
    const UnixMillis oldest = context_.clock.unix_now() - kKeptMs;
    auto work = [&](Connection& db) -> Result<std::vector<QuotaUse>> {
      LB_CHECK(db.execute("DELETE FROM quota_use WHERE start_at < $1", oldest));
      std::vector<QuotaUse> totals = more;
      for (QuotaUse& entry : totals) {
        LB_CHECK(
            db.execute("INSERT INTO quota_use (scope, subject, span, start_at, calls, cpu_ms, wall_ms, bytes) "
                       "VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (scope, subject, span, start_at) "
                       "DO UPDATE SET calls = quota_use.calls + excluded.calls, "
                       "cpu_ms = quota_use.cpu_ms + excluded.cpu_ms, "
                       "wall_ms = quota_use.wall_ms + excluded.wall_ms, bytes = quota_use.bytes + excluded.bytes",
                       to_string(entry.scope), entry.subject, to_string(entry.window), entry.start, entry.used.calls,
                       entry.used.cpu_ms, entry.used.wall_ms, entry.used.bytes));
        LB_CHECK(fill(db, entry));
      }
      return totals;
    };
    co_return co_await context_.database.write(kServiceParallel, work, Durability::ordered);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<QuotaStore> make_quota_store(Context context) { return std::make_unique<SqlQuotaStore>(context); }

}  // namespace librebird::storage
