#pragma once

// Part of store_suite.hpp: what is used, and the limits.

namespace librebird::testkit {

class UsageSuite : public WorkspaceSuite {
 protected:
  UsageStore& usage() { return set_->usage(); }
  Result<Accepted> ask(const Principal& who, const std::string& conversation_id, const UsageRules& rules = {}) {
    AcceptMessage message;
    message.conversation_id = conversation_id;
    message.content = "12345678";
    message.client_message_id = ids_.next();
    message.limits = rules;
    return run(set_->turns().accept(who, message));
  }
  Task<void> race_one(Principal who, AcceptMessage message, int& passed, int& refused) {
    const auto asked = co_await set_->turns().accept(std::move(who), std::move(message));
    if (asked) {
      ++passed;
    } else if (asked.error().code == Code::resource_exhausted) {
      ++refused;
    } else {
      ADD_FAILURE() << asked.error().message;
    }
  }
  Task<Status> race(std::vector<std::pair<Principal, std::string>> talks, UsageRules rules, int& passed, int& refused) {
    Scope scope(runner_.loop().executor());
    for (const auto& [who, talk] : talks) {
      AcceptMessage message;
      message.conversation_id = talk;
      message.content = "me first";
      message.client_message_id = ids_.next();
      message.limits = rules;
      scope.spawn(race_one(who, std::move(message), passed, refused), "racer");
    }
    co_await scope.join();
    co_return Ok{};
  }
  std::string talk_of(const Principal& who) { return ok(set_->conversations().create(who, "")).id; }
  static UsageLimits messages(std::int64_t many) { return {.messages_a_day = many}; }
  void is_refused(const Result<Accepted>& asked, const std::string& words) {
    ASSERT_FALSE(asked.ok());
    EXPECT_EQ(asked.error().code, Code::resource_exhausted) << asked.error().message;
    EXPECT_NE(asked.error().message.find(words), std::string::npos) << asked.error().message;
    EXPECT_FALSE(asked.error().retryable) << "a client must not try by itself until tomorrow";
    EXPECT_GT(asked.error().retry_after.count(), 0);
    EXPECT_LE(asked.error().retry_after.count(), 31LL * 86'400'000);
    ASSERT_TRUE(asked.error().limit) << "programs are told as well";
    EXPECT_GE(asked.error().limit->used, asked.error().limit->limit);
    EXPECT_EQ(asked.error().limit->resets_at, clock_.unix_now() + asked.error().retry_after.count());
  }
};

TEST_P(UsageSuite, MessagesAreCountedAndTheNextDayBeginsAnew) {
  const UsageRules rules{.user = messages(2)};
  const std::string talk = talk_of(me_);
  ASSERT_TRUE(ask(me_, talk, rules).ok());
  ASSERT_TRUE(ask(me_, talk, rules).ok());
  const std::size_t kept = contents(talk).size();
  is_refused(ask(me_, talk, rules), "You have used 2 of 2 messages of today");
  EXPECT_EQ(contents(talk).size(), kept) << "what was refused left nothing";
  const UsageReport report = ok(usage().mine(me_, rules));
  EXPECT_EQ(report.used.messages_today, 2) << "what was refused is not counted";
  ASSERT_EQ(report.lines.size(), 1U);
  EXPECT_EQ(report.lines[0].used, 2);
  EXPECT_EQ(report.lines[0].resets_at % 86'400'000, 0);
  ASSERT_TRUE(ask(stranger_, talk_of(stranger_), rules).ok()) << "another has his own";
  clock_.advance(Millis(86'400'000));
  EXPECT_TRUE(ask(me_, talk, rules).ok());
}

TEST_P(UsageSuite, TheSameMessageAgainIsNotCounted) {
  const UsageRules rules{.user = messages(1)};
  AcceptMessage message;
  message.conversation_id = talk_of(me_);
  message.content = "once";
  message.client_message_id = ids_.next();
  message.limits = rules;
  const Accepted first = ok(set_->turns().accept(me_, message));
  const Accepted again = ok(set_->turns().accept(me_, message));
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.turn.id, first.turn.id);
}

