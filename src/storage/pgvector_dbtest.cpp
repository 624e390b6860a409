// Memory by meaning on PostgreSQL with pgvector, without it, and when it comes later. What the stores promise either
// way is in testkit/embedding_suite.hpp.
#include "postgres_fixture.hpp"

#include <librebird/storage/testkit/embeddings.hpp>
#include <librebird/storage/testkit/store_set.hpp>

#include <algorithm>
#include <set>

#define NEEDS_PGVECTOR()                                                                                         \
  if (!PostgresServer::of_this_program().has_pgvector()) {                                                       \
    GTEST_SKIP() << "PostgreSQL has no pgvector here: ./dev test installs it from Debian's source package, and " \
                    "build/pgvector/log says why it could not";                                                  \
  }

namespace librebird::testkit {
namespace {

class Pgvector : public testing::Test {
 protected:
  std::unique_ptr<Storage> open(const std::string& url) {
    auto storage = Storage::open(runner_.loop(), clock_, ids_, {.url = url});
    if (!storage) throw std::runtime_error(storage.error().message);
    return std::move(storage).value();
  }
  template <class T>
  T ok(Task<Result<T>> task) {
    Result<T> result = runner_.run(std::move(task));
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(result).value();
  }
  static std::string note_of(Storage& storage) {
    const Status checked = storage.check();
    return storage.describe() + (checked ? "" : checked.error().message);
  }

  // With settings that `doctor` does not complain of.
  static PostgresServer& honest() {
    static PostgresServer server;
    return server;
  }

