// The database and its master key: first start, upgrade from the older audit log, lost and wrong keys, rotation.
#include "sqlite_fixture.hpp"

#include <librebird/core/audit/chain.hpp>
#include <librebird/storage/sql/migrator.hpp>

#include <sys/stat.h>

#include <fstream>

namespace librebird::testkit {
namespace {

class MasterKey : public testing::Test {
 protected:
  Result<std::unique_ptr<Storage>> open(bool forget_lost_key = false) {
    auto keys = KeyRing::open({.file = folder_.file("master.key")});
    if (!keys) return keys.error();
    StorageOptions options{.path = folder_.database()};
    options.keys = *keys;
    options.forget_lost_key = forget_lost_key;
    return Storage::open(runner_.loop(), clock_, ids_, std::move(options));
  }
  std::unique_ptr<Storage> opened(bool forget_lost_key = false) {
    auto storage = open(forget_lost_key);
    EXPECT_TRUE(storage.ok()) << (storage ? "" : storage.error().message);
    return storage ? std::move(storage).value() : nullptr;
  }
  template <class T>
  T ok(Task<Result<T>> task) {
    Result<T> result = runner_.run(std::move(task));
    if (!result) {
      ADD_FAILURE() << result.error().message;
      std::abort();
    }
    return std::move(result).value();
  }
  void call(Storage& storage, const std::string& id) {
    AuditEntry entry;
    entry.call_id = id;
    entry.principal = ok(storage.identities().ensure_owner());
    entry.tool = "calculate";
    ok(storage.audit().finish(ok(storage.audit().begin(entry, false)), AuditOutcome::ok, "", Millis(5)));
  }
  std::vector<std::string> verify(Storage& storage) {
    const AuditHeads heads = ok(storage.audit().heads());
    std::vector<std::string> problems = heads.problems;
    for (const AuditHead& head : heads.heads) {
      ChainVerifier verifier(head.pruned_seq, head.pruned_hash);
      for (const AuditRecord& row : ok(storage.audit().read(head.workspace_id, 0, 1000))) verifier.feed(row);
      verifier.finish(head.seq, head.hash);
      for (const ChainProblem& problem : verifier.problems()) problems.push_back(problem.what);
    }
    return problems;
  }

  // A database as the program of that version left it.
  static void as_of(RawDatabase& raw, int version) {
    raw.run(
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)");
    for (const storage::Migration& migration : storage::all_migrations()) {
      if (migration.version > version || (!migration.dialect.empty() && migration.dialect != "sqlite")) continue;
      std::string sql(migration.sql);
      for (std::size_t at = sql.find("<serial>"); at != std::string::npos; at = sql.find("<serial>")) {
        sql.replace(at, 8, "INTEGER PRIMARY KEY");
      }
      raw.run(sql);
      raw.run("INSERT INTO schema_version VALUES (" + std::to_string(migration.version) + ", 'x', 0)");
    }
  }