TEST_P(UsageSuite, DeletingGivesNothingBack) {
  const UsageRules rules{.user = messages(2)};
  Principal there = me_;
  there.workspace_id = ok(workspaces().create(me_, "Another")).workspace.id;
  const std::string talk = talk_of(there);
  ASSERT_TRUE(ask(there, talk, rules).ok());
  ASSERT_TRUE(ask(me_, talk_of(me_), rules).ok());
  is_refused(ask(there, talk, rules), "You have used 2 of 2");
  ASSERT_TRUE(status_of(set_->conversations().remove(there, talk)).ok());
  ASSERT_TRUE(status_of(workspaces().remove(there)).ok());
  is_refused(ask(me_, talk_of(me_), rules), "You have used 2 of 2");
}

TEST_P(UsageSuite, TokensAndMoneyOfAFinishedTurnCount) {
  const UsageRules rules{.user = {.tokens_a_day = 100}, .workspace = {.cost_a_month = 50}};
  const std::string talk = talk_of(me_);
  ASSERT_TRUE(ask(me_, talk, rules).ok());
  ok(set_->turns().finish(lease(talk).turn.id, "worker", TurnStatus::done, std::nullopt, answer_with("a"), {100, 20}));
  is_refused(ask(me_, talk, rules), "You have used 100 of 100 tokens of today");
  clock_.advance(Millis(86'400'000));
  ASSERT_TRUE(ask(me_, talk, rules).ok());
  ok(set_->turns().finish(lease(talk).turn.id, "worker", TurnStatus::failed, std::nullopt, std::nullopt, {1, 30}));
  is_refused(ask(me_, talk, rules), "This workspace has used 50 of 50 millionths");
  const UsageReport report = ok(usage().mine(me_, rules));
  EXPECT_EQ(report.used.tokens_this_month, 101);
  EXPECT_EQ(report.used.cost_this_month, 50);
  clock_.advance(Millis(31LL * 86'400'000));
  EXPECT_TRUE(ask(me_, talk, rules).ok());
}

TEST_P(UsageSuite, AWorkspaceIsAllItsMembers) {
  const Principal member = join(Role::member);
  ASSERT_TRUE(status_of(usage().limit_workspace(me_, messages(2))).ok());
  ASSERT_TRUE(ask(me_, talk_of(me_)).ok());
  ASSERT_TRUE(ask(member, talk_of(member)).ok()) << "in a conversation that the other cannot see";
  is_refused(ask(me_, talk_of(me_)), "This workspace has used 2 of 2 messages of today (UTC); the count starts anew");
  is_refused(ask(member, talk_of(member)), "An admin of the workspace can raise the limit.");
  const WorkspaceUsage whole = ok(usage().of_workspace(me_, {}));
  EXPECT_EQ(whole.report.used.messages_today, 2);
  EXPECT_EQ(whole.own.messages_a_day, 2);
  ASSERT_EQ(whole.members.size(), 2U);
  EXPECT_EQ(whole.members[1].used.messages_today, 1);
  ASSERT_TRUE(status_of(usage().limit_workspace(me_, {})).ok());
  EXPECT_TRUE(ask(member, talk_of(member)).ok());
}

TEST_P(UsageSuite, AMemberIsLimitedByThoseAbove) {
  const Principal admin = join(Role::admin);
  const Principal member = join(Role::member);
  ASSERT_TRUE(status_of(usage().limit_member(admin, member.user_id, messages(1))).ok());
  ASSERT_TRUE(ask(member, talk_of(member)).ok());
  is_refused(ask(member, talk_of(member)), "as a member of this workspace, have used 1 of 1");
  ASSERT_TRUE(ask(admin, talk_of(admin)).ok());
  for (const std::string& target : {admin.user_id, me_.user_id}) {
    fails_status(Code::permission_denied, usage().limit_member(admin, target, messages(9)));
  }
  fails_status(Code::permission_denied, usage().limit_member(member, member.user_id, {}));
  fails_status(Code::permission_denied, usage().limit_workspace(member, {}));
  fails(Code::permission_denied, usage().of_workspace(member, {}));
  fails_status(Code::not_found, usage().limit_member(me_, stranger_.user_id, messages(1)));
  Principal intruder = stranger_;
  intruder.workspace_id = me_.workspace_id;
  fails_status(Code::not_found, usage().limit_workspace(intruder, {}));
  fails_status(Code::not_found, usage().limit_member(intruder, member.user_id, {}));
  fails(Code::not_found, usage().of_workspace(intruder, {}));
  fails(Code::not_found, usage().mine(intruder, {}));
}

