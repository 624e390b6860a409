// What the database's own rules let through, whatever the statement says: SQL as the application's role, with every
// kind of identity, on a database in which two users have something of everything.
#include "postgres_fixture.hpp"

#include <librebird/storage/sql/migrator.hpp>

#include <map>
#include <set>
#include <sstream>

namespace librebird::testkit {
namespace {

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

class RowSecurity : public testing::Test {
 protected:
  RowSecurity() : url_(fresh_postgres()) {
    auto keys = KeyRing::open({.file = folder_.file("master.key")});
    StorageOptions options{.url = url_, .connections = 1};  // so that every piece of work gets the same connection
    options.keys = std::move(keys).value();
    storage_ = Storage::open(runner_.loop(), clock_, ids_, std::move(options)).value();
    mine_ = runner_.run(storage_->identities().ensure_owner()).value();
    theirs_ = Principal{ids_.next(), ids_.next(), Role::owner, ""};
    RawPostgres root(superuser());
    root.run("INSERT INTO users (id, display_name, created_at) VALUES ('" + theirs_.user_id + "', 'Theirs', 1)");
    root.run("INSERT INTO workspaces (id, name, owner_id, created_at) VALUES ('" + theirs_.workspace_id +
             "', 'Theirs', '" + theirs_.user_id + "', 1)");
    root.run("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" + theirs_.workspace_id +
             "', '" + theirs_.user_id + "', 'owner', 1)");
    fill(mine_);
    fill(theirs_);
  }

  // Something in as many tables as the stores have.
  void fill(const Principal& who) {
    const auto ok = [](const auto& result) { ASSERT_TRUE(result.ok()) << result.error().message; };
    ok(runner_.run(storage_->credentials().add_sign_in_link(who, ids_.next(), 9'000'000'000'000)));
    NewApiKey key;
    key.name = "key";
    key.prefix = "lb_";
    key.hash = ids_.next();
    ok(runner_.run(storage_->credentials().add_api_key(who, key)));
    const std::string token = ids_.next();
    ok(runner_.run(storage_->credentials().add_sign_in_link(who, token, 9'000'000'000'000)));
    NewSession session;
    session.hash = ids_.next();
    session.expires_at = 9'000'000'000'000;
    ok(runner_.run(storage_->credentials().redeem_sign_in_link(token, session)));
    const auto conversation = runner_.run(storage_->conversations().create(who, "plans"));
    ok(conversation);
    ok(runner_.run(storage_->turns().accept(who, {conversation->id, "a secret question", ids_.next()})));
    const auto leased = runner_.run(storage_->turns().lease(conversation->id, "w", Millis(1000), 10));
    ok(leased);
    ok(runner_.run(storage_->turns().append_step((*leased)->turn.id, "w", {0, ModelAnswer{}})));
    ok(runner_.run(storage_->secrets().put(who, "skill/a", "key", "a-secret-value")));
    ok(runner_.run(storage_->secrets().put(who, "user/a", "key", "a-secret-value")));
    ok(runner_.run(storage_->skills().set_setting(who, "weather", "unit", "\"c\"")));
    ok(runner_.run(storage_->skills().change(who, "weather", true, true, std::nullopt)));
    ok(runner_.run(storage_->approvals().set_workspace_mode(who, ApprovalMode::ask)));
    ok(runner_.run(storage_->approvals().set_conversation_mode(who, conversation->id, ApprovalMode::ask)));
    NewEmbedding embedding;
    embedding.source_id = "diary";
    embedding.content = "a secret thought";
    embedding.vector.assign(kEmbeddingDimensions, 1);
    embedding.model = "mini";
    ok(runner_.run(storage_->embeddings().put(who, {embedding})));
    AuditEntry call;
    call.call_id = ids_.next();
    call.principal = who;
    call.tool = "calculator";
    ok(runner_.run(storage_->audit().begin(call, false)));
  }

