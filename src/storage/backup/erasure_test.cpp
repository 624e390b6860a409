// A person is erased: from every table there is, now and in future versions, and from the bytes of the files.
#include "../sqlite_fixture.hpp"

#include "../stores/personal_tables.hpp"

#include <librebird/core/ports/account_store.hpp>

#include <fstream>
#include <map>
#include <set>

namespace librebird::testkit {
namespace {

struct Column {
  std::string name;
  bool text = false;
};

class Erasure : public testing::Test {
 protected:
  Erasure() {
    auto storage = Storage::open(runner_.loop(), clock_, ids_, {.path = folder_.database()});
    if (!storage) throw std::runtime_error(storage.error().message);
    storage_ = std::move(storage).value();
    owner_ = ok(storage_->identities().ensure_owner());
    clock_.advance(Millis(1000));
    person_ = account("person@example.org");
  }

  template <class T>
  T ok(Task<Result<T>> task) {
    auto result = runner_.run(std::move(task));
    EXPECT_TRUE(result.ok()) << result.error().message;
    return std::move(result).value();
  }
  Principal account(const std::string& email) {
    NewAccount account;
    account.email = email;
    account.display_name = "canary-name";
    auto made = ok(storage_->accounts().create(std::move(account))).principal;
    made.role = Role::owner;
    return made;
  }
  std::string raw(const std::string& sql) { return RawDatabase(folder_.database()).run(sql); }
  std::vector<std::string> column_of(const std::string& sql) {
    // run() answers one value: the rows are joined in it.
    const std::string joined = raw("SELECT group_concat(x, ';') FROM (" + sql + ")");
    std::vector<std::string> out;
    for (std::size_t at = 0; at < joined.size();) {
      const std::size_t end = std::min(joined.find(';', at), joined.size());
      out.push_back(joined.substr(at, end - at));
      at = end + 1;
    }
    return out;
  }
  std::vector<std::string> tables() {
    return column_of(
        "SELECT name AS x FROM pragma_table_list WHERE schema = 'main' AND type IN ('table', 'virtual') AND name NOT "
        "LIKE 'sqlite_%'");
  }
  std::vector<Column> columns(const std::string& table) {
    std::vector<Column> out;
    for (const std::string& item :
         column_of("SELECT name || '|' || type AS x FROM pragma_table_info('" + table + "')")) {
      out.push_back({item.substr(0, item.find('|')), item.ends_with("|TEXT")});
    }
    return out;
  }
  std::string files() {
    std::string all;
    for (const auto& entry : std::filesystem::directory_iterator(folder_.file(""))) {
      std::ifstream in(entry.path(), std::ios::binary);
      all.append(std::istreambuf_iterator<char>(in), {});
    }
    return all;
  }
  std::string say(const Principal& who, const std::string& conversation, const std::string& text) {
    AcceptMessage message;
    message.conversation_id = conversation;
    message.content = text;
    message.client_message_id = ids_.next();
    return ok(storage_->turns().accept(who, message)).message.id;
  }

