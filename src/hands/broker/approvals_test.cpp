#include "approvals.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/memory_approvals.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gtest/gtest.h>

namespace librebird::hands {
namespace {

class ApprovalsTest : public testing::Test {
 protected:
  ApprovalsTest() {
    tool_.name = "send_mail";
    tool_.skill = "mail";
    tool_.writes = true;
    tool_.network = {"smtp.example"};
    request_.call = {"call", "send_mail", R"({"to":"a@b.example"})"};
    request_.principal = me_;
    request_.conversation_id = "conversation";
    observer_.approval = [this](const Approval& approval) {
      told_.push_back(approval);
      if (approval.state == ApprovalState::open && on_question_) on_question_(approval);
    };
  }

  // The call's road through the stage; `on_question_` acts in between.
  Result<policy::Decision> pass() {
    Result<policy::Decision> result = make_error(Code::internal, "did not end");
    Scope scope(loop_.executor());
    scope.spawn(keep(result), "pass");
    (void)testkit::run_on(loop_, settle(scope));
    return result;
  }
  void answer(std::string id, ApprovalDecision decision) { answers_.spawn(give(std::move(id), decision), "answer"); }
  void answer_with(ApprovalDecision decision) {
    on_question_ = [this, decision](const Approval& asked) { answer(asked.id, decision); };
  }
  [[nodiscard]] const Approval& kept() const { return store_.approvals.back(); }

