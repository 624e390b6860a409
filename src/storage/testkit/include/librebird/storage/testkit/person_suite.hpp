#pragma once

// Part of store_suite.hpp: all that is one person's, to be given and to be erased.

#include <librebird/storage/testkit/workspace_suite.hpp>

#include <map>

namespace librebird::testkit {

class PersonSuite : public WorkspaceSuite {
 protected:
  PersonStore& persons() { return set_->persons(); }
  // Rows by table.
  std::map<std::string, std::vector<std::string>> rows_of(const std::string& user_id) {
    std::map<std::string, std::vector<std::string>> rows;
    const PersonStore::Line line = [&rows](std::string_view table, std::string_view json) -> Status {
      rows[std::string(table)].emplace_back(json);
      return Ok{};
    };
    EXPECT_TRUE(status_of(persons().read_all(user_id, line)).ok());
    return rows;
  }
  Accepted ask(const Principal& who, const std::string& conversation_id, const std::string& words) {
    return ok(set_->turns().accept(who, {conversation_id, words, ids_.next()}));
  }
};

TEST_P(PersonSuite, OnesOwnRowsAreReadAndNobodyElses) {
  ask(stranger_, ok(set_->conversations().create(stranger_, "their plans")).id, "a strange question");
  ask(me_, conversation("my plans").id, "a question of mine");
  const auto rows = rows_of(stranger_.user_id);
  ASSERT_EQ(rows.at("conversations").size(), 1U);
  EXPECT_NE(rows.at("conversations")[0].find("their plans"), std::string::npos);
  EXPECT_NE(rows.at("messages").at(0).find("a strange question"), std::string::npos);
  EXPECT_EQ(rows.at("usage_entries").size(), 1U);
  EXPECT_EQ(rows.at("users").size(), 1U);
  for (const auto& [table, lines] : rows) {
    for (const std::string& line : lines) {
      EXPECT_EQ(line.find("mine"), std::string::npos) << table;
      EXPECT_EQ(line.find(me_.user_id), std::string::npos) << table;
    }
  }
  fails_status(Code::not_found, persons().read_all("nobody", [](std::string_view, std::string_view) { return Ok{}; }));
}

TEST_P(PersonSuite, ErasingTakesEveryRowAndLeavesThoseOfOthers) {
  const Principal guest = join(Role::member);
  const std::string shared = conversation("shared").id;
  ok(set_->conversations().share(me_, shared, {.workspace = Access::write, .people = {}}));
  ask(me_, shared, "a question of mine");
  const std::string turn = lease(shared).turn.id;
  ok(set_->turns().finish(turn, "worker", TurnStatus::done, std::nullopt, answer_with("an answer to me")));
  ask(guest, shared, "an albatross in another's conversation");
  const std::string own = ok(set_->conversations().create(guest, "their own")).id;
  ask(guest, own, "a second albatross");
  Principal home = guest;
  home.workspace_id = ok(workspaces().create(guest, "alone there")).workspace.id;
  ask(home, ok(set_->conversations().create(home, "at home")).id, "a third albatross");
  ASSERT_TRUE(status_of(set_->usage().limit_member(me_, guest.user_id, {.messages_a_day = 9})).ok());

  ASSERT_TRUE(status_of(persons().erase(guest.user_id)).ok());
  fails(Code::not_found, persons().scope(guest.user_id));
  fails(Code::not_found, workspaces().owner_of(home.workspace_id));
  EXPECT_EQ(ok(workspaces().list_members(me_)).size(), 1U);
  EXPECT_EQ(contents(shared), (std::vector<std::string>{"a question of mine", "an answer to me", ""}));
  EXPECT_TRUE(found("albatross").empty());
  for (const char* table :
       {"usage_entries", "usage_limits", "conversations", "turns", "messages", "workspace_members"}) {
    EXPECT_EQ(set_->tamper(std::string("SELECT COUNT(*) FROM ") + table + " WHERE user_id = '" + guest.user_id + "'"),
              "0")
        << table;
  }
  fails_status(Code::not_found, persons().erase(guest.user_id));
}

TEST_P(PersonSuite, WhoCannotBeErasedIsNotTouched) {
  fails_status(Code::failed_precondition, persons().erase(me_.user_id));
  Principal there = stranger_;
  there.role = Role::owner;
  ok(workspaces().add_member(there, me_.user_id, Role::member));
  const std::string kept = ok(set_->conversations().create(there, "kept")).id;
  fails_status(Code::failed_precondition, persons().erase(stranger_.user_id));
  EXPECT_EQ(ok(set_->conversations().get(there, kept)).title, "kept");
}

// Everything of an export, in the order of the tables; as it is brought in.
class BringSuite : public PersonSuite {
 protected:
  using Rows = std::map<std::string, std::vector<std::string>>;
  std::map<std::string, BroughtRows> bring(const Principal& who, const Rows& rows, bool dry_run = false) {
    std::map<std::string, BroughtRows> done;
    for (const std::string& table : persons().brought_tables()) {
      const auto found = rows.find(table);
      if (found != rows.end()) done[table] = ok(persons().bring_in(who, table, found->second, dry_run));
    }
    return done;
  }
  static std::int64_t added(const std::map<std::string, BroughtRows>& done) {
    std::int64_t sum = 0;
    for (const auto& [table, rows] : done) sum += rows.added;
    return sum;
  }
  // Of each kind at least one row.
  Rows all_mine() {
    const std::string talk = conversation("walnut plans").id;
    exchange(talk, "where do walnuts grow?", "in Persia, they say");
    exchange(talk, "and almonds?", "there as well");
    ok(set_->conversations().update(me_, conversation("an archived one").id, std::nullopt, true));
    PersonalTask task;
    task.title = "plant a walnut";
    ok(set_->tasks().add(me_, task));
    EXPECT_TRUE(status_of(set_->settings().put(me_, "theme", "dark")).ok());
    return rows_of(me_.user_id);
  }
};

TEST_P(BringSuite, WhatOneTookAlongIsSomebodyElsesOwnAndComesOnce) {
  const Rows rows = all_mine();
  const auto looked = bring(stranger_, rows, true);
  EXPECT_EQ(looked.at("messages").added, 4);
  EXPECT_TRUE(rows_of(stranger_.user_id)["conversations"].empty()) << "looking adds nothing";
  const auto done = bring(stranger_, rows);
  EXPECT_EQ(done.at("conversations").added, 2);
  EXPECT_EQ(done.at("messages").added, 4);
  EXPECT_GT(done.at("messages").bytes, 40);
  EXPECT_EQ(done.at("tasks").added, 1);
  EXPECT_EQ(done.at("user_settings").added, 1);
  EXPECT_EQ(added(bring(stranger_, rows)), 0) << "a second time";

  ConversationFilter filter;
  filter.query = "Persia";
  const auto theirs = ok(set_->conversations().list(stranger_, filter)).items;
  ASSERT_EQ(theirs.size(), 1U);
  EXPECT_EQ(theirs[0].title, "walnut plans");
  EXPECT_NE(theirs[0].id, ok(set_->conversations().list(me_, filter)).items.at(0).id);
  std::vector<std::string> said;
  for (const Message& message : ok(set_->messages().list(stranger_, theirs[0].id, "", 50)).items) {
    said.push_back(message.content);
  }
  EXPECT_EQ(said, (std::vector<std::string>{"where do walnuts grow?", "in Persia, they say", "and almonds?",
                                            "there as well"}));
  EXPECT_EQ(ok(set_->settings().get(stranger_, "theme")), "dark");
  ask(stranger_, theirs[0].id, "and figs?");  // it goes on
  EXPECT_EQ(added(bring(stranger_, rows)), 0);
}

TEST_P(BringSuite, WhoStillHasItKeepsIt) {
  const Rows rows = all_mine();
  EXPECT_EQ(added(bring(me_, rows)), 0);
  const std::string talk = ok(set_->conversations().list(me_, {.query = "Persia"})).items.at(0).id;
  ASSERT_TRUE(status_of(set_->conversations().remove(me_, talk)).ok());
  ASSERT_TRUE(status_of(set_->settings().put(me_, "theme", "light")).ok());
  const auto done = bring(me_, rows);
  EXPECT_EQ(done.at("conversations").added, 1);
  EXPECT_EQ(done.at("messages").added, 4);
  EXPECT_EQ(ok(set_->settings().get(me_, "theme")), "light") << "what is there stays";
}

TEST_P(BringSuite, NoIdInAFileReachesARowOfAnybodyElse) {
  const std::string mine = conversation("mine").id;
  exchange(mine, "a question of mine", "an answer");
  const auto before = rows_of(me_.user_id);
  Rows forged;
  forged["conversations"] = {R"({"id":")" + mine + R"(","title":"stolen","archived":0,"created_at":1,"updated_at":1})"};
  forged["messages"] = {
      R"({"id":"m","conversation_id":")" + mine +
          R"(","position":99,"turn_id":"t","role":"user","content":"forged","status":"complete","created_at":1})",
      R"({"id":"m2","conversation_id":"nowhere","position":1,"turn_id":"t","role":"user","content":"lost","status":"complete","created_at":1})"};
  const auto done = bring(stranger_, forged);
  EXPECT_EQ(done.at("conversations").added, 1) << "one of the same name, and his own";
  EXPECT_EQ(done.at("messages").added, 1);
  EXPECT_EQ(done.at("messages").left_out, 1);
  EXPECT_EQ(rows_of(me_.user_id), before);
  EXPECT_EQ(contents(mine), (std::vector<std::string>{"a question of mine", "an answer"}));
  fails(Code::not_found, set_->conversations().get(stranger_, mine));
  // Nor into a workspace one is not in.
  Principal intruder = stranger_;
  intruder.workspace_id = me_.workspace_id;
  for (const bool dry_run : {true, false}) {
    fails(Code::not_found, persons().bring_in(intruder, "conversations", forged["conversations"], dry_run));
  }
  EXPECT_EQ(rows_of(me_.user_id), before);
}

