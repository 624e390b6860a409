#pragma once

// Part of the stores' conformance suite: modes, questions, standing answers and quotas. Included by store_suite.hpp.

#include <librebird/storage/testkit/store_suite.hpp>

namespace librebird::testkit {

inline Approval question(const Principal& principal, std::string id, std::string call_id, UnixMillis now) {
  Approval asked;
  asked.id = std::move(id);
  asked.principal = principal;
  asked.turn_id = "turn";
  asked.skill = "core";
  asked.call = {std::move(call_id), "get_weather", R"({"location":"S\u00e3o \"Paulo\""})"};
  asked.use.network = true;
  asked.use.writes = true;
  asked.use.hosts = {"wttr.in", "*"};
  asked.use.program = "git";
  asked.use.only_once = "a reason";
  asked.reason = "get_weather reaches wttr.in";
  asked.created_at = now;
  asked.expires_at = now + 300'000;
  return asked;
}

TEST_P(StoreSuite, AQuestionIsKeptExactlyAndAnsweredOnce) {
  const Approval asked = question(me_, ids_.next(), "call", clock_.unix_now());
  ok(set_->approvals().add(asked));
  EXPECT_EQ(ok(set_->approvals().get(me_, asked.id)), asked);
  clock_.advance(Millis(1000));
  Principal other_device = me_;
  other_device.credential_id = "phone";
  const Approval answered = ok(set_->approvals().decide(other_device, asked.id, ApprovalDecision::once, {}));
  EXPECT_EQ(answered.state, ApprovalState::granted);
  EXPECT_EQ(answered.decision, ApprovalDecision::once);
  EXPECT_EQ(answered.decided_by, "phone");
  EXPECT_EQ(answered.decided_at, clock_.unix_now());
  fails(Code::failed_precondition, set_->approvals().decide(me_, asked.id, ApprovalDecision::deny, {}));
  EXPECT_EQ(ok(set_->approvals().close(asked.id, ApprovalState::withdrawn)).state, ApprovalState::granted);
  EXPECT_TRUE(ok(set_->approvals().list(me_, true, 10)).empty());
  EXPECT_EQ(ok(set_->approvals().list(me_, false, 10)).size(), 1U);
}

TEST_P(StoreSuite, AQuestionIsNobodyElses) {
  const Approval asked = question(me_, ids_.next(), "call", clock_.unix_now());
  ok(set_->approvals().add(asked));
  fails(Code::not_found, set_->approvals().get(stranger_, asked.id));
  fails(Code::not_found, set_->approvals().decide(stranger_, asked.id, ApprovalDecision::always, {}));
  fails(Code::not_found, set_->approvals().decide(me_, "absent", ApprovalDecision::once, {}));
  fails(Code::not_found, set_->approvals().close("absent", ApprovalState::expired));
  EXPECT_TRUE(ok(set_->approvals().list(stranger_, false, 10)).empty());
  EXPECT_FALSE(ok(set_->approvals().standing(stranger_, "", "core", asked.call)).asked);
  EXPECT_TRUE(ok(set_->approvals().list_grants(stranger_)).empty());
  EXPECT_EQ(ok(set_->approvals().get(me_, asked.id)).state, ApprovalState::open);
}

TEST_P(StoreSuite, ALateAnswerCountsForNothing) {
  const Approval asked = question(me_, ids_.next(), "call", clock_.unix_now());
  ok(set_->approvals().add(asked));
  EXPECT_EQ(ok(set_->approvals().list(me_, true, 10)).size(), 1U);
  clock_.advance(Millis(300'000));
  EXPECT_TRUE(ok(set_->approvals().list(me_, true, 10)).empty());
  EXPECT_EQ(ok(set_->approvals().standing(me_, "", "core", asked.call)).open, 0U);
  Grant grant{"", "", "", "core", "get_weather", "wttr.in", "", 0};
  fails(Code::failed_precondition, set_->approvals().decide(me_, asked.id, ApprovalDecision::always, {grant}));
  EXPECT_TRUE(ok(set_->approvals().list_grants(me_)).empty());
  EXPECT_EQ(ok(set_->approvals().close(asked.id, ApprovalState::expired)).state, ApprovalState::expired);
}

TEST_P(StoreSuite, ACallHasOneOpenQuestionAndTheNewestCounts) {
  const Approval first = question(me_, ids_.next(), "call", clock_.unix_now());
  ok(set_->approvals().add(first));
  EXPECT_FALSE(run(set_->approvals().add(question(me_, ids_.next(), "call", clock_.unix_now()))).ok());
  ok(set_->approvals().close(first.id, ApprovalState::withdrawn));
  clock_.advance(Millis(5));
  const Approval second = question(me_, ids_.next(), "call", clock_.unix_now());
  ok(set_->approvals().add(second));
  // Somebody else's call may carry the same id.
  ok(set_->approvals().add(question(stranger_, ids_.next(), "call", clock_.unix_now())));
  const auto standing = ok(set_->approvals().standing(me_, "", "core", second.call));
  ASSERT_TRUE(standing.asked);
  EXPECT_EQ(standing.asked->id, second.id);
  EXPECT_EQ(standing.open, 1U);
}

TEST_P(StoreSuite, GrantsAreListedCountedOnceAndRevoked) {
  const std::vector<Grant> grants = {{"", "", "", "core", "get_weather", "wttr.in", "", 0},
                                     {"", "", "", "core", "get_weather", "b.example", "", 0}};
  for (const char* call : {"one", "two"}) {
    const Approval asked = question(me_, ids_.next(), call, clock_.unix_now());
    ok(set_->approvals().add(asked));
    ok(set_->approvals().decide(me_, asked.id, ApprovalDecision::always, grants));
  }
  const auto kept = ok(set_->approvals().list_grants(me_));
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].host, "b.example");
  EXPECT_EQ(kept[0].user_id, me_.user_id);
  EXPECT_EQ(ok(set_->approvals().standing(me_, "", "core", {"c", "get_weather", "{}"})).grants.size(), 2U);
  // Another skill with a tool of that name inherits nothing.
  EXPECT_TRUE(ok(set_->approvals().standing(me_, "", "evil", {"c", "get_weather", "{}"})).grants.empty());
  EXPECT_TRUE(ok(set_->approvals().standing(stranger_, "", "core", {"c", "get_weather", "{}"})).grants.empty());
  fails(Code::not_found, set_->approvals().revoke_grant(stranger_, kept[0].id));
  ok(set_->approvals().revoke_grant(me_, kept[0].id));
  fails(Code::not_found, set_->approvals().revoke_grant(me_, kept[0].id));
  EXPECT_EQ(ok(set_->approvals().list_grants(me_)).size(), 1U);
}