TEST_P(UsageSuite, NobodyLiftsTheOperatorsLimit) {
  const UsageRules rules{.workspace = messages(1)};
  ASSERT_TRUE(status_of(usage().limit_workspace(me_, messages(1'000))).ok());
  const std::string talk = talk_of(me_);
  ASSERT_TRUE(ask(me_, talk, rules).ok());
  is_refused(ask(me_, talk, rules), "The operator of this installation can raise the limit.");
  ASSERT_TRUE(status_of(usage().set_operator_limits(me_, me_.workspace_id, "", messages(2))).ok());
  ASSERT_TRUE(ask(me_, talk, rules).ok());
  is_refused(ask(me_, talk, rules), "2 of 2");
  ASSERT_TRUE(status_of(usage().set_operator_limits(me_, me_.workspace_id, "", UsageLimits{})).ok());
  ASSERT_TRUE(ask(me_, talk, rules).ok()) << "no limit at all";
  ASSERT_TRUE(status_of(usage().set_operator_limits(me_, me_.workspace_id, "", std::nullopt)).ok());
  is_refused(ask(me_, talk, rules), "of 1 ");
  EXPECT_EQ(ok(usage().operator_limits(me_.workspace_id, "")), std::nullopt);
  fails_status(Code::not_found, usage().set_operator_limits(me_, "", "nobody", messages(1)));
  fails_status(Code::invalid_argument, usage().set_operator_limits(me_, "", "", messages(1)));
}

TEST_P(UsageSuite, StorageIsWhatConversationsHold) {
  const UsageRules rules{.workspace = {.bytes = 20}};
  const std::string talk = talk_of(me_);
  ASSERT_TRUE(ask(me_, talk).ok());
  ok(set_->turns().finish(lease(talk).turn.id, "worker", TurnStatus::done, std::nullopt, answer_with("1234"), {}));
  const std::int64_t held = ok(usage().of_workspace(me_, rules)).report.used.bytes;
  EXPECT_GE(held, 12);
  EXPECT_TRUE(status_of(usage().may_store(me_, {.workspace = {.bytes = held + 8}}, 8)).ok());
  fails_status(Code::too_large, usage().may_store(me_, {.workspace = {.bytes = held + 7}}, 8));
  const Result<Accepted> refused = ask(me_, talk, {.workspace = {.bytes = held + 7}});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::too_large);
  EXPECT_NE(refused.error().message.find("delete conversations to make room"), std::string::npos);
  EXPECT_EQ(ok(usage().of_workspace(me_, rules)).report.used.bytes, held) << "what was refused left nothing";
  EXPECT_TRUE(ask(me_, talk, {.workspace = {.bytes = held + 8}}).ok());
  ASSERT_TRUE(status_of(set_->conversations().remove(me_, talk)).ok());
  EXPECT_EQ(ok(usage().of_workspace(me_, rules)).report.used.bytes, 0);
}

TEST_P(UsageSuite, CallsBesideConversationsCountToo) {
  const UsageRules rules{.user = {.messages_a_day = 2, .tokens_a_day = 10}};
  const std::string id = ids_.next();
  ASSERT_TRUE(status_of(usage().begin(me_, id, rules)).ok());
  ASSERT_TRUE(status_of(usage().end(id, {4, 1})).ok());
  ASSERT_TRUE(ask(me_, talk_of(me_), rules).ok());
  fails_status(Code::resource_exhausted, usage().begin(me_, ids_.next(), rules));
  EXPECT_EQ(ok(usage().mine(me_, rules)).used, (UsageTotals{2, 4, 4, 1, 8}));
  EXPECT_EQ(ok(usage().prune()), 0);
  clock_.advance(Millis(31LL * 86'400'000));
  EXPECT_EQ(ok(usage().prune()), 2);
}

// One user in two workspaces, all at once: as many pass as the limit says.
TEST_P(UsageSuite, RacingPassesNoLimit) {
  const UsageRules rules{.user = messages(5)};
  std::vector<std::pair<Principal, std::string>> talks;
  for (int i = 0; i < 4; ++i) {
    Principal there = me_;
    if (i > 0) there.workspace_id = ok(workspaces().create(me_, "Another")).workspace.id;
    for (int j = 0; j < 4; ++j) talks.emplace_back(there, talk_of(there));
  }
  int passed = 0;
  int refused = 0;
  ok(race(talks, rules, passed, refused));
  EXPECT_EQ(passed, 5);
  EXPECT_EQ(refused, 11);
}

}  // namespace librebird::testkit
