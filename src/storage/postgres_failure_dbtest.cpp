// What happens when the server, its disk or another program does not play along.
#include "postgres_fixture.hpp"

#include <librebird/storage/sql/migrator.hpp>

#include <algorithm>
#include <atomic>
#include <random>
#include <thread>

namespace librebird::testkit {
namespace {

class PostgresFailure : public testing::Test {
 protected:
  Result<std::unique_ptr<Storage>> open(StorageOptions options) {
    return Storage::open(runner_.loop(), clock_, ids_, std::move(options));
  }
  std::unique_ptr<Storage> opened(StorageOptions options) {
    auto storage = open(std::move(options));
    if (!storage) throw std::runtime_error(storage.error().message);
    return std::move(storage).value();
  }
  void refused(Code code, const std::string& hint, StorageOptions options) {
    auto storage = open(std::move(options));
    ASSERT_FALSE(storage.ok());
    EXPECT_EQ(to_string(storage.error().code), to_string(code)) << storage.error().message;
    EXPECT_NE(storage.error().message.find(hint), std::string::npos) << storage.error().message;
  }
  template <class T>
  void fails(Code code, const std::string& hint, const Result<T>& result) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(to_string(result.error().code), to_string(code)) << result.error().message;
    EXPECT_NE(result.error().message.find(hint), std::string::npos) << result.error().message;
  }
  static PostgresServer& server() { return PostgresServer::of_this_program(); }
  static std::string root(const std::string& url) { return server().as_superuser(url); }

