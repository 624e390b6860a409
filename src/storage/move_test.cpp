// Moving an installation from one database to another, here from file to file; between engines: move_dbtest.cpp.
#include "sqlite_fixture.hpp"

#include <gtest/gtest.h>

namespace librebird::testkit {
namespace {

class Move : public testing::Test {
 protected:
  std::unique_ptr<Storage> open(const std::string& path, bool with_keys) {
    StorageOptions options{.path = path};
    if (with_keys) {
      auto keys = KeyRing::open({.file = folder_.file("master.key")});
      EXPECT_TRUE(keys.ok());
      options.keys = std::move(keys).value();
    }
    auto storage = Storage::open(runner_.loop(), clock_, ids_, std::move(options));
    EXPECT_TRUE(storage.ok()) << (storage ? "" : storage.error().message);
    return std::move(storage).value();
  }

  template <class T>
  T ok(Task<Result<T>> task) {
    Result<T> result = runner_.run(std::move(task));
    EXPECT_TRUE(result.ok()) << (result ? "" : result.error().message);
    return std::move(result).value();
  }

  // Conversations with turns, a secret, settings; in the file `source`.
  void fill() {
    const auto storage = open(source_, true);
    me_ = ok(storage->identities().ensure_owner());
    for (int i = 0; i < 3; ++i) {
      const Conversation talk = ok(storage->conversations().create(me_, "talk \xF0\x9F\x90\xA6"));
      for (int k = 0; k < 300; ++k) {
        AcceptMessage message;
        message.conversation_id = talk.id;
        message.content = "albatross " + std::to_string(i * 1000 + k);
        message.client_message_id = ids_.next();
        message.queue_limit = 1000;
        ok(storage->turns().accept(me_, message));
      }
    }
    ok(storage->secrets().put(me_, "skill/x", "key", "planted-secret"));
    ok(storage->settings().put(me_, "n_ctx", ""));
    PersonalTask task;
    task.title = "task";
    task.priority = std::nullopt;
    ok(storage->tasks().add(me_, task));
  }

  Result<MoveReport> move(const std::string& from, const std::string& to) {
    const auto source = open(from, false);
    const auto target = open(to, false);
    return runner_.run(source->copy_to(*target, nullptr));
  }

  LoopRunner runner_;
  TemporaryFolder folder_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  Principal me_;
  std::string source_ = folder_.file("source.db");
  std::string target_ = folder_.file("target.db");
};

std::int64_t rows_of(const MoveReport& report, const std::string& table) {
  for (const MovedTable& each : report.tables) {
    if (each.name == table) return each.rows;
  }
  return -1;
}

TEST_F(Move, BringsEverything) {
  fill();
  const auto report = move(source_, target_);
  ASSERT_TRUE(report.ok()) << report.error().message;
  EXPECT_TRUE(report->verified);
  EXPECT_EQ(rows_of(*report, "messages"), 900);
  EXPECT_EQ(rows_of(*report, "turns"), 900);
  EXPECT_EQ(rows_of(*report, "secrets"), 1);
  EXPECT_EQ(rows_of(*report, "message_search"), -1) << "made anew there";
  for (const MovedTable& table : report->tables) {
    EXPECT_EQ(table.copied, table.rows) << table.name;
    EXPECT_EQ(table.source_sha256, table.target_sha256) << table.name;
  }
  // And it works there as here: search, secrets, new messages.
  const auto there = open(target_, true);
  EXPECT_EQ(ok(there->identities().ensure_owner()), me_);
  ConversationFilter filter;
  filter.query = "albatross 2299";
  EXPECT_EQ(ok(there->conversations().list(me_, filter)).items.size(), 1U);
  EXPECT_EQ(ok(there->secrets().get(me_, "skill/x", "key")), "planted-secret");
  const Conversation talk = ok(there->conversations().create(me_, "new"));
  AcceptMessage message;
  message.conversation_id = talk.id;
  message.content = "goes on";
  ok(there->turns().accept(me_, message));
}

TEST_F(Move, AgainChangesNothing) {
  fill();
  ASSERT_TRUE(move(source_, target_).ok());
  const auto again = move(source_, target_);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(again->verified);
  for (const MovedTable& table : again->tables) EXPECT_EQ(table.copied, 0) << table.name;
}

TEST_F(Move, GoesOnWhereItWasCutOff) {
  fill();
  ASSERT_TRUE(move(source_, target_).ok());
  RawDatabase(target_).run("DELETE FROM messages WHERE seq > 250; DELETE FROM turns; DELETE FROM tasks");
  const auto again = move(source_, target_);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(again->verified);
  EXPECT_EQ(RawDatabase(target_).run("SELECT COUNT(*) FROM messages"), "900");
}

TEST_F(Move, TellsWhatIsNotTheSame) {
  fill();
  ASSERT_TRUE(move(source_, target_).ok());
  RawDatabase(target_).run("UPDATE messages SET content = content || '!' WHERE seq = 7");
  const auto again = move(source_, target_);
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_FALSE(again->verified);
  int differing = 0;
  for (const MovedTable& table : again->tables) {
    if (table.source_sha256 == table.target_sha256) continue;
    ++differing;
    EXPECT_EQ(table.name, "messages");
  }
  EXPECT_EQ(differing, 1);
}

TEST_F(Move, RefusesAnotherInstallation) {
  fill();
  ok(open(target_, false)->identities().ensure_owner());
  const std::string before = RawDatabase(target_).run("SELECT GROUP_CONCAT(id) FROM users");
  const auto refused = move(source_, target_);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::failed_precondition);
  EXPECT_EQ(RawDatabase(target_).run("SELECT GROUP_CONCAT(id) FROM users"), before);
  EXPECT_EQ(RawDatabase(target_).run("SELECT COUNT(*) FROM messages"), "0");
}

TEST_F(Move, KnowsEveryTableOfTheSchema) {
  fill();
  const auto report = move(source_, target_);
  ASSERT_TRUE(report.ok());
  const std::string count = RawDatabase(source_).run(
      "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE "
      "'message_search%' AND name NOT IN ('schema_version', 'search_state')");
  EXPECT_EQ(std::to_string(report->tables.size()), count);
}

TEST_F(Move, BackupsAreWhole) {
  fill();
  const auto storage = open(source_, true);
  const std::string file = folder_.file("backups/one.db");
  ASSERT_TRUE(storage->backup(file).ok());
  EXPECT_EQ(RawDatabase(file).run("SELECT COUNT(*) FROM messages"), "900");
  EXPECT_EQ(std::filesystem::status(file).permissions() & std::filesystem::perms::group_all,
            std::filesystem::perms::none);
  const Status again = storage->backup(file);
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().code, Code::already_exists);
}

}  // namespace
}  // namespace librebird::testkit
