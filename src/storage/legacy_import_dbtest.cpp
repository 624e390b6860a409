// Moving in from the desktop app onto a PostgreSQL server; onto a file: tests/functional/import_legacy.test.mjs.
#include <gtest/gtest.h>

#include "postgres_fixture.hpp"
#include "sqlite_fixture.hpp"

namespace librebird::testkit {
namespace {

constexpr const char* kDesktop = R"sql(
  CREATE TABLE settings (key TEXT PRIMARY KEY, value TEXT NOT NULL);
  CREATE TABLE context_snapshots (id INTEGER PRIMARY KEY AUTOINCREMENT, timestamp TEXT NOT NULL, app_name TEXT,
    window_title TEXT, focused_text TEXT, bundle_id TEXT);
  CREATE TABLE conversations (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL, is_archived INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE messages (id INTEGER PRIMARY KEY AUTOINCREMENT, conversation_id INTEGER NOT NULL, role TEXT NOT NULL,
    content TEXT NOT NULL, created_at TEXT NOT NULL, context_snapshot_id INTEGER);
  CREATE TABLE journal_entries (id INTEGER PRIMARY KEY AUTOINCREMENT, entry_date TEXT NOT NULL UNIQUE,
    summary TEXT NOT NULL, activities TEXT, tasks_extracted TEXT, created_at TEXT NOT NULL);
  CREATE TABLE tasks (id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL, description TEXT,
    status TEXT NOT NULL DEFAULT 'todo', priority TEXT, source TEXT, source_id INTEGER, created_at TEXT NOT NULL,
    completed_at TEXT);
  CREATE TABLE memories (id INTEGER PRIMARY KEY AUTOINCREMENT, memory_date TEXT NOT NULL, summary TEXT NOT NULL,
    app_names TEXT, created_at TEXT NOT NULL);
  INSERT INTO settings VALUES ('n_ctx', '8192'), ('some_api_key', 'planted-secret');
  INSERT INTO context_snapshots (timestamp, app_name) VALUES ('2025-01-01 10:00:00', 'Safari');
  INSERT INTO conversations (title, created_at, updated_at) VALUES ('Talk 🐦', '2025-01-01 10:00:00',
    '2025-01-01 10:00:00'), ('Other', '2025-01-02 10:00:00', '2025-01-02 10:00:00');
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1200)
  INSERT INTO messages (conversation_id, role, content, created_at, context_snapshot_id)
    SELECT 1 + i % 2, CASE WHEN i % 4 < 2 THEN 'user' ELSE 'assistant' END, 'albatross number' || i,
    '2025-01-03 10:00:00', CASE WHEN i = 5 THEN 1 END FROM n;
  INSERT INTO messages (conversation_id, role, content, created_at) VALUES (9, 'user', 'lost', '2025-01-03 10:00:00'),
    (1, 'user', 'NUL ' || CHAR(0) || ' inside', '2025-01-03 10:00:00');
  INSERT INTO journal_entries (entry_date, summary, activities, created_at) VALUES ('2025-01-01', 'A day', '["\ud83d"]',
    '2025-01-01 23:00:00');
  INSERT INTO tasks (title, priority, created_at) VALUES ('To do', NULL, '2025-01-01 10:00:00');
  INSERT INTO memories (memory_date, summary, created_at) VALUES ('2024-12-01', 'Safari', '2025-01-01 10:00:00');
)sql";

class LegacyImportToServer : public testing::Test {
 protected:
  void SetUp() override {
    RawDatabase(folder_.file("libre_bird.db")).run(kDesktop);
    auto keys = KeyRing::open({.file = folder_.file("master.key")});
    ASSERT_TRUE(keys.ok());
    StorageOptions options{.url = url_};
    options.keys = std::move(keys).value();
    auto storage = Storage::open(runner_.loop(), clock_, ids_, std::move(options));
    ASSERT_TRUE(storage.ok()) << storage.error().message;
    storage_ = std::move(storage).value();
    me_ = ok(storage_->identities().ensure_owner());
  }
  template <class T>
  T ok(Task<Result<T>> task) {
    Result<T> result = runner_.run(std::move(task));
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(result).value();
  }
  LegacyReport import(bool dry_run = false) {
    LegacyImport options;
    options.path = folder_.file("libre_bird.db");
    options.timezone = "UTC";
    options.backup = folder_.file("backup.db");
    options.dry_run = dry_run;
    return ok(storage_->legacy().run(me_, options, nullptr));
  }
  std::string raw(const std::string& sql) {
    return RawPostgres(PostgresServer::of_this_program().as_superuser(url_)).run(sql);
  }

  LoopRunner runner_;
  TemporaryFolder folder_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  std::string url_ = fresh_postgres();
  std::unique_ptr<Storage> storage_;
  Principal me_;
};

TEST_F(LegacyImportToServer, BringsEverythingOnce) {
  const LegacyReport rehearsed = import(true);
  EXPECT_EQ(raw("SELECT COUNT(*) FROM messages"), "0");
  const LegacyReport report = import();
  EXPECT_TRUE(report.verified);
  EXPECT_TRUE(report.backup.empty());
  EXPECT_TRUE(std::ranges::any_of(report.notes,
                                  [](const auto& note) { return note.find("librebird backup") != std::string::npos; }));
  for (std::size_t i = 0; i < report.tables.size(); ++i) {
    EXPECT_EQ(report.tables[i].imported, rehearsed.tables[i].imported) << report.tables[i].name;
    EXPECT_EQ(report.tables[i].source_sha256, report.tables[i].stored_sha256) << report.tables[i].name;
  }
  EXPECT_EQ(raw("SELECT COUNT(*) FROM messages"), "1201");
  EXPECT_EQ(raw("SELECT COUNT(*) FROM legacy_quarantine"), "3");
  EXPECT_EQ(raw("SELECT COUNT(*) FROM messages WHERE context_snapshot_id IS NOT NULL"), "1");
  EXPECT_EQ(ok(storage_->secrets().get(me_, "user/legacy", "some_api_key")), "planted-secret");
  ConversationFilter filter;
  filter.query = "number777";
  EXPECT_EQ(ok(storage_->conversations().list(me_, filter)).items.size(), 1U) << "search finds old messages";
  const LegacyReport again = import();
  EXPECT_TRUE(again.verified);
  for (const LegacyTable& table : again.tables) EXPECT_EQ(table.imported, 0) << table.name;
  EXPECT_EQ(raw("SELECT COUNT(*) FROM messages"), "1201");
}

TEST_F(LegacyImportToServer, IsOnesOwn) {
  import();
  const std::string stranger = ids_.next();
  const std::string elsewhere = ids_.next();
  raw("INSERT INTO users (id, display_name, created_at) VALUES ('" + stranger + "', 'S', 1)");
  raw("INSERT INTO workspaces (id, name, owner_id, created_at) VALUES ('" + elsewhere + "', 'W', '" + stranger +
      "', 1)");
  raw("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" + elsewhere + "', '" +
      stranger + "', 'owner', 1)");
  const Principal other = ok(storage_->legacy().find_member(stranger, ""));
  EXPECT_EQ(other.workspace_id, elsewhere);
  EXPECT_TRUE(ok(storage_->tasks().list(other, std::nullopt, 10)).empty());
  EXPECT_EQ(ok(storage_->tasks().list(me_, std::nullopt, 10)).size(), 1U);
  const auto wrong = runner_.run(storage_->legacy().find_member(stranger, me_.workspace_id));
  ASSERT_FALSE(wrong.ok());
  EXPECT_EQ(wrong.error().code, Code::not_found);
}

}  // namespace
}  // namespace librebird::testkit