  TemporaryFolder folder_;
  LoopRunner runner_;
  SystemClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
};

TEST_F(MasterKey, IsMadeAtTheFirstStartAndNeededAfterwards) {
  {
    const auto storage = opened();
    const Principal me = ok(storage->identities().ensure_owner());
    ok(storage->secrets().put(me, "s", "n", "the-value"));
  }
  struct stat info{};
  ASSERT_EQ(::stat(folder_.file("master.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  {
    const auto storage = opened();
    EXPECT_EQ(ok(storage->secrets().get(ok(storage->identities().ensure_owner()), "s", "n")), "the-value");
    EXPECT_TRUE(verify(*storage).empty());
  }
  std::filesystem::rename(folder_.file("master.key"), folder_.file("away"));
  const auto missing = open();
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::failed_precondition);
  EXPECT_NE(missing.error().message.find("master key is missing"), std::string::npos) << missing.error().message;
  EXPECT_FALSE(std::filesystem::exists(folder_.file("master.key")));  // no new one in its place
  std::ofstream(folder_.file("master.key")) << std::string(64, 'a') << "\n";
  ::chmod(folder_.file("master.key").c_str(), 0600);
  const auto wrong = open();
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find("is not the one"), std::string::npos) << wrong.error().message;
  std::filesystem::rename(folder_.file("away"), folder_.file("master.key"));
  EXPECT_TRUE(open().ok());
}

TEST_F(MasterKey, ALostKeyCostsTheSecretsAndIsNoted) {
  {
    const auto storage = opened();
    call(*storage, "before");
    ok(storage->secrets().put(ok(storage->identities().ensure_owner()), "s", "n", "the-value"));
  }
  std::filesystem::remove(folder_.file("master.key"));
  const auto storage = opened(true);
  ASSERT_TRUE(storage);
  const Principal me = ok(storage->identities().ensure_owner());
  EXPECT_TRUE(ok(storage->secrets().list(me)).empty());
  EXPECT_TRUE(verify(*storage).empty());
  const auto rows = ok(storage->audit().read(me.workspace_id, 0, 100));
  EXPECT_EQ(rows.back().kind, "chain");
  EXPECT_NE(rows.back().detail.find("1 secrets were given up"), std::string::npos);
  ok(storage->secrets().put(me, "s", "n", "new-value"));
}

TEST_F(MasterKey, RotationKeepsSecretsAndChainsWhileOthersAreAtWork) {
  const auto server = opened();
  const Principal me = ok(server->identities().ensure_owner());
  ok(server->secrets().put(me, "s", "one", "value-one"));
  call(*server, "before");
  const std::string old_file = [&] {
    std::ifstream in(folder_.file("master.key"));
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  const std::string old_value = RawDatabase(folder_.database()).run("SELECT value FROM secrets");
  {
    const auto operator_ = opened();
    EXPECT_NE(ok(operator_->rotate_key()).find("1 secrets"), std::string::npos);
  }
  EXPECT_NE(RawDatabase(folder_.database()).run("SELECT value FROM secrets"), old_value);
  // The server has the old key in memory: it notices.
  EXPECT_EQ(ok(server->secrets().get(me, "s", "one")), "value-one");
  ok(server->secrets().put(me, "s", "two", "value-two"));
  call(*server, "after");
  EXPECT_TRUE(verify(*server).empty());
  const auto again = opened();
  EXPECT_EQ(ok(again->secrets().get(me, "s", "two")), "value-two");
  EXPECT_TRUE(verify(*again).empty());
  std::ifstream in(folder_.file("master.key"));
  const std::string now(std::istreambuf_iterator<char>(in), {});
  EXPECT_EQ(now.size(), old_file.size());  // one key, and another one
  EXPECT_NE(now, old_file);
}

TEST_F(MasterKey, AnInterruptedRotationIsFinishedByTheNext) {
  {
    const auto storage = opened();
    ok(storage->secrets().put(ok(storage->identities().ensure_owner()), "s", "n", "the-value"));
  }
  // The new key was written, and then the power failed.
  const auto keys = KeyRing::open({.file = folder_.file("master.key")}).value();
  const std::string fresh = keys->add().value();
  const auto storage = opened();
  ok(storage->rotate_key());
  EXPECT_EQ(KeyRing::open({.file = folder_.file("master.key")}).value()->ids(), std::vector{fresh});
  EXPECT_EQ(ok(storage->secrets().get(ok(storage->identities().ensure_owner()), "s", "n")), "the-value");
  EXPECT_TRUE(verify(*storage).empty());
}

TEST_F(MasterKey, RotationDoesNotHideTampering) {
  const auto storage = opened();
  for (int i = 0; i < 3; ++i) call(*storage, std::to_string(i));
  RawDatabase(folder_.database()).run("DELETE FROM audit_chain WHERE seq > 4");
  RawDatabase(folder_.database())
      .run("UPDATE audit_heads SET seq = 4, hash = (SELECT hash FROM audit_chain WHERE seq = 4)");
  EXPECT_FALSE(verify(*storage).empty());
  ok(storage->rotate_key());
  EXPECT_FALSE(verify(*storage).empty());
}

TEST_F(MasterKey, TheForgottenKeyRecordIsNotMadeAnew) {
  {
    const auto storage = opened();
    call(*storage, "one");
  }
  RawDatabase(folder_.database()).run("DELETE FROM master_key");
  const auto refused = open();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::data_loss);
}

TEST_F(MasterKey, RotationTakesSecondFactorsAndTheTokenKeyAlong) {
  const auto server = opened();
  const Principal me = ok(server->identities().ensure_owner());
  ok(server->accounts().begin_second_factor(me, "totp secret"));
  EXPECT_EQ(ok(server->accounts().token_key("token key")), "token key");
  ok(opened()->rotate_key());
  EXPECT_EQ(ok(server->accounts().second_factor(me.user_id)).secret, "totp secret");
  EXPECT_EQ(ok(opened()->accounts().token_key("another")), "token key");
  std::filesystem::remove(folder_.file("master.key"));
  const auto after = opened(true);
  ASSERT_TRUE(after);
  EXPECT_EQ(runner_.run(after->accounts().second_factor(me.user_id)).error().code, Code::failed_precondition);
  EXPECT_EQ(ok(after->accounts().token_key("another")), "another");
  ok(after->rotate_key());
}

TEST_F(MasterKey, OlderSessionsAndKeysGoOn) {
  {
    RawDatabase raw(folder_.database());
    as_of(raw, 5);
    const std::string now = std::to_string(clock_.unix_now());
    const std::string later = std::to_string(clock_.unix_now() + 100'000);
    raw.run(
        "INSERT INTO users VALUES ('u', NULL, 'U', 1); INSERT INTO workspaces VALUES ('w', 'W', 'u', 1); "
        "INSERT INTO workspace_members VALUES ('w', 'u', 'owner', 1)");
    raw.run("INSERT INTO sessions VALUES ('s', 'session hash', 'w', 'u', " + now + ", " + later + ")");
    raw.run("INSERT INTO api_keys VALUES ('k', 'key hash', 'w', 'u', 'n', 'p', " + now + ", NULL, NULL)");
  }
  const auto storage = opened();
  ASSERT_TRUE(storage);
  const Session session = ok(storage->credentials().find_session("session hash", "", Millis(100'000)));
  EXPECT_EQ(session.principal, (Principal{"u", "w", Role::owner, "s"}));
  EXPECT_EQ(session.kind, SessionKind::browser);
  const FoundApiKey key = ok(storage->credentials().find_api_key("key hash", ""));
  EXPECT_EQ(to_string(key.key.scopes), "read chat tools admin");
  EXPECT_TRUE(key.key.cidrs.empty());
  EXPECT_FALSE(ok(storage->accounts().get("u")).account.has_password);
}

TEST_F(MasterKey, TheOlderAuditLogMovesIntoTheChain) {
  {
    RawDatabase raw(folder_.database());
    as_of(raw, 2);
    const auto row = [&](const std::string& id, const std::string& call, const std::string& outcome) {
      raw.run("INSERT INTO audit_log VALUES ('" + id + "', '" + call +
              "', 0, 'w', 'u', 'member', 'c', '', '', 'calc', " + "'abc', '" + outcome + "', 'd', 7, 1000)");
    };
    row("1", "a", "ok");
    row("2", "b", "denied");
    row("3", "c", "started");
  }
  const auto storage = opened();
  ASSERT_TRUE(storage);
  EXPECT_TRUE(verify(*storage).empty());
  const auto rows = ok(storage->audit().read("w", 0, 100));
  ASSERT_EQ(rows.size(), 5U);
  EXPECT_EQ(rows[0].kind + rows[1].kind + rows[2].kind + rows[3].kind + rows[4].kind,
            "call_startedcall_finishedcall_deniedcall_startedchain");
  EXPECT_EQ(rows[1].created_at, 1007);
  const Principal member{"u", "w", Role::member, "c"};
  const auto listed = ok(storage->audit().list(member, 10));
  ASSERT_EQ(listed.size(), 3U);
  EXPECT_EQ(listed[2].id, "1");
  EXPECT_EQ(listed[2].outcome, AuditOutcome::ok);
  EXPECT_EQ(listed[2].duration, Millis(7));
  // Nobody is at work on the open one any more, and it is not run again.
  EXPECT_EQ(ok(storage->audit().close_interrupted()), 1);
  AuditEntry again;
  again.call_id = "c";
  again.principal = member;
  EXPECT_EQ(runner_.run(storage->audit().begin(again, false)).error().code, Code::already_exists);
  EXPECT_EQ(RawDatabase(folder_.database()).run("SELECT COUNT(*) FROM sqlite_master WHERE name = 'audit_log'"), "0");
}

}  // namespace
}  // namespace librebird::testkit
