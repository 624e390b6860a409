// One connection: whose it is at every moment, and how its errors read.
#include "postgres_connection.hpp"
#include "postgres_error.hpp"

#include <librebird/storage/testkit/postgres_server.hpp>

#include <gtest/gtest.h>

namespace librebird::storage {
namespace {

using testkit::PostgresServer;
using testkit::RawPostgres;
using Mode = PostgresConnection::Mode;

constexpr Actor kAnna{"anna", "home"};
constexpr Actor kBert{"bert", "home"};

class OneConnection : public testing::Test {
 protected:
  OneConnection() : url_(PostgresServer::of_this_program().empty_database()) {
    RawPostgres raw(PostgresServer::of_this_program().as_superuser(url_));
    for (const std::string role : {"librebird_app", "librebird_service"}) {
      if (raw.run("SELECT COUNT(*) FROM pg_roles WHERE rolname = '" + role + "'") == "0") {
        raw.run("CREATE ROLE " + role + " NOLOGIN");
      }
      raw.run("GRANT " + role + " TO libre");
    }
    raw.run("CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT); GRANT ALL ON things TO PUBLIC");
    connection_ = PostgresConnection::open(url_, Millis(5000), Millis(5000), kAppRole).value();
  }
  std::string identity() {
    auto text = [](const Row& row) { return row.string(0); };
    return connection_
        ->one(
            "SELECT current_user || '/' || COALESCE(current_setting('app.user_id', true), '') || '/' || "
            "COALESCE(current_setting('app.workspace_id', true), '') || '/' || "
            "current_setting('synchronous_commit')",
            text)
        .value()
        .value();
  }
  Status put(int id) { return connection_->post("INSERT INTO things VALUES ($1, $2)", id, "a thing"); }
  std::string count() {
    return RawPostgres(PostgresServer::of_this_program().as_superuser(url_)).run("SELECT COUNT(*) FROM things");
  }