  TemporaryFolder folder_;
  LoopRunner runner_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  std::unique_ptr<Storage> storage_;
  Principal owner_;
  Principal person_;
};

TEST_F(Erasure, EveryTableIsKnown) {
  std::map<std::string, storage::PersonalTable> known;
  for (const auto& table : storage::personal_tables()) known.emplace(table.table, table);
  const auto there = tables();
  EXPECT_GT(there.size(), 30U);
  for (const std::string& table : there) {
    ASSERT_TRUE(known.contains(table)) << "say in personal_tables.cpp what " << table << " knows about a person";
    const bool named = std::ranges::any_of(columns(table), [](const Column& c) { return c.name == "user_id"; });
    if (named && table != "audit_chain") EXPECT_FALSE(known.at(table).own.empty()) << table << " has a user_id";
  }
  EXPECT_EQ(known.size(), there.size()) << "a table is listed that is not there";
}

// A row of the person's in every table that can have one, filled with a word that must not be found afterwards.
TEST_F(Erasure, NoTableAndNoByteKeepsAnything) {
  // What says nothing about anybody.
  const std::set<std::string> plain{"role",        "status",     "state",   "model_provider",
                                    "model_name",  "error_code", "scope",   "superseded_by",
                                    "lease_owner", "span",       "subject", "access"};
  int filled = 0;
  for (const std::string& table : tables()) {
    if (table == "audit_chain" || table == "users") continue;
    const auto all = columns(table);
    if (std::ranges::none_of(all, [](const Column& c) { return c.name == "user_id"; })) continue;
    std::string names;
    std::string values;
    for (const Column& column : all) {
      if (column.name == "seq") continue;
      std::string value = "7";
      if (column.name == "user_id") {
        value = "'" + person_.user_id + "'";
      } else if (column.name == "workspace_id") {
        value = "'" + owner_.workspace_id + "'";
      } else if (column.name == "role") {
        value = "'member'";
      } else if (column.text) {
        const bool id = column.name == "id" || column.name.ends_with("_id");
        value = id || plain.contains(column.name) ? "'" + ids_.next() + "'" : "'canary-" + table + "'";
      }
      names += (names.empty() ? "" : ", ") + column.name;
      values += (values.empty() ? "" : ", ") + value;
    }
    raw("INSERT INTO " + table + " (" + names + ") VALUES (" + values + ")");
    ++filled;
  }
  EXPECT_GT(filled, 20);
  raw("INSERT INTO quota_use VALUES ('user', '" + person_.user_id + "', 'day', 1, 1, 1, 1, 1)");
  ASSERT_NE(files().find("canary-tasks"), std::string::npos);

  ASSERT_TRUE(runner_.run(storage_->persons().erase(person_.user_id)).ok());
  for (const std::string& table : tables()) {
    // The log keeps the id, which is nobody's any more (docs/export.md).
    if (table == "message_search" || table == "audit_chain") continue;
    for (const Column& column : columns(table)) {
      const std::string left =
          raw("SELECT COUNT(*) FROM " + table + " WHERE " + column.name + " = '" + person_.user_id + "' OR " +
              column.name + " LIKE 'canary%' OR " + column.name + " LIKE 'person@%'");
      EXPECT_EQ(left, "0") << table << "." << column.name;
    }
  }
  ASSERT_TRUE(storage_->scrub().ok());
  EXPECT_EQ(std::filesystem::file_size(folder_.file("librebird.db-wal")), 0U);
  const std::string bytes = files();
  EXPECT_EQ(bytes.find("canary"), std::string::npos);
  EXPECT_EQ(bytes.find("person@example.org"), std::string::npos);
  EXPECT_TRUE(storage_->check().ok());
}

TEST_F(Erasure, WordsLeaveTheIndexAndOthersKeepTheirs) {
  const auto mine = ok(storage_->conversations().create(person_, "mine"));
  say(person_, mine.id, "zanzibarcanary is a word");
  const auto theirs = ok(storage_->conversations().create(owner_, "theirs"));
  say(owner_, theirs.id, "ordinaryword stays");
  const auto find = [&](const std::string& query) {
    ConversationFilter filter;
    filter.query = query;
    return ok(storage_->conversations().list(owner_, filter)).items.size();
  };
  EXPECT_EQ(find("ordinaryword"), 1U);
  ASSERT_TRUE(runner_.run(storage_->persons().erase(person_.user_id)).ok());
  ASSERT_TRUE(storage_->scrub().ok());
  EXPECT_EQ(find("ordinaryword"), 1U);
  EXPECT_EQ(files().find("zanzibar"), std::string::npos) << "not even in the index";
  EXPECT_NE(files().find("ordinaryword"), std::string::npos);
}

TEST_F(Erasure, WhatStandsInOthersConversationsBecomesEmpty) {
  ASSERT_TRUE(runner_.run(storage_->identities().ensure_owner()).ok());
  raw("INSERT INTO workspace_members VALUES ('" + owner_.workspace_id + "', '" + person_.user_id + "', 'member', 1)");
  const auto theirs = ok(storage_->conversations().create(owner_, "theirs"));
  ok(storage_->conversations().share(owner_, theirs.id, Sharing{Access::write, {}}));
  Principal guest = person_;
  guest.workspace_id = owner_.workspace_id;
  guest.role = Role::member;
  const std::string id = say(guest, theirs.id, "quokkacanary in company");
  ASSERT_TRUE(runner_.run(storage_->persons().erase(person_.user_id)).ok());
  const auto page = ok(storage_->messages().list(owner_, theirs.id, "", 10));
  ASSERT_EQ(page.items.size(), 1U);
  EXPECT_EQ(page.items[0].id, id);
  EXPECT_EQ(page.items[0].content, "");
  // The lane goes on.
  const auto lease = ok(storage_->turns().lease(theirs.id, "worker", Millis(30'000), 100));
  EXPECT_FALSE(lease.has_value()) << "nothing of the person's runs any more";
  say(owner_, theirs.id, "and on");
  EXPECT_TRUE(ok(storage_->turns().lease(theirs.id, "worker", Millis(30'000), 100)).has_value());
  ASSERT_TRUE(storage_->scrub().ok());
  EXPECT_EQ(files().find("quokka"), std::string::npos);
  ASSERT_TRUE(runner_.run(storage_->conversations().remove(owner_, theirs.id)).ok()) << "the index agrees";
  EXPECT_TRUE(storage_->check().ok());
}

TEST_F(Erasure, RefusesWhatWouldTakeFromOthers) {
  EXPECT_EQ(runner_.run(storage_->persons().erase(ids_.next())).error().code, Code::not_found);
  EXPECT_EQ(runner_.run(storage_->persons().erase(owner_.user_id)).error().code, Code::failed_precondition);
  const Principal other = account("other@example.org");
  raw("INSERT INTO workspace_members VALUES ('" + person_.workspace_id + "', '" + other.user_id + "', 'member', 1)");
  const Status refused = runner_.run(storage_->persons().erase(person_.user_id));
  EXPECT_NE(refused.error().message.find("hand it over"), std::string::npos);
  EXPECT_TRUE(runner_.run(storage_->persons().erase(other.user_id)).ok());
  const auto scope = ok(storage_->persons().may_erase(person_.user_id));
  EXPECT_EQ(scope.own, std::vector<std::string>{person_.workspace_id});
  EXPECT_TRUE(runner_.run(storage_->persons().erase(person_.user_id)).ok());
}

TEST_F(Erasure, TheExportHoldsWhatIsTheirsAndNoSecret) {
  const auto mine = ok(storage_->conversations().create(person_, "my title"));
  say(person_, mine.id, "what I said");
  const auto theirs = ok(storage_->conversations().create(owner_, "their title"));
  raw("INSERT INTO recovery_codes VALUES ('" + person_.user_id + "', 'hashcanary', NULL)");
  raw("UPDATE users SET password_hash = 'hashcanary', totp_secret = 'hashcanary'");
  std::map<std::string, std::string> got;
  auto line = [&](std::string_view table, std::string_view json) -> Status {
    got[std::string(table)] += std::string(json) + "\n";
    return Ok{};
  };
  ASSERT_TRUE(runner_.run(storage_->persons().read_all(person_.user_id, line)).ok());
  EXPECT_NE(got["conversations"].find("\"my title\""), std::string::npos);
  EXPECT_NE(got["messages"].find("\"content\":\"what I said\""), std::string::npos);
  EXPECT_NE(got["users"].find("person@example.org"), std::string::npos);
  for (const auto& [table, text] : got) {
    EXPECT_EQ(text.find("their title"), std::string::npos) << table;
    EXPECT_EQ(text.find("hashcanary"), std::string::npos) << table;
  }
}

}  // namespace
}  // namespace librebird::testkit
