// What a person did: the journal, and the snapshots of the screen it is made from.
#include "factories.hpp"
#include "rows.hpp"

namespace librebird::storage {
namespace {

JournalEntry entry_row(const Row& row) {
  return {row.string(0), row.string(1), row.string(2), row.optional_string(3), row.optional_string(4), row.integer(5)};
}

class SqlJournalStore final : public JournalStore {
 public:
  explicit SqlJournalStore(Context context) : context_(context) {}

  Task<Result<JournalEntry>> put(Principal principal, JournalEntry entry) override {
    LB_CO_CHECK(check_day(entry.entry_date));
    entry.id = context_.ids.next();
    entry.created_at = context_.clock.unix_now();
    entry.summary = clean_text(std::move(entry.summary));
    entry.activities_json = clean_text(std::move(entry.activities_json));
    entry.tasks_json = clean_text(std::move(entry.tasks_json));
    auto work = [&](Connection& db) {
      return found(
          db.one("INSERT INTO journal_entries (id, workspace_id, user_id, entry_date, summary, activities, "
                 "tasks_extracted, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (workspace_id, "
                 "user_id, entry_date) DO UPDATE SET summary = excluded.summary, activities = excluded.activities, "
                 "tasks_extracted = excluded.tasks_extracted, created_at = excluded.created_at RETURNING id, "
                 "entry_date, summary, activities, tasks_extracted, created_at",
                 entry_row, entry.id, principal.workspace_id, principal.user_id, entry.entry_date, entry.summary,
                 entry.activities_json, entry.tasks_json, entry.created_at),
          "journal entry");
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<JournalEntry>> get(Principal principal, std::string entry_date) override {
    auto work = [&](Connection& db) {
      return found(db.one("SELECT id, entry_date, summary, activities, tasks_extracted, created_at FROM "
                          "journal_entries WHERE workspace_id = $1 AND user_id = $2 AND entry_date = $3",
                          entry_row, principal.workspace_id, principal.user_id, entry_date),
                   "journal entry");
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::vector<JournalEntry>>> list(Principal principal, int limit) override {
    auto work = [&](Connection& db) {
      return db.all(
          "SELECT id, entry_date, summary, activities, tasks_extracted, created_at FROM journal_entries WHERE "
          "workspace_id = $1 AND user_id = $2 ORDER BY entry_date DESC LIMIT $3",
          entry_row, principal.workspace_id, principal.user_id, bounded(limit));
    };
    co_return co_await context_.database.read(as(principal), work);
  }

 private:
  Context context_;
};

class SqlSnapshotStore final : public SnapshotStore {
 public:
  explicit SqlSnapshotStore(Context context) : context_(context) {}

  Task<Result<ContextSnapshot>> add(Principal principal, ContextSnapshot snapshot) override {
    snapshot.id = context_.ids.next();
    snapshot.app_name = clean_text(std::move(snapshot.app_name));
    snapshot.window_title = clean_text(std::move(snapshot.window_title));
    snapshot.focused_text = clean_text(std::move(snapshot.focused_text));
    snapshot.bundle_id = clean_text(std::move(snapshot.bundle_id));
    auto work = [&](Connection& db) -> Result<ContextSnapshot> {
      LB_CHECK(
          db.execute("INSERT INTO context_snapshots (id, workspace_id, user_id, taken_at, app_name, window_title, "
                     "focused_text, bundle_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                     snapshot.id, principal.workspace_id, principal.user_id, snapshot.taken_at, snapshot.app_name,
                     snapshot.window_title, snapshot.focused_text, snapshot.bundle_id));
      return snapshot;
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<std::vector<ContextSnapshot>>> between(Principal principal, UnixMillis from, UnixMillis until,
                                                     int limit) override {
    auto work = [&](Connection& db) {
      auto snapshot = [](const Row& row) {
        return ContextSnapshot{row.string(0),          row.integer(1),         row.optional_string(2),
                               row.optional_string(3), row.optional_string(4), row.optional_string(5)};
      };
      return db.all(
          "SELECT id, taken_at, app_name, window_title, focused_text, bundle_id FROM context_snapshots WHERE "
          "workspace_id = $1 AND user_id = $2 AND taken_at >= $3 AND taken_at < $4 ORDER BY taken_at DESC, id DESC "
          "LIMIT $5",
          snapshot, principal.workspace_id, principal.user_id, from, until, bounded(limit));
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::int64_t>> prune(Principal principal, UnixMillis before) override {
    auto work = [&](Connection& db) {
      return db.execute(
          "DELETE FROM context_snapshots WHERE workspace_id = $1 AND user_id = $2 AND taken_at < $3 AND NOT EXISTS "
          "(SELECT 1 FROM messages m WHERE m.context_snapshot_id = context_snapshots.id)",
          principal.workspace_id, principal.user_id, before);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<JournalStore> make_journal_store(Context context) { return std::make_unique<SqlJournalStore>(context); }
std::unique_ptr<SnapshotStore> make_snapshot_store(Context context) {
  return std::make_unique<SqlSnapshotStore>(context);
}

}  // namespace librebird::storage
