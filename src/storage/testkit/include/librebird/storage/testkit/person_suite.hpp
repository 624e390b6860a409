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

}  // namespace librebird::testkit
