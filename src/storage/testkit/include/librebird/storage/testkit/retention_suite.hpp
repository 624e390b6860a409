#pragma once

// Part of store_suite.hpp: how long conversations are kept.

namespace librebird::testkit {

class RetentionSuite : public WorkspaceSuite {
 protected:
  static constexpr std::int64_t kDay = 86'400'000;
  RetentionStore& retention() { return set_->retention(); }
  void pass_days(std::int64_t days) { clock_.advance(Millis(days * kDay)); }
  std::string talk(const std::string& about) {
    const std::string id = conversation(about).id;
    exchange(id, about, "answer about " + about);
    return id;
  }
  std::vector<std::string> swept(int limit = 100) {
    std::vector<std::string> ids;
    for (const Conversation& gone : ok(retention().sweep(limit))) ids.push_back(gone.id);
    return ids;
  }
  void keep(RetentionRules rules) { ASSERT_TRUE(status_of(retention().set(me_, rules)).ok()); }
  bool is_there(const std::string& id) { return runner_.run(set_->conversations().get(me_, id)).ok(); }
};

TEST_P(RetentionSuite, NothingGoesUnlessSomebodySaysSo) {
  const std::string old = talk("old");
  pass_days(10'000);
  EXPECT_EQ(ok(retention().get(me_)), RetentionRules{});
  EXPECT_TRUE(swept().empty());
  EXPECT_TRUE(is_there(old));
}

TEST_P(RetentionSuite, WhatIsPastTheRuleGoesWithItsWords) {
  const std::string old = talk("walnut");
  pass_days(20);
  const std::string young = talk("almond");
  pass_days(11);
  EXPECT_EQ(ok(retention().count(me_, {30, 0})), 1);
  EXPECT_EQ(ok(retention().count(me_, {11, 0})), 1) << "not before the day is over";
  EXPECT_EQ(ok(retention().count(me_, {10, 0})), 2);
  EXPECT_TRUE(swept().empty()) << "counting sets nothing";
  keep({30, 0});
  EXPECT_EQ(ok(retention().get(me_)), (RetentionRules{30, 0}));
  EXPECT_EQ(swept(), std::vector{old});
  EXPECT_TRUE(swept().empty());
  EXPECT_FALSE(is_there(old));
  EXPECT_TRUE(found("walnut").empty());
  EXPECT_EQ(found("almond"), std::vector{young});
}

TEST_P(RetentionSuite, ANewMessageKeepsAConversationAndAnOpenTurnAsWell) {
  const std::string spoken = talk("spoken to");
  const std::string open = conversation("open").id;
  say(open, "still to be answered");
  pass_days(40);
  keep({30, 0});
  exchange(spoken, "still there?", "yes");
  EXPECT_TRUE(swept().empty());
  EXPECT_TRUE(is_there(open));
  const LeasedTurn leased = lease(open);
  ok(set_->turns().finish(leased.turn.id, "worker", TurnStatus::done, std::nullopt, answer_with("late")));
  pass_days(40);
  EXPECT_EQ(swept().size(), 2U);
}

TEST_P(RetentionSuite, TheArchiveHasARuleOfItsOwn) {
  const std::string plain = talk("plain");
  const std::string archived = talk("archived");
  ok(set_->conversations().update(me_, archived, std::nullopt, true));
  pass_days(100);
  keep({30, 0});
  EXPECT_EQ(swept(), std::vector{plain});
  EXPECT_TRUE(is_there(archived));
  keep({0, 90});
  EXPECT_EQ(swept(), std::vector{archived});
}

TEST_P(RetentionSuite, OneWorkspaceDoesNotRuleAnother) {
  const std::string mine = talk("mine");
  const std::string theirs = ok(set_->conversations().create(stranger_, "theirs")).id;
  const Principal member = join(Role::member);
  const std::string colleagues = ok(set_->conversations().create(member, "a colleague's")).id;
  pass_days(100);
  ASSERT_TRUE(status_of(retention().set(stranger_, {1, 1})).ok());
  EXPECT_EQ(swept(), std::vector{theirs});
  keep({1, 1});
  EXPECT_EQ(ok(retention().count(me_, {1, 1})), 2) << "those of all members";
  EXPECT_EQ(swept().size(), 2U);
  EXPECT_FALSE(is_there(mine));
  EXPECT_FALSE(runner_.run(set_->conversations().get(member, colleagues)).ok());
  EXPECT_EQ(ok(retention().get(stranger_)), (RetentionRules{1, 1}));
}

TEST_P(RetentionSuite, OnlyWhoRunsTheWorkspaceSetsIt) {
  const Principal admin = join(Role::admin);
  const Principal member = join(Role::member);
  const Principal guest = join(Role::guest);
  EXPECT_TRUE(status_of(retention().set(admin, {7, 7})).ok());
  for (const Principal& who : {member, guest}) {
    fails_status(Code::permission_denied, retention().set(who, {1, 1}));
    fails(Code::permission_denied, retention().count(who, {1, 1}));
    EXPECT_EQ(ok(retention().get(who)), (RetentionRules{7, 7}));
  }
  Principal outsider = stranger_;
  outsider.workspace_id = me_.workspace_id;
  outsider.role = Role::owner;
  fails_status(Code::not_found, retention().set(outsider, {1, 1}));
  fails(Code::not_found, retention().get(outsider));
  for (const std::int64_t days : {std::int64_t{-1}, kMostRetentionDays + 1, std::int64_t{INT64_MAX}}) {
    fails_status(Code::invalid_argument, retention().set(me_, {days, 0}));
    fails_status(Code::invalid_argument, retention().set(me_, {0, days}));
    fails(Code::invalid_argument, retention().count(me_, {days, 0}));
  }
  EXPECT_EQ(ok(retention().get(me_)), (RetentionRules{7, 7}));
}

TEST_P(RetentionSuite, GoesInSmallPortionsTheOldestFirstAndIsOnRecord) {
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) {
    ids.push_back(talk("number " + std::to_string(i)));
    pass_days(1);
  }
  pass_days(30);
  keep({10, 10});
  EXPECT_EQ(swept(2), (std::vector{ids[0], ids[1]}));
  EXPECT_EQ(swept(2), (std::vector{ids[2], ids[3]}));
  EXPECT_EQ(swept(2), std::vector{ids[4]});
  std::vector<std::string> details;
  for (const AuditRecord& row : ok(set_->audit().read(me_.workspace_id, 0, 1000))) {
    if (row.subject == "retention") details.push_back(row.detail);
  }
  EXPECT_EQ(details, (std::vector<std::string>{"conversations are kept 10 days, archived ones 10 days",
                                               "2 conversations were deleted because of their age",
                                               "2 conversations were deleted because of their age",
                                               "1 conversations were deleted because of their age"}));
}

}  // namespace librebird::testkit