TEST_P(StoreSuite, ModesOfAWorkspaceAndItsConversations) {
  const std::string id = conversation().id;
  EXPECT_EQ(ok(set_->approvals().get_mode(me_, id)), ToolMode{});
  ok(set_->approvals().set_workspace_mode(me_, ApprovalMode::read_only));
  ok(set_->approvals().set_workspace_mode(me_, ApprovalMode::ask));
  ok(set_->approvals().set_conversation_mode(me_, id, ApprovalMode::automatic));
  const auto standing = ok(set_->approvals().standing(me_, id, "core", {}));
  EXPECT_EQ(standing.workspace, ApprovalMode::ask);
  EXPECT_EQ(standing.conversation, ApprovalMode::automatic);
  EXPECT_EQ(ok(set_->approvals().get_mode(me_, "")).conversation, std::nullopt);
  // Another's conversation gives no mode and takes none.
  EXPECT_EQ(ok(set_->approvals().standing(stranger_, id, "core", {})).conversation, std::nullopt);
  fails(Code::not_found, set_->approvals().get_mode(stranger_, id));
  fails(Code::not_found, set_->approvals().set_conversation_mode(stranger_, id, ApprovalMode::automatic));
  fails(Code::not_found, set_->approvals().set_conversation_mode(me_, "absent", ApprovalMode::ask));
  ok(set_->approvals().set_conversation_mode(me_, id, std::nullopt));
  ok(set_->approvals().set_workspace_mode(me_, std::nullopt));
  EXPECT_EQ(ok(set_->approvals().get_mode(me_, id)), ToolMode{});
}

TEST_P(StoreSuite, ADeletedConversationTakesItsModeAndArgumentsAlong) {
  const std::string id = conversation().id;
  ok(set_->approvals().set_conversation_mode(me_, id, ApprovalMode::automatic));
  Approval asked = question(me_, ids_.next(), "call", clock_.unix_now());
  asked.conversation_id = id;
  ok(set_->approvals().add(asked));
  ok(set_->conversations().remove(me_, id));
  EXPECT_EQ(ok(set_->approvals().get(me_, asked.id)).call.arguments_json, "{}");
  EXPECT_EQ(ok(set_->approvals().standing(me_, id, "core", asked.call)).conversation, std::nullopt);
}

TEST_P(StoreSuite, QuotasAddUpAndForgetOldWindows) {
  const UnixMillis now = clock_.unix_now();
  const QuotaUse hour{
      QuotaScope::user, "w/u", QuotaWindow::hour, window_start(QuotaWindow::hour, now), {1, 20, 30, 40}};
  const QuotaUse day{QuotaScope::workspace, "w", QuotaWindow::day, window_start(QuotaWindow::day, now), {1, 2, 3, 4}};
  EXPECT_EQ(ok(set_->quotas().read({hour}))[0].used, ToolUsage{});
  EXPECT_EQ(ok(set_->quotas().add({hour, day}))[0].used, (ToolUsage{1, 20, 30, 40}));
  EXPECT_EQ(ok(set_->quotas().add({hour}))[0].used, (ToolUsage{2, 40, 60, 80}));
  const auto read = ok(set_->quotas().read({hour, day}));
  EXPECT_EQ(read[0].used, (ToolUsage{2, 40, 60, 80}));
  EXPECT_EQ(read[1].used, (ToolUsage{1, 2, 3, 4}));
  QuotaUse other = hour;
  other.scope = QuotaScope::workspace;
  EXPECT_EQ(ok(set_->quotas().read({other}))[0].used, ToolUsage{});
  clock_.advance(Millis(4 * 86'400'000LL));
  ok(set_->quotas().add({other}));
  EXPECT_EQ(ok(set_->quotas().read({hour}))[0].used, ToolUsage{});
}

}  // namespace librebird::testkit