  static constexpr const char* kNobody = "librebird_app///on";
  std::string url_;
  std::unique_ptr<PostgresConnection> connection_;
};

TEST_F(OneConnection, AnIdentityEndsWithItsTransaction) {
  EXPECT_EQ(identity(), kNobody);
  ASSERT_TRUE(connection_->begin(kAnna, Mode::write, Durability::ordered, 1).ok());
  EXPECT_EQ(identity(), "librebird_app/anna/home/off");
  ASSERT_TRUE(put(1).ok());
  ASSERT_TRUE(connection_->commit().ok());
  EXPECT_EQ(identity(), kNobody);
  ASSERT_TRUE(connection_->begin(kService, Mode::read, Durability::ordered, 0).ok());
  EXPECT_EQ(identity(), "librebird_service///on");
  connection_->abandon();
  EXPECT_EQ(identity(), kNobody);
  // A failed one leaves nothing either.
  ASSERT_TRUE(connection_->begin(kAnna, Mode::write, Durability::full, 1).ok());
  ASSERT_TRUE(put(1).ok());
  EXPECT_EQ(connection_->commit().error().code, Code::already_exists);
  connection_->abandon();
  EXPECT_EQ(identity(), kNobody);
  EXPECT_EQ(count(), "1");
}

TEST_F(OneConnection, PartsAreTheirActorsAndAreUndoneAlone) {
  ASSERT_TRUE(connection_->begin(kAnna, Mode::write, Durability::full, 1).ok());
  ASSERT_TRUE(connection_->begin_apart(kAnna).ok());
  EXPECT_EQ(identity(), "librebird_app/anna/home/on");
  ASSERT_TRUE(put(1).ok());
  ASSERT_TRUE(connection_->end_apart().ok());
  ASSERT_TRUE(connection_->begin_apart(kBert).ok());
  EXPECT_EQ(identity(), "librebird_app/bert/home/on");
  ASSERT_TRUE(put(2).ok());
  ASSERT_TRUE(connection_->undo_apart().ok());
  ASSERT_TRUE(connection_->begin_apart(kAnna).ok());
  EXPECT_EQ(identity(), "librebird_app/anna/home/on");
  ASSERT_TRUE(put(3).ok());
  ASSERT_TRUE(connection_->end_apart().ok());
  ASSERT_TRUE(connection_->commit().ok());
  EXPECT_EQ(count(), "2");
  EXPECT_EQ(identity(), kNobody);
}

// What was posted fails later, when nobody knows whose it was: nothing of the transaction is kept.
TEST_F(OneConnection, AFailedStatementSpoilsAllParts) {
  ASSERT_TRUE(connection_->begin(kAnna, Mode::write, Durability::full, 1).ok());
  for (const int number : {1, 1}) {
    ASSERT_TRUE(connection_->begin_apart(kAnna).ok());
    ASSERT_TRUE(put(number).ok());
    ASSERT_TRUE(connection_->end_apart().ok());
  }
  EXPECT_FALSE(connection_->failed());
  ASSERT_TRUE(connection_->begin_apart(kBert).ok());
  EXPECT_FALSE(connection_->execute("SELECT 1").ok());
  EXPECT_TRUE(connection_->failed());
  EXPECT_EQ(connection_->race(), PostgresConnection::Race::duplicate);
  EXPECT_FALSE(put(2).ok()) << "nothing more can be done";
  EXPECT_FALSE(connection_->undo_apart().ok());
  EXPECT_FALSE(connection_->commit().ok());
  connection_->abandon();
  EXPECT_EQ(identity(), kNobody);
  EXPECT_EQ(count(), "0");
}

TEST_F(OneConnection, TwoQueriesAreAnsweredEach) {
  ASSERT_TRUE(connection_->begin(kAnna, Mode::write, Durability::full, 1).ok());
  ASSERT_TRUE(put(7).ok());
  std::string seen;
  const Param one[] = {std::int64_t{1}};
  auto add = [&](const Row& row) { seen += row.string(0) + ";"; };
  ASSERT_TRUE(connection_
                  ->each_of_two({"UPDATE things SET id = id + $1 RETURNING id", one}, add,
                                {"SELECT id * 10 FROM things WHERE id > $1", one}, add)
                  .ok());
  EXPECT_EQ(seen, "8;80;") << "the second sees what the first changed";
  connection_->abandon();
}

TEST_F(OneConnection, ThePlatformStepsInAndOut) {
  ASSERT_TRUE(connection_->begin(kAnna, Mode::write, Durability::full, 1).ok());
  {
    const AsPlatform platform(*connection_);
    EXPECT_EQ(identity(), "librebird_service/anna/home/on");
    {
      const AsPlatform nested(*connection_);
    }
    EXPECT_EQ(identity(), "librebird_service/anna/home/on");
  }
  EXPECT_EQ(identity(), "librebird_app/anna/home/on");
  {
    const AsPlatform platform(*connection_);
    ASSERT_TRUE(put(1).ok());
    EXPECT_FALSE(connection_->execute("SELECT no_such_column FROM things").ok());
  }
  EXPECT_FALSE(connection_->commit().ok());
  connection_->abandon();
  EXPECT_EQ(identity(), kNobody);
  EXPECT_EQ(count(), "0");
}

TEST_F(OneConnection, ValuesArriveAsTheyWere) {
  const std::string odd = "quotes ' \" \\ $1 \xE2\x82\xAC\n\t";
  auto text = [](const Row& row) { return row.optional_string(0).value_or("NULL"); };
  ASSERT_TRUE(connection_->begin(kService, Mode::write, Durability::full, 0).ok());
  ASSERT_TRUE(connection_->execute("INSERT INTO things VALUES ($1, $2)", -7, odd).ok());
  ASSERT_TRUE(connection_->execute("INSERT INTO things VALUES ($1, $2)", 8, nullptr).ok());
  EXPECT_EQ(connection_->one("SELECT name FROM things WHERE id = $1", text, -7).value(), odd);
  EXPECT_EQ(connection_->one("SELECT name FROM things WHERE id = $1", text, 8).value(), "NULL");
  EXPECT_EQ(connection_->execute("UPDATE things SET name = 'x' WHERE id > $1", -100).value(), 2);
  EXPECT_EQ(connection_->one("SELECT name FROM things WHERE name = $1", text, std::string("a\0b\xFF", 4)).value(),
            std::nullopt);
}

TEST_F(OneConnection, ALostConnectionSaysSo) {
  ASSERT_TRUE(connection_->begin(kService, Mode::write, Durability::full, 0).ok());
  auto number = [](const Row& row) { return row.integer(0); };
  const auto pid = connection_->one("SELECT pg_backend_pid()", number).value();
  RawPostgres(PostgresServer::of_this_program().as_superuser(url_))
      .run("SELECT pg_terminate_backend(" + std::to_string(*pid) + ")");
  const auto after = connection_->execute("SELECT 1");
  ASSERT_FALSE(after.ok());
  EXPECT_EQ(after.error().code, Code::unavailable);
  EXPECT_TRUE(connection_->lost());
  EXPECT_FALSE(connection_->commit().ok());
}

TEST(PostgresUrl, NoPasswordIsEverRepeated) {
  for (const std::string url : {"postgresql://me:hunter2@db:5433/chat", "postgresql://me:hunter2@db:port/chat",
                                "postgresql://me:hunter2@[::1/chat", "host=db password=hunter2 dbname=chat port='",
                                "mysql://me:hunter2@db/chat"}) {
    const auto name = display_name(url);
    EXPECT_EQ((name ? *name : name.error().message).find("hunter2"), std::string::npos) << url;
  }
  EXPECT_EQ(display_name("postgresql://me:hunter2@db:5433/chat").value(), "db:5433/chat");
  EXPECT_EQ(display_name("mysql://x").error().code, Code::invalid_argument);
  const auto refused = PostgresConnection::open("postgresql://me:hunter2@127.0.0.1:1/chat", Millis(100), Millis(100));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::unavailable);
  EXPECT_EQ(refused.error().message.find("hunter2"), std::string::npos) << refused.error().message;
}

TEST(PostgresErrors, HaveACodeACauseAndANextStep) {
  const auto code = [](std::string_view state) { return postgres_error(state, "words.", "db/chat").code; };
  EXPECT_EQ(code("53100"), Code::unavailable);
  EXPECT_EQ(code("25006"), Code::failed_precondition);
  EXPECT_EQ(code("28P01"), Code::failed_precondition);
  EXPECT_EQ(code("57P03"), Code::unavailable);
  EXPECT_EQ(code("42501"), Code::permission_denied);
  EXPECT_EQ(code("XX001"), Code::data_loss);
  EXPECT_EQ(code("42P01"), Code::internal);
  EXPECT_GT(postgres_error("53300", "", "db/chat").retry_after.count(), 0);
}

}  // namespace
}  // namespace librebird::storage