TEST_P(BringSuite, ARowThatIsNotWhatAnExportHoldsIsRefusedWithAllOfItsPortion) {
  const std::string good = R"({"id":"c","title":"t","archived":0,"created_at":1,"updated_at":1})";
  const std::map<std::string, std::vector<std::string>> wrong{
      {"conversations",
       {"", "[]", "{", R"({"id":"c"})", R"({"id":5,"title":"t","archived":0,"created_at":1,"updated_at":1})",
        R"({"id":"c","title":null,"archived":0,"created_at":1,"updated_at":1})",
        R"({"id":"c","title":"t","archived":"0","created_at":1,"updated_at":1})",
        R"({"id":"c","title":"t","archived":0,"created_at":-1,"updated_at":1})",
        R"({"id":"c","title":"t","archived":0,"created_at":1e300,"updated_at":1})",
        R"({"id":"","title":"t","archived":0,"created_at":1,"updated_at":1})",
        R"({"id":")" + std::string(200, 'x') + R"(","title":"t","archived":0,"created_at":1,"updated_at":1})",
        R"({"id":"c","title":[[[[["deep"]]]]],"archived":0,"created_at":1,"updated_at":1})"}},
      {"messages",
       {R"({"id":"m","conversation_id":"c","position":1,"turn_id":"t","role":"system","content":"x","status":"complete","created_at":1})",
        R"({"id":"m","conversation_id":"c","position":1,"turn_id":"t","role":"user","content":"x","status":"odd","created_at":1})",
        R"({"id":"m","conversation_id":"c","position":1,"turn_id":"t","role":"user","content":"x","status":"complete","created_at":1,"parts":"{"})"}},
      {"tasks", {R"({"id":"k","title":"t","status":"odd","created_at":1})"}},
      {"memories", {R"({"id":"k","memory_date":"2026-02-30","summary":"s","created_at":1})"}},
      {"users", {R"({"id":"u"})"}},
      {"api_keys", {R"({"id":"u"})"}},
  };
  for (const auto& [table, lines] : wrong) {
    for (const std::string& line : lines) {
      std::vector<std::string> portion{line};
      if (table == "conversations") portion.insert(portion.begin(), good);
      for (const bool dry_run : {true, false}) {
        const auto tried = runner_.run(persons().bring_in(stranger_, table, portion, dry_run));
        ASSERT_FALSE(tried.ok()) << table << ": " << line.substr(0, 80);
        EXPECT_EQ(tried.error().code, Code::invalid_argument) << tried.error().message;
      }
    }
  }
  EXPECT_TRUE(rows_of(stranger_.user_id)["conversations"].empty());
}

}  // namespace librebird::testkit