  LoopRunner runner_;
  SystemClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
};

TEST_F(PostgresFailure, NewerSchemaIsRefused) {
  const std::string url = fresh_postgres();
  RawPostgres(root(url)).run("INSERT INTO schema_version VALUES (1000, 'future', 0)");
  refused(Code::failed_precondition, "was written by a newer Libre Bird (schema 1000", {.url = url});
}

TEST_F(PostgresFailure, AnotherProgramsDatabaseIsRefused) {
  const std::string url = server().empty_database();
  RawPostgres(url).state_of("SELECT 1");
  RawPostgres(root(url)).run("CREATE TABLE theirs (x INTEGER)");
  refused(Code::failed_precondition, "another program", {.url = url});
}

TEST_F(PostgresFailure, WhatCannotBeReachedIsNamedWithoutItsPassword) {
  const std::string url = fresh_postgres();
  const std::string missing = url.substr(0, url.rfind('/')) + "/absent";
  refused(Code::failed_precondition, "There is no database", {.url = missing});
  refused(Code::failed_precondition, "refused the login", {.url = server().as(url, "nobody_known")});
  refused(Code::unavailable, "does not answer", {.url = "postgresql://me:hunter2@127.0.0.1:1/chat"});
  refused(Code::invalid_argument, "postgresql://", {.url = "postgresql://me:hunter2@[::1/chat"});
}

TEST_F(PostgresFailure, SeveralReplicasMakeTheSchemaAtOnce) {
  const std::string url = server().empty_database();
  std::vector<std::thread> threads;
  std::atomic<int> fine{0};
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      Loop loop;
      auto storage = Storage::open(loop, clock_, ids_, {.url = url});
      if (storage) {
        ++fine;
      } else {
        ADD_FAILURE() << storage.error().message;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(fine, 6);
  EXPECT_EQ(RawPostgres(url).run("SELECT COUNT(*) FROM schema_version"),
            std::to_string(std::ranges::count_if(storage::all_migrations(), [](const storage::Migration& migration) {
              return storage::is_for(migration, storage::Dialect::postgres);
            })));
}

TEST_F(PostgresFailure, ReadOnlyFullAndSlowServersAreTold) {
  const std::string url = fresh_postgres();
  const Principal owner = runner_.run(opened({.url = url})->identities().ensure_owner()).value();
  RawPostgres raw(root(url));
  raw.run("ALTER DATABASE " + url.substr(url.rfind('/') + 1) + " SET default_transaction_read_only = on");
  {
    auto storage = opened({.url = url});
    EXPECT_TRUE(runner_.run(storage->conversations().list(owner, {})).ok());
    fails(Code::failed_precondition, "read-only", runner_.run(storage->conversations().create(owner, "x")));
  }
  raw.run("ALTER DATABASE " + url.substr(url.rfind('/') + 1) + " RESET default_transaction_read_only");
  auto storage = opened({.url = url, .connections = 2, .busy_timeout = Millis(100)});
  raw.run(
      "CREATE FUNCTION full_disk() RETURNS TRIGGER LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend "
      "file' USING ERRCODE = '53100'; END $$; CREATE TRIGGER full_disk BEFORE INSERT ON conversations FOR EACH ROW "
      "EXECUTE FUNCTION full_disk()");
  const auto full = runner_.run(storage->conversations().create(owner, "x"));
  fails(Code::unavailable, "is full", full);
  EXPECT_GT(full.error().retry_after.count(), 0);
  // Several at once: all are told.
  std::vector<Task<Result<Conversation>>> tasks;
  for (int i = 0; i < 8; ++i) tasks.push_back(storage->conversations().create(owner, "x"));
  for (const auto& result : runner_.run_all(std::move(tasks))) fails(Code::unavailable, "is full", result);
  raw.run("DROP TRIGGER full_disk ON conversations");
  EXPECT_TRUE(runner_.run(storage->conversations().create(owner, "x")).ok());
  // Somebody else holds the table for longer than anybody waits.
  raw.run("BEGIN; LOCK TABLE conversations");
  fails(Code::unavailable, "is locked", runner_.run(storage->conversations().create(owner, "x")));
  raw.run("COMMIT");
  EXPECT_TRUE(runner_.run(storage->conversations().create(owner, "x")).ok());
}

TEST_F(PostgresFailure, TheQueueIsBounded) {
  const std::string url = fresh_postgres();
  auto storage = opened({.url = url, .connections = 1, .busy_timeout = Millis(200), .write_queue_limit = 4});
  const Principal owner = runner_.run(storage->identities().ensure_owner()).value();
  RawPostgres raw(root(url));
  raw.run("BEGIN; LOCK TABLE conversations");
  std::vector<Task<Result<Conversation>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(storage->conversations().create(owner, "x"));
  int rejected = 0;
  for (const auto& result : runner_.run_all(std::move(tasks))) {
    ASSERT_FALSE(result.ok());
    if (result.error().code == Code::resource_exhausted) {
      ++rejected;
      EXPECT_GT(result.error().retry_after.count(), 0);
    }
  }
  EXPECT_GE(rejected, 8);
  raw.run("COMMIT");
  EXPECT_TRUE(runner_.run(storage->conversations().create(owner, "x")).ok());
}

TEST_F(PostgresFailure, OneMessageOfSeveralProcessesIsKeptOnce) {
  const std::string url = fresh_postgres();
  std::vector<std::unique_ptr<Storage>> processes;
  for (int i = 0; i < 3; ++i) processes.push_back(opened({.url = url}));
  const Principal owner = runner_.run(processes[0]->identities().ensure_owner()).value();
  const Conversation conversation = runner_.run(processes[0]->conversations().create(owner, "x")).value();
  for (int round = 0; round < 20; ++round) {
    std::vector<Task<Result<Accepted>>> tasks;
    for (int i = 0; i < 12; ++i) {
      AcceptMessage message{conversation.id, "hello", "c" + std::to_string(round)};
      message.queue_limit = 1000;
      tasks.push_back(processes[static_cast<std::size_t>(i % 3)]->turns().accept(owner, message));
    }
    int fresh = 0;
    for (const auto& result : runner_.run_all(std::move(tasks))) {
      ASSERT_TRUE(result.ok()) << result.error().message;
      fresh += result->duplicate ? 0 : 1;
    }
    EXPECT_EQ(fresh, 1);
  }
  // And one audit chain of several writers has no gap.
  std::vector<Task<Status>> events;
  for (int i = 0; i < 60; ++i) {
    AuditEvent event;
    event.kind = AuditKind::skill;
    event.principal = owner;
    events.push_back(processes[static_cast<std::size_t>(i % 3)]->audit().append(std::move(event)));
  }
  for (const auto& result : runner_.run_all(std::move(events))) EXPECT_TRUE(result.ok()) << result.error().message;
  const auto rows = runner_.run(processes[0]->audit().read(owner.workspace_id, 0, 100)).value();
  EXPECT_EQ(rows.size(), 60U);
  for (std::size_t i = 1; i < rows.size(); ++i) EXPECT_EQ(rows[i].prev_hash, rows[i - 1].hash);
}

// ---- A server that is killed, again and again, while many write ----

struct Said {
  std::atomic<std::size_t> count{0};
  std::vector<std::string> acknowledged;  // turns
  int unknown = 0;                        // commits that nobody knew the end of
};

Task<void> talk(Storage& storage, Principal owner, std::string name, const std::atomic<bool>& enough, Said& said) {
  std::string conversation;
  while (conversation.empty()) {
    if (auto made = co_await storage.conversations().create(owner, name)) conversation = made->id;
  }
  for (int i = 0; !enough; ++i) {
    AcceptMessage message{conversation, "question " + std::to_string(i), name + "-" + std::to_string(i)};
    message.queue_limit = 1'000'000;
    // As a client does: the same message, until it is acknowledged.
    for (;;) {
      auto accepted = co_await storage.turns().accept(owner, message);
      if (accepted) {
        said.acknowledged.push_back(accepted->turn.id);
        ++said.count;
        break;
      }
      EXPECT_EQ(accepted.error().code, Code::unavailable) << accepted.error().message;
      if (accepted.error().message.find("nobody knows") != std::string::npos) ++said.unknown;
    }
  }
}

TEST_F(PostgresFailure, AKilledServerLosesNothingAcknowledged) {
  PostgresServer honest({});
  const std::string url = honest.empty_database();
  auto storage = opened({.url = url, .busy_timeout = Millis(10'000)});
  const Principal owner = runner_.run(storage->identities().ensure_owner()).value();
  std::atomic<bool> enough{false};
  Said said;
  std::thread killer([&] {
    std::mt19937 random(std::random_device{}());
    for (int round = 0; round < 8; ++round) {
      // The moment is random: after some acknowledgements, and a little later still.
      const std::size_t enough_said = said.count + 1 + random() % 100;
      while (said.count < enough_said) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
      honest.kill();
      honest.start();
    }
    enough = true;
  });
  std::vector<Task<Ok>> tasks;
  const auto one = [](Storage& s, Principal p, std::string name, const std::atomic<bool>& e, Said& said) -> Task<Ok> {
    co_await talk(s, std::move(p), std::move(name), e, said);
    co_return Ok{};
  };
  for (int i = 0; i < 12; ++i) tasks.push_back(one(*storage, owner, "client" + std::to_string(i), enough, said));
  runner_.run_all(std::move(tasks));
  killer.join();
  EXPECT_GT(said.acknowledged.size(), 100U);
  RawPostgres raw(honest.as_superuser(url));
  for (const std::string& turn : said.acknowledged) {
    ASSERT_TRUE(runner_.run(storage->turns().get(owner, turn)).ok()) << "lost " << turn;
  }
  EXPECT_EQ(raw.run("SELECT COUNT(*) FROM turns"), std::to_string(said.acknowledged.size()));
  EXPECT_EQ(raw.run("SELECT COUNT(*) FROM messages"), std::to_string(said.acknowledged.size()));
  EXPECT_TRUE(runner_.run(storage->messages().search(owner, "anything", 1)).ok());  // catches up
  EXPECT_EQ(raw.run("SELECT COUNT(*) FROM messages m WHERE NOT EXISTS (SELECT 1 FROM message_search s WHERE s.seq = "
                    "m.seq)"),
            "0");
  EXPECT_EQ(raw.run("SELECT COUNT(*) FROM users"), "1");
}

// What a process has noted to be indexed is gone with it.
TEST_F(PostgresFailure, WordsThatADeadProcessLeftOutAreFound) {
  const std::string url = fresh_postgres();
  auto storage = opened({.url = url});
  const Principal owner = runner_.run(storage->identities().ensure_owner()).value();
  const std::string id = runner_.run(storage->conversations().create(owner, "x")).value().id;
  const auto say = [&](const std::string& content) {
    AcceptMessage message;
    message.conversation_id = id;
    message.content = content;
    EXPECT_TRUE(runner_.run(storage->turns().accept(owner, message)).ok());
  };
  const auto found = [&](const std::string& word) {
    return runner_.run(storage->messages().search(owner, word, 10)).value().size();
  };
  say("a heron");
  EXPECT_EQ(found("heron"), 1U);
  RawPostgres raw(root(url));
  raw.run("DELETE FROM message_search");
  EXPECT_EQ(found("heron"), 0U) << "it is noted no more";
  const std::string newest = raw.run("SELECT MAX(seq) FROM messages");
  const auto sweep = [&] {
    storage.reset();
    storage = opened({.url = url});
    EXPECT_TRUE(runner_.run(storage->conversations().get(owner, id)).ok());  // so that a connection stands
    for (int tries = 0; tries < 500 && raw.run("SELECT COUNT(*) FROM message_search") == "0"; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  };
  // Before the first search of the next process, and when nothing is to be done.
  storage.reset();
  storage = opened({.url = url});
  EXPECT_EQ(found("heron"), 1U);
  raw.run("DELETE FROM message_search");
  sweep();
  EXPECT_EQ(raw.run("SELECT settled FROM search_state"), "0") << "others may still be committing what came before";
  EXPECT_EQ(raw.run("SELECT seen FROM search_state"), newest);
  // Much later, what that sweep saw is settled, and looked at no more.
  raw.run("UPDATE search_state SET seen_at = seen_at - 601");
  raw.run("DELETE FROM message_search");
  sweep();
  EXPECT_EQ(raw.run("SELECT settled FROM search_state"), newest);
  EXPECT_EQ(found("heron"), 1U);
}

TEST_F(PostgresFailure, AServerThatStaysAwayIsToldAndComesBack) {
  PostgresServer server({});
  const std::string url = server.empty_database();
  auto storage = opened({.url = url, .busy_timeout = Millis(300)});
  const Principal owner = runner_.run(storage->identities().ensure_owner()).value();
  server.kill();
  std::vector<Task<Result<Conversation>>> tasks;
  for (int i = 0; i < 30; ++i) tasks.push_back(storage->conversations().create(owner, "x"));
  for (const auto& result : runner_.run_all(std::move(tasks))) {
    fails(Code::unavailable, "does not answer", result);
    EXPECT_GT(result.error().retry_after.count(), 0);
  }
  server.start();
  EXPECT_TRUE(runner_.run(storage->conversations().create(owner, "x")).ok());
  EXPECT_TRUE(storage->check().ok());
}

TEST_F(PostgresFailure, CheckNamesWhatIsWrong) {
  const std::string url = fresh_postgres();
  auto storage = opened({.url = url});
  fails(Code::failed_precondition, "fsync", storage->check());  // the quick server of the tests
  PostgresServer honest({});
  const std::string good = honest.empty_database();
  auto kept = opened({.url = good});
  EXPECT_TRUE(kept->check().ok());
  EXPECT_NE(kept->describe().find("PostgreSQL"), std::string::npos) << kept->describe();
  RawPostgres(honest.as_superuser(good)).run("ALTER TABLE turns NO FORCE ROW LEVEL SECURITY");
  fails(Code::failed_precondition, "turns", kept->check());
}

}  // namespace
}  // namespace librebird::testkit