  [[nodiscard]] std::string superuser() const { return PostgresServer::of_this_program().as_superuser(url_); }
  std::vector<std::string> tables() {
    return lines_of(RawPostgres(superuser())
                        .run("SELECT string_agg(tablename, E'\\n' ORDER BY tablename) FROM pg_tables "
                             "WHERE schemaname = 'public'"));
  }
  std::set<std::string> columns_of(const std::string& table) {
    const auto all = lines_of(RawPostgres(superuser())
                                  .run("SELECT string_agg(column_name, E'\\n') FROM information_schema.columns WHERE "
                                       "table_schema = 'public' AND "
                                       "table_name = '" +
                                       table + "'"));
    return {all.begin(), all.end()};
  }
  // As the login of DATABASE_URL, in the application's role.
  std::unique_ptr<RawPostgres> application() {
    auto raw = std::make_unique<RawPostgres>(url_);
    raw->run("SET ROLE librebird_app");
    return raw;
  }

  TemporaryFolder folder_;
  std::string url_;
  LoopRunner runner_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  std::unique_ptr<Storage> storage_;
  Principal mine_;
  Principal theirs_;
};

// A table that somebody adds and forgets to protect fails here.
TEST_F(RowSecurity, EveryTableIsProtected) {
  RawPostgres root(superuser());
  int checked = 0;
  for (const std::string& table : tables()) {
    if (table == "schema_version") continue;
    ++checked;
    EXPECT_EQ(root.run("SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE relname = '" + table + "'"),
              "t")
        << table << ": call librebird_protect() in the migration that makes it";
    EXPECT_NE(root.run("SELECT COUNT(*) FROM pg_policy WHERE polrelid = 'public." + table + "'::regclass"), "0")
        << table;
  }
  EXPECT_GT(checked, 20);
  EXPECT_EQ(
      root.run("SELECT COUNT(*) FROM pg_class WHERE relname LIKE '%' AND relkind IN ('v', 'm') AND relnamespace = "
               "'public'::regnamespace"),
      "0")
      << "a view shows what its owner may see";
  EXPECT_EQ(root.run("SELECT COUNT(*) FROM pg_roles WHERE rolname IN ('librebird_app', 'librebird_service') AND "
                     "(rolsuper OR rolbypassrls OR rolcanlogin OR rolcreaterole OR rolcreatedb)"),
            "0");
  EXPECT_EQ(root.run("SELECT COUNT(*) FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE r.rolname IN "
                     "('librebird_app', 'librebird_service')"),
            "0");
}

struct Identity {
  std::string name;
  std::string user;
  std::string workspace;
  bool set = true;
};

TEST_F(RowSecurity, NoIdentityReachesForeignRows) {
  const std::vector<Identity> nobodies{
      {"unset", "", "", false},
      {"empty", "", ""},
      {"malformed", "'; DROP TABLE users; --", "%"},
      {"unknown", ids_.next(), ids_.next()},
      {"unknown in a real workspace", ids_.next(), theirs_.workspace_id},
      {"without a workspace", mine_.user_id, ""},
      {"non-member", mine_.user_id, theirs_.workspace_id},
      {"workspace only", "", theirs_.workspace_id},
  };
  for (const Identity& identity : nobodies) {
    SCOPED_TRACE(identity.name);
    const auto raw = application();
    if (identity.set) {
      raw->run("SET app.user_id = $q$" + identity.user + "$q$; SET app.workspace_id = $q$" + identity.workspace +
               "$q$");
    }
    for (const std::string& table : tables()) {
      if (table == "schema_version") continue;
      SCOPED_TRACE(table);
      // Their rows, by whatever names the owner; where nothing does, any row.
      const auto columns = columns_of(table);
      std::string foreign = "true";
      if (columns.contains("user_id")) {
        foreign = "user_id = '" + theirs_.user_id + "'";
      } else if (columns.contains("workspace_id")) {
        foreign = "workspace_id = '" + theirs_.workspace_id + "'";
      } else if (table == "users" || table == "workspaces") {
        foreign = "id IN ('" + theirs_.user_id + "', '" + theirs_.workspace_id + "')";
      }
      const std::string found = raw->state_of("SELECT 1 FROM " + table + " WHERE " + foreign);
      EXPECT_TRUE(found == "42501" || (found == "00000" && raw->rows() == 0)) << found << " " << raw->rows();
      const std::string column = *columns.begin();
      const std::string changed =
          raw->state_of("UPDATE " + table + " SET " + column + " = " + column + " WHERE " + foreign);
      EXPECT_TRUE(changed == "42501" || (changed == "00000" && raw->rows() == 0)) << changed << " " << raw->rows();
      const std::string removed = raw->state_of("DELETE FROM " + table + " WHERE " + foreign);
      EXPECT_TRUE(removed == "42501" || (removed == "00000" && raw->rows() == 0)) << removed << " " << raw->rows();
    }
    // Nothing can be put where it does not belong.
    EXPECT_EQ(raw->state_of("INSERT INTO conversations (id, workspace_id, user_id, title, created_at, updated_at) "
                            "VALUES ('x', '" +
                            theirs_.workspace_id + "', '" + theirs_.user_id + "', '', 1, 1)"),
              "42501");
    EXPECT_EQ(raw->state_of("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" +
                            theirs_.workspace_id + "', '" + mine_.user_id + "', 'owner', 1)"),
              "42501");
    EXPECT_EQ(raw->state_of("INSERT INTO audit_chain SELECT * FROM audit_chain LIMIT 0"), "42501");
  }
}

TEST_F(RowSecurity, AMemberSeesTheirOwnAndNothingElse) {
  const auto raw = application();
  raw->run("SET app.user_id = '" + mine_.user_id + "'; SET app.workspace_id = '" + mine_.workspace_id + "'");
  for (const char* table : {"conversations", "messages", "turns", "api_keys", "sessions", "secrets", "skills",
                            "skill_settings", "audit_chain", "workspace_tool_modes", "memory_embeddings"}) {
    SCOPED_TRACE(table);
    const auto columns = columns_of(table);
    const std::string owner = columns.contains("workspace_id") ? "workspace_id = '" + mine_.workspace_id + "'"
                                                               : "user_id = '" + mine_.user_id + "'";
    EXPECT_NE(raw->run(std::string("SELECT COUNT(*) FROM ") + table), "0");
    EXPECT_EQ(raw->run(std::string("SELECT COUNT(*) FROM ") + table + " WHERE NOT (" + owner + ")"), "0");
  }
  EXPECT_EQ(raw->run("SELECT COUNT(*) FROM users"), "1");
  EXPECT_EQ(raw->run("SELECT COUNT(*) FROM workspaces"), "1");
  EXPECT_EQ(raw->run("SELECT COUNT(*) FROM workspace_members"), "1");
  EXPECT_EQ(raw->run("SELECT COUNT(*) FROM turn_steps"), "1");
  EXPECT_EQ(raw->run("SELECT COUNT(*) FROM conversation_tool_modes"), "1");
  // Their rows cannot be given away, nor a foreign one taken.
  EXPECT_EQ(raw->state_of("UPDATE conversations SET user_id = '" + theirs_.user_id + "'"), "42501");
  EXPECT_EQ(raw->state_of("UPDATE messages SET workspace_id = '" + theirs_.workspace_id + "'"), "42501");
  // The audit log is read, and not written.
  EXPECT_EQ(raw->state_of("UPDATE audit_chain SET detail = ''"), "42501");
  EXPECT_EQ(raw->state_of("DELETE FROM audit_chain"), "42501");
  EXPECT_EQ(raw->state_of("SELECT * FROM master_key"), "42501");
}

// The function behind the rules of shared rows costs more than a row: who works with his own does not pay for it.
TEST_F(RowSecurity, OwnRowsDoNotAskWhoSharesThem) {
  RawPostgres root(superuser());
  root.run("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" + mine_.workspace_id +
           "', '" + theirs_.user_id + "', 'member', 1)");
  root.run("DELETE FROM conversations WHERE user_id = '" + theirs_.user_id + "'");
  root.run("UPDATE conversations SET workspace_access = 'read'");
  const auto calls = [&](const Principal& who, const std::string& sql) {
    RawPostgres session(superuser());  // its counters begin at nothing
    session.run("BEGIN; SET LOCAL track_functions = 'all'; SET LOCAL ROLE librebird_app; SET LOCAL app.user_id = '" +
                who.user_id + "'; SET LOCAL app.workspace_id = '" + mine_.workspace_id + "'");
    EXPECT_EQ(session.state_of(sql), "00000");
    EXPECT_EQ(session.rows(), 1) << sql;
    return session.run(
        "SELECT COALESCE(SUM(calls), 0) FROM pg_stat_xact_user_functions WHERE funcname = 'librebird_access'");
  };
  for (const char* table : {"conversations", "messages", "turns"}) {
    EXPECT_EQ(calls(mine_, std::string("SELECT * FROM ") + table), "0") << table;
    EXPECT_EQ(calls(theirs_, std::string("SELECT * FROM ") + table), "1") << table;
  }
  EXPECT_EQ(calls(mine_, "UPDATE conversations SET updated_at = 2 RETURNING id"), "0");
  EXPECT_EQ(calls(mine_, "UPDATE turns SET cancel_requested = 1 RETURNING id"), "0");
  EXPECT_EQ(calls(mine_,
                  "INSERT INTO messages (id, conversation_id, position, workspace_id, user_id, turn_id, role, "
                  "content, status, created_at) SELECT 'new', id, 1000, workspace_id, user_id, 't', 'user', "
                  "'x', 'complete', 1 FROM conversations"),
            "1")
      << "a new row asks by the conversation's id alone, which has one plan";
  // In another's conversation it is asked once for a new row.
  root.run("UPDATE conversations SET workspace_access = 'write'");
  EXPECT_EQ(calls(theirs_,
                  "INSERT INTO messages (id, conversation_id, position, workspace_id, user_id, turn_id, role, content, "
                  "status, created_at) SELECT 'theirs', id, 1001, workspace_id, '" +
                      theirs_.user_id + "', 't', 'user', 'x', 'complete', 1 FROM conversations"),
            "2")
      << "and once to see the conversation";
}

// A colleague in the same workspace reaches what is shared with him, as far as it is shared, and no step further.
TEST_F(RowSecurity, SharesReachAsFarAsTheyWereGiven) {
  RawPostgres root(superuser());
  root.run("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" + mine_.workspace_id +
           "', '" + theirs_.user_id + "', 'member', 1)");
  const auto colleague = application();
  colleague->run("SET app.user_id = '" + theirs_.user_id + "'; SET app.workspace_id = '" + mine_.workspace_id + "'");
  const std::string mine = root.run("SELECT id FROM conversations WHERE user_id = '" + mine_.user_id + "'");
  const auto seen = [&](const std::string& table) { return colleague->run("SELECT COUNT(*) FROM " + table); };
  const std::string message =
      "INSERT INTO messages (id, conversation_id, position, workspace_id, user_id, turn_id, role, content, status, "
      "created_at) VALUES ('" +
      ids_.next() + "', '" + mine + "', 1000, '" + mine_.workspace_id + "', '" + theirs_.user_id +
      "', 't', 'user', 'x', 'complete', 1)";
  const std::string share =
      "INSERT INTO conversation_shares (conversation_id, workspace_id, user_id, access, created_at) VALUES ('" + mine +
      "', '" + mine_.workspace_id + "', '" + theirs_.user_id + "', 'write', 1)";
  // Private.
  EXPECT_EQ(seen("conversations"), "0");
  EXPECT_EQ(seen("messages"), "0");
  EXPECT_EQ(seen("turns"), "0");
  EXPECT_EQ(colleague->state_of(message), "42501");
  EXPECT_EQ(colleague->state_of(share), "42501") << "nobody lets himself in";
  // For reading.
  root.run("UPDATE conversations SET workspace_access = 'read' WHERE id = '" + mine + "'");
  EXPECT_EQ(seen("conversations"), "1");
  EXPECT_EQ(seen("messages"), "1");
  EXPECT_EQ(seen("turns"), "1");
  EXPECT_EQ(colleague->state_of(message), "42501");
  EXPECT_EQ(colleague->state_of("UPDATE conversations SET title = 'taken'"), "00000");
  EXPECT_EQ(colleague->rows(), 0);
  EXPECT_EQ(colleague->state_of(share), "42501");
  // For writing.
  root.run("UPDATE conversations SET workspace_access = 'none' WHERE id = '" + mine + "'");
  root.run(share);
  EXPECT_EQ(colleague->state_of(message), "00000");
  EXPECT_EQ(colleague->state_of("DELETE FROM conversations WHERE id = '" + mine + "'"), "00000");
  EXPECT_EQ(colleague->rows(), 0);
  // Not a member any more.
  root.run("DELETE FROM workspace_members WHERE workspace_id = '" + mine_.workspace_id + "' AND user_id = '" +
           theirs_.user_id + "'");
  EXPECT_EQ(seen("conversations"), "0");
  EXPECT_EQ(seen("messages"), "0");
}

TEST_F(RowSecurity, APooledConnectionCarriesNoIdentityOver) {
  // The pool has one connection, and each piece of work below uses it.
  const auto watch = [&] {
    return RawPostgres(superuser())
        .run(
            "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = "
            "'librebird'");
  };
  ASSERT_TRUE(runner_.run(storage_->conversations().list(mine_, {})).ok());
  EXPECT_EQ(watch(), "1");
  Principal nobody{"", "", Role::owner, ""};
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(runner_.run(storage_->conversations().list(mine_, {})).value().items.size(), 1U);
    EXPECT_EQ(runner_.run(storage_->conversations().create(theirs_, "more")).value().user_id, theirs_.user_id);
    EXPECT_FALSE(runner_
                     .run(storage_->conversations().create(
                         Principal{mine_.user_id, theirs_.workspace_id, Role::owner, ""}, "intruder"))
                     .ok());
    // A failed piece of work leaves nothing behind either.
    EXPECT_EQ(runner_.run(storage_->conversations().list(mine_, {})).value().items.size(), 1U);
  }
  EXPECT_EQ(watch(), "1");
}

TEST_F(RowSecurity, AStrangersWriteIsRefusedByTheDatabase) {
  // The store's SQL would insert this row: only the database knows that there is no membership.
  const auto refused = runner_.run(
      storage_->conversations().create(Principal{mine_.user_id, theirs_.workspace_id, Role::owner, ""}, "x"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(to_string(refused.error().code), to_string(Code::permission_denied)) << refused.error().message;
}

// The login of a careful installation: it owns nothing, and may only become one of the two roles.
TEST_F(RowSecurity, APowerlessLoginServes) {
  RawPostgres root(superuser());
  if (root.run("SELECT COUNT(*) FROM pg_roles WHERE rolname = 'powerless'") == "0") {
    root.run("CREATE ROLE powerless LOGIN NOINHERIT IN ROLE librebird_app, librebird_service");
  }
  const std::string url = PostgresServer::of_this_program().as(url_, "powerless");
  auto storage = Storage::open(runner_.loop(), clock_, ids_, {.url = url});
  ASSERT_TRUE(storage.ok()) << storage.error().message;
  EXPECT_EQ(runner_.run((*storage)->conversations().list(mine_, {})).value().items.size(), 1U);
  EXPECT_TRUE(runner_.run((*storage)->conversations().create(mine_, "x")).ok());
  RawPostgres raw(url);
  EXPECT_EQ(raw.state_of("SELECT * FROM conversations"), "42501");
  EXPECT_EQ(raw.state_of("CREATE TABLE mine (x INTEGER)"), "42501");
  // Without the roles it is refused, with the next step.
  if (root.run("SELECT COUNT(*) FROM pg_roles WHERE rolname = 'outsider'") == "0") {
    root.run("CREATE ROLE outsider LOGIN");
  }
  const auto outsider =
      Storage::open(runner_.loop(), clock_, ids_, {.url = PostgresServer::of_this_program().as(url_, "outsider")});
  ASSERT_FALSE(outsider.ok());
  EXPECT_EQ(outsider.error().code, Code::failed_precondition);
  EXPECT_NE(outsider.error().message.find("GRANT librebird_app"), std::string::npos) << outsider.error().message;
  // It cannot make the schema, and the owner's login can.
  const std::string empty = PostgresServer::of_this_program().empty_database();
  const std::string login = PostgresServer::of_this_program().as(empty, "powerless");
  const auto weak = Storage::open(runner_.loop(), clock_, ids_, {.url = login});
  ASSERT_FALSE(weak.ok());
  EXPECT_NE(weak.error().message.find("DATABASE_MIGRATION_URL"), std::string::npos) << weak.error().message;
  EXPECT_TRUE(Storage::open(runner_.loop(), clock_, ids_, {.url = login, .migration_url = empty}).ok());
  EXPECT_TRUE(Storage::open(runner_.loop(), clock_, ids_, {.url = login}).ok());
}

}  // namespace
}  // namespace librebird::testkit
