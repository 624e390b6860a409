// Moving an installation from a file to a server and back: what comes back is what went.
#include <gtest/gtest.h>

#include "postgres_fixture.hpp"
#include "sqlite_fixture.hpp"

namespace librebird::testkit {
namespace {

class MoveBetweenEngines : public testing::Test {
 protected:
  std::unique_ptr<Storage> open(StorageOptions options, bool with_keys) {
    if (with_keys) {
      auto keys = KeyRing::open({.file = folder_.file("master.key")});
      EXPECT_TRUE(keys.ok());
      options.keys = std::move(keys).value();
    }
    auto storage = Storage::open(runner_.loop(), clock_, ids_, std::move(options));
    if (!storage) throw std::runtime_error(storage.error().message);
    return std::move(storage).value();
  }
  std::unique_ptr<Storage> file(const std::string& name, bool with_keys) {
    return open({.path = folder_.file(name)}, with_keys);
  }
  std::unique_ptr<Storage> server(bool with_keys) { return open({.url = url_}, with_keys); }

  template <class T>
  T ok(Task<Result<T>> task) {
    Result<T> result = runner_.run(std::move(task));
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(result).value();
  }

  // Two people in two workspaces, odd text, ids whose order depends on the collation.
  void fill(Storage& storage) {
    me_ = ok(storage.identities().ensure_owner());
    for (const char* title : {"B \xF0\x9F\x90\xA6", "a", "\xD7\xA9\xD7\x9C\xD7\x95\xD7\x9D", "_", "\xC3\xA4"}) {
      const Conversation talk = ok(storage.conversations().create(me_, title));
      for (int i = 0; i < 150; ++i) {
        AcceptMessage message;
        message.conversation_id = talk.id;
        message.content = "albatross " + std::to_string(i) + " " + title;
        message.client_message_id = ids_.next();
        message.queue_limit = 1000;
        ok(storage.turns().accept(me_, message));
      }
    }
    for (const char* name : {"a", "B", "_c", "A-b", "a.b", "a_b"}) {
      ok(storage.settings().put(me_, name, "value of \xF0\x9F\x90\xA6"));
      ok(storage.secrets().put(me_, "skill/x", name, "planted-secret"));
    }
    PersonalTask task;
    task.title = "only one";
    task.description = "";
    task.priority = std::nullopt;
    ok(storage.tasks().add(me_, task));
    std::vector<NewEmbedding> pieces;
    for (int i = 0; i < 120; ++i) {
      NewEmbedding& piece = pieces.emplace_back();
      piece.source_id = "manual.pdf";
      piece.position = i;
      piece.content = "\xF0\x9F\x90\xA6";
      piece.model = "mini";
      // Numbers whose every bit must come through.
      for (std::size_t k = 0; k < kEmbeddingDimensions; ++k) {
        piece.vector.push_back(
            static_cast<float>(std::sin(static_cast<double>(k * 1000) + i) * std::pow(10, -(i % 39))));
      }
    }
    ok(storage.embeddings().put(me_, pieces));
  }

  Result<MoveReport> move(Storage& from, Storage& to) { return runner_.run(from.copy_to(to, nullptr)); }

  LoopRunner runner_;
  TemporaryFolder folder_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  Principal me_;
  std::string url_ = fresh_postgres();
};

TEST_F(MoveBetweenEngines, ThereAndBackNothingChanges) {
  fill(*file("home.db", true));
  const auto there = move(*file("home.db", false), *server(false));
  ASSERT_TRUE(there.ok()) << there.error().message;
  EXPECT_TRUE(there->verified);

  {
    const auto storage = server(true);
    ConversationFilter filter;
    filter.query = "albatross 149";
    EXPECT_EQ(ok(storage->conversations().list(me_, filter)).items.size(), 5U) << "search was made anew";
    EXPECT_EQ(ok(storage->secrets().get(me_, "skill/x", "a_b")), "planted-secret");
  }

  const auto back = move(*server(false), *file("back.db", false));
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_TRUE(back->verified);
  ASSERT_EQ(back->tables.size(), there->tables.size());
  std::int64_t rows = 0;
  for (std::size_t i = 0; i < there->tables.size(); ++i) {
    EXPECT_EQ(there->tables[i].name, back->tables[i].name);
    EXPECT_EQ(there->tables[i].source_sha256, back->tables[i].target_sha256) << there->tables[i].name;
    rows += there->tables[i].rows;
  }
  EXPECT_GT(rows, 1500);
}

TEST_F(MoveBetweenEngines, ItGoesOnOnTheServer) {
  fill(*file("home.db", true));
  ASSERT_TRUE(move(*file("home.db", false), *server(false)).ok());
  const auto storage = server(true);
  const Conversation talk = ok(storage->conversations().create(me_, "new"));
  for (int i = 0; i < 3; ++i) {
    AcceptMessage message;
    message.conversation_id = talk.id;
    message.content = "numbered behind those that came";
    ok(storage->turns().accept(me_, message));
  }
}

TEST_F(MoveBetweenEngines, GoesOnWhereItWasCutOff) {
  fill(*file("home.db", true));
  ASSERT_TRUE(move(*file("home.db", false), *server(false)).ok());
  const std::string root = PostgresServer::of_this_program().as_superuser(url_);
  RawPostgres(root).run("DELETE FROM turns; DELETE FROM messages WHERE seq % 3 = 0; DELETE FROM user_settings");
  const auto again = move(*file("home.db", false), *server(false));
  ASSERT_TRUE(again.ok()) << again.error().message;
  EXPECT_TRUE(again->verified);
  EXPECT_EQ(RawPostgres(root).run("SELECT COUNT(*) FROM message_search"), "750");
}

TEST_F(MoveBetweenEngines, RefusesAnotherInstallation) {
  fill(*file("home.db", true));
  const Principal theirs = ok(server(false)->identities().ensure_owner());
  const auto refused = move(*file("home.db", false), *server(false));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::failed_precondition);
  EXPECT_EQ(ok(server(false)->identities().ensure_owner()), theirs);
}

TEST_F(MoveBetweenEngines, NotBetweenTwoServers) {
  const std::string other = fresh_postgres();
  const auto refused = move(*server(false), *open({.url = other}, false));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::failed_precondition);
}

}  // namespace
}  // namespace librebird::testkit