  PostgresServer& server_ = PostgresServer::of_this_program();
  LoopRunner runner_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
};

TEST_F(Pgvector, TheColumnIsItsTypeAndHasAnIndex) {
  NEEDS_PGVECTOR();
  const std::string url = fresh_postgres();
  RawPostgres root(server_.as_superuser(url));
  EXPECT_EQ(root.run("SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = "
                     "'memory_embeddings'::regclass AND attname = 'embedding'"),
            "vector(384)");
  EXPECT_NE(root.run("SELECT indexdef FROM pg_indexes WHERE indexname = 'memory_embeddings_nearest'")
                .find("USING hnsw (embedding vector_cosine_ops)"),
            std::string::npos);
  const std::string note = note_of(*open(honest().empty_database()));
  EXPECT_NE(note.find("pgvector "), std::string::npos) << note;
  EXPECT_EQ(note.find("CREATE EXTENSION"), std::string::npos) << note;
}

// A server without it serves all the same; when it comes, one statement of the owner's changes over.
TEST_F(Pgvector, ItMayComeLater) {
  const std::string url = without_pgvector(honest());
  auto storage = open(url);
  const Principal me = ok(storage->identities().ensure_owner());
  ok(storage->embeddings().put(me, {embedding("before", at_angle(10))}));
  EXPECT_EQ(contents_of(ok(storage->embeddings().nearest(me, near(at_angle(0))))), "before");
  const std::string advice = note_of(*storage);
  if (!server_.has_pgvector()) {
    EXPECT_NE(advice.find("install the package"), std::string::npos) << advice;
    NEEDS_PGVECTOR();
  }
  EXPECT_NE(advice.find("CREATE EXTENSION vector"), std::string::npos) << advice;
  RawPostgres owner(url);
  EXPECT_NE(owner.run("SELECT librebird_use_pgvector()").find("as a superuser"), std::string::npos);
  RawPostgres root(honest().as_superuser(url));
  root.run("CREATE EXTENSION vector");
  EXPECT_TRUE(owner.run("SELECT librebird_use_pgvector()").starts_with("pgvector "));
  EXPECT_TRUE(owner.run("SELECT librebird_use_pgvector()").starts_with("pgvector ")) << "may be repeated";
  // Whoever was serving meanwhile goes on.
  ok(storage->embeddings().put(me, {embedding("during", at_angle(20), EmbeddedSource::document, "x")}));
  EXPECT_EQ(contents_of(ok(storage->embeddings().nearest(me, near(at_angle(0))))), "before during");
  storage = open(url);
  ok(storage->embeddings().put(me, {embedding("after", at_angle(5), EmbeddedSource::document, "y")}));
  EXPECT_EQ(contents_of(ok(storage->embeddings().nearest(me, near(at_angle(0))))), "after before during");
  EXPECT_EQ(note_of(*storage).find("CREATE EXTENSION"), std::string::npos) << note_of(*storage);
  // Nobody but the owner.
  owner.run("SET ROLE librebird_app");
  EXPECT_EQ(owner.state_of("SELECT librebird_use_pgvector()"), "42501");
}

TEST_F(Pgvector, OneThatCannotBeSeenIsSaid) {
  NEEDS_PGVECTOR();
  const std::string url = without_pgvector(server_);
  RawPostgres(server_.as_superuser(url)).run("CREATE SCHEMA elsewhere; CREATE EXTENSION vector SCHEMA elsewhere");
  const auto storage = open(url);
  EXPECT_NE(RawPostgres(url).run("SELECT librebird_use_pgvector()").find("SET SCHEMA public"), std::string::npos);
  const Principal me = ok(storage->identities().ensure_owner());
  ok(storage->embeddings().put(me, {embedding("kept", at_angle(10))}));
  EXPECT_EQ(contents_of(ok(storage->embeddings().nearest(me, near(at_angle(0))))), "kept");
}

// More than are compared one by one, half of them somebody else's and nearer.
TEST_F(Pgvector, TheIndexFindsOnesOwnAmongMany) {
  NEEDS_PGVECTOR();
  const std::string url = fresh_postgres();
  const auto storage = open(url);
  const Principal me = ok(storage->identities().ensure_owner());
  const Principal other{ids_.next(), ids_.next(), Role::owner, ""};
  RawPostgres root(server_.as_superuser(url));
  root.run("INSERT INTO users (id, display_name, created_at) VALUES ('" + other.user_id + "', 'Other', 1)");
  root.run("INSERT INTO workspaces (id, name, owner_id, created_at) VALUES ('" + other.workspace_id + "', 'Theirs', '" +
           other.user_id + "', 1)");
  root.run("DROP INDEX memory_embeddings_nearest; SELECT setseed(0.5)");
  // Clouds around sixty points; a person's own lie a little off from the others'.
  root.run(
      "CREATE TABLE clouds AS SELECT c, (SELECT array_agg(random() - 0.5) FROM generate_series(1, 384) WHERE c = "
      "c) AS centre FROM generate_series(0, 59) c");
  const auto add = [&](const Principal& who, const std::string& off) {
    root.run("INSERT INTO memory_embeddings SELECT gen_random_uuid(), '" + who.workspace_id + "', '" + who.user_id +
             "', 'document', 'd', n, 'text ' || n, (SELECT array_agg((x + (random() - 0.5) * 0.8 + " + off +
             ")::real ORDER BY k) FROM clouds, unnest(centre) WITH ORDINALITY AS u(x, k) WHERE c = n % "
             "60)::vector, 'mini', '{}', 1, NULL FROM generate_series(1, 11000) n");
  };
  add(me, "0.05");
  add(other, "0");
  root.run(
      "CREATE INDEX memory_embeddings_nearest ON memory_embeddings USING hnsw (embedding vector_cosine_ops); "
      "ANALYZE memory_embeddings");
  RawPostgres session(server_.as_superuser(url));
  int right = 0;
  constexpr int kQueries = 20;
  for (int i = 0; i < kQueries; ++i) {
    const std::string query = root.run(
        "SELECT array_agg(x + (random() - 0.5) * 0.8)::real[] FROM unnest((SELECT centre "
        "FROM clouds WHERE c = " +
        std::to_string(i * 3) + ")) x");
    std::vector<float> vector;
    for (std::size_t at = 1; at < query.size(); at = query.find(',', at) + 1) {
      vector.push_back(std::stof(query.substr(at)));
      if (query.find(',', at) == std::string::npos) break;
    }
    const auto found = ok(storage->embeddings().nearest(me, near(vector)));
    ASSERT_EQ(found.size(), 10U);
    EXPECT_TRUE(std::ranges::is_sorted(found, std::greater<>{}, &NearEmbedding::similarity));
    const std::string exact =
        session.run("SELECT string_agg(id, ' ') FROM (SELECT id FROM memory_embeddings WHERE user_id = '" + me.user_id +
                    "' ORDER BY (embedding <=> '" + query + "'::real[]::vector) + 0 LIMIT 10) nearest");
    for (const NearEmbedding& one : found) right += exact.find(one.id) != std::string::npos ? 1 : 0;
  }
  EXPECT_GE(right, kQueries * 95 / 10) << "of " << kQueries * 10 << ": recall under 0.95, or somebody else's rows";
  // The index was used.
  EXPECT_NE(session.run("SELECT idx_scan FROM pg_stat_user_indexes WHERE indexrelname = 'memory_embeddings_nearest'"),
            "0");
}

}  // namespace

}  // namespace librebird::testkit