  Loop loop_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  testkit::MemoryApprovalStore store_{clock_};
  testkit::MemoryAuditStore audit_;
  Approvals approvals_{loop_.executor(),
                       clock_,
                       ids_,
                       store_,
                       audit_,
                       {.mode = ApprovalMode::ask, .expiry = Millis(60'000), .open_per_user = 3, .look = Millis(5)}};
  Principal me_{"me", "w", Role::member, "laptop"};
  ToolSpec tool_;
  ToolRequest request_;
  ToolObserver observer_;
  std::stop_source stop_;
  std::vector<Approval> told_;
  std::function<void(const Approval&)> on_question_;
  Scope answers_{loop_.executor()};
  Result<Approval> answered_ = make_error(Code::internal, "not answered");
  Principal answering_ = {"me", "w", Role::member, "phone"};

 private:
  Task<void> keep(Result<policy::Decision>& out) {
    out = co_await approvals_.pass(tool_, request_, observer_, stop_.get_token());
  }
  Task<void> give(std::string id, ApprovalDecision decision) {
    answered_ = co_await approvals_.decide(answering_, std::move(id), decision);
  }
  Task<Status> settle(Scope& scope) {
    co_await scope.join();
    co_await answers_.join();
    co_return Ok{};
  }
};

TEST_F(ApprovalsTest, OnceRunsThisCallAndNothingElse) {
  answer_with(ApprovalDecision::once);
  ASSERT_TRUE(pass().value());
  ASSERT_EQ(told_.size(), 2U);
  EXPECT_EQ(told_[0].state, ApprovalState::open);
  EXPECT_EQ(told_[0].call, request_.call);
  EXPECT_EQ(told_[0].expires_at, clock_.unix_now() + 60'000);
  EXPECT_EQ(told_[0].use.hosts, std::vector<std::string>{"smtp.example"});
  EXPECT_EQ(told_[1].state, ApprovalState::granted);
  EXPECT_EQ(kept().decided_by, "phone");
  EXPECT_TRUE(store_.grants.empty());
  request_.call.id = "another";
  answer_with(ApprovalDecision::deny);
  const auto second = pass();
  EXPECT_FALSE(second.value());
  EXPECT_NE(second->reason.find("said no"), std::string::npos);
}

TEST_F(ApprovalsTest, QuestionsAndAnswersAreAuditedWithoutTheirArguments) {
  answer_with(ApprovalDecision::always);
  ASSERT_TRUE(pass().value());
  ASSERT_EQ(audit_.events.size(), 2U);
  EXPECT_EQ(audit_.events[0].kind, AuditKind::approval_requested);
  EXPECT_EQ(audit_.events[1].kind, AuditKind::approval_decided);
  EXPECT_EQ(audit_.events[1].principal.credential_id, "phone");
  EXPECT_EQ(audit_.events[1].detail, "always: changes something and reaches smtp.example");
  for (const AuditEvent& event : audit_.events) EXPECT_EQ(event.detail.find("a@b.example"), std::string::npos);
  ASSERT_TRUE(testkit::run_on(loop_, approvals_.set_mode(me_, "conversation", ApprovalMode::read_only)));
  EXPECT_EQ(audit_.events.back().kind, AuditKind::policy);
  // What cannot be put on record is not asked.
  audit_.broken = true;
  store_.grants.clear();
  store_.conversations.clear();
  request_.call.id = "unrecorded";
  EXPECT_EQ(pass().error().code, Code::unavailable);
  EXPECT_EQ(told_.size(), 2U);
}

TEST_F(ApprovalsTest, AlwaysHoldsForToolAndHostUntilRevoked) {
  answer_with(ApprovalDecision::always);
  ASSERT_TRUE(pass().value());
  on_question_ = nullptr;
  request_.call.id = "second";
  told_.clear();
  EXPECT_TRUE(pass().value());
  EXPECT_TRUE(told_.empty());
  // Another host is another question.
  tool_.network = {"evil.example"};
  request_.call.id = "third";
  answer_with(ApprovalDecision::deny);
  EXPECT_FALSE(pass().value());
  tool_.network = {"smtp.example"};
  ASSERT_TRUE(testkit::run_on(loop_, approvals_.revoke_grant(me_, store_.grants[0].id)));
  request_.call.id = "fourth";
  EXPECT_FALSE(pass().value());
}

TEST_F(ApprovalsTest, ShellTextHasNoAlways) {
  request_.call.arguments_json = R"({"command":"git status"})";
  on_question_ = [this](const Approval& asked) {
    EXPECT_NE(asked.use.only_once, "");
    answer(asked.id, ApprovalDecision::always);
    loop_.post([this, id = asked.id] { answer(id, ApprovalDecision::once); });
  };
  EXPECT_TRUE(pass().value());
  EXPECT_TRUE(store_.grants.empty());
  EXPECT_EQ(kept().decision, ApprovalDecision::once);
}

TEST_F(ApprovalsTest, NobodyAnswersIsNo) {
  on_question_ = [this](const Approval&) { clock_.advance(Millis(60'000)); };
  const auto passed = pass();
  EXPECT_FALSE(passed.value());
  EXPECT_NE(passed->reason.find("To allow it"), std::string::npos);
  EXPECT_EQ(told_.back().state, ApprovalState::expired);
  EXPECT_EQ(kept().state, ApprovalState::expired);
}

TEST_F(ApprovalsTest, NobodyToAskIsNo) {
  observer_.approval = nullptr;
  const auto passed = pass();
  EXPECT_FALSE(passed.value());
  EXPECT_NE(passed->reason.find("nobody to ask"), std::string::npos);
  EXPECT_TRUE(store_.approvals.empty());
}

TEST_F(ApprovalsTest, TheStopWithdrawsTheQuestion) {
  on_question_ = [this](const Approval&) { stop_.request_stop(); };
  EXPECT_EQ(pass().error().code, Code::cancelled);
  EXPECT_EQ(kept().state, ApprovalState::withdrawn);
  EXPECT_EQ(told_.back().state, ApprovalState::withdrawn);
  answer(kept().id, ApprovalDecision::once);
  (void)testkit::run_on(loop_, approvals_.list(me_, false, 1));
  EXPECT_EQ(answered_.error().code, Code::failed_precondition);
}

TEST_F(ApprovalsTest, AnAnswerByAnotherProcessIsSeen) {
  on_question_ = [this](const Approval&) { store_.approvals.back().state = ApprovalState::granted; };
  EXPECT_TRUE(pass().value());
}

TEST_F(ApprovalsTest, AnswersOfOthersDoNotCount) {
  answering_ = {"stranger", "w", Role::owner, ""};
  on_question_ = [this](const Approval& asked) {
    answer(asked.id, ApprovalDecision::once);
    clock_.advance(Millis(60'000));
  };
  EXPECT_FALSE(pass().value());
  EXPECT_EQ(answered_.error().code, Code::not_found);
  request_.call.id = "guest";
  answering_ = {"me", "w", Role::guest, ""};
  EXPECT_FALSE(pass().value());
  EXPECT_EQ(answered_.error().code, Code::permission_denied);
}

TEST_F(ApprovalsTest, TheModesDecide) {
  store_.conversations["conversation"] = ApprovalMode::automatic;
  EXPECT_TRUE(pass().value());
  store_.workspace = ApprovalMode::read_only;
  EXPECT_FALSE(pass().value());
  request_.mode = ApprovalMode::automatic;  // what is asked for does not loosen it either
  EXPECT_FALSE(pass().value());
  store_.workspace.reset();
  store_.conversations.clear();
  EXPECT_TRUE(pass().value());
  request_.mode = ApprovalMode::read_only;
  EXPECT_FALSE(pass().value());
  EXPECT_TRUE(store_.approvals.empty());
}

TEST_F(ApprovalsTest, QuestionsAreBounded) {
  for (int i = 0; i < 3; ++i) {
    Approval open;
    open.id = std::to_string(i);
    open.principal = me_;
    open.call.id = "other" + open.id;
    open.expires_at = clock_.unix_now() + 1000;
    store_.approvals.push_back(open);
  }
  EXPECT_EQ(pass().error().code, Code::resource_exhausted);
}

TEST_F(ApprovalsTest, AQuestionThatCannotBeKeptIsNotAsked) {
  store_.broken = true;
  EXPECT_EQ(pass().error().code, Code::unavailable);
  EXPECT_TRUE(told_.empty());
}

// What a restart finds.
TEST_F(ApprovalsTest, AnOpenQuestionIsTakenUpAgain) {
  answer_with(ApprovalDecision::once);
  ASSERT_TRUE(pass().value());
  store_.approvals[0].state = ApprovalState::open;  // as a killed process leaves it
  store_.approvals[0].decision.reset();
  told_.clear();
  request_.resumed = true;
  EXPECT_TRUE(pass().value());
  ASSERT_EQ(store_.approvals.size(), 1U);
  EXPECT_EQ(told_[0].id, store_.approvals[0].id);
}

TEST_F(ApprovalsTest, WhatWasAnsweredMeanwhileIsNotAskedAgain) {
  answer_with(ApprovalDecision::once);
  ASSERT_TRUE(pass().value());
  told_.clear();
  on_question_ = nullptr;
  request_.resumed = true;
  EXPECT_TRUE(pass().value());
  store_.approvals[0].state = ApprovalState::denied;
  EXPECT_FALSE(pass().value());
  store_.approvals[0].state = ApprovalState::expired;
  EXPECT_FALSE(pass().value());
  EXPECT_TRUE(told_.empty());
}

TEST_F(ApprovalsTest, AWithdrawnQuestionIsAskedAnew) {
  on_question_ = [this](const Approval&) { stop_.request_stop(); };
  EXPECT_FALSE(pass().ok());
  stop_ = std::stop_source();
  answer_with(ApprovalDecision::once);
  request_.resumed = true;
  EXPECT_TRUE(pass().value());
  EXPECT_EQ(store_.approvals.size(), 2U);
}

TEST_F(ApprovalsTest, AnAnswerIsForTheExactArguments) {
  answer_with(ApprovalDecision::once);
  ASSERT_TRUE(pass().value());
  request_.call.arguments_json = R"({"to":"evil@example"})";
  answer_with(ApprovalDecision::deny);
  EXPECT_FALSE(pass().value());
  EXPECT_EQ(store_.approvals.size(), 2U);
}

TEST_F(ApprovalsTest, WhatMayHaveRunIsNotRunAgain) {
  request_.resumed = true;
  EXPECT_EQ(pass().error().code, Code::already_exists);
  tool_.writes = false;
  tool_.network.clear();
  EXPECT_EQ(pass().error().code, Code::already_exists);  // not idempotent, and never asked about
  tool_.idempotent = true;
  EXPECT_TRUE(pass().value());
}

}  // namespace
}  // namespace librebird::hands
