#include <librebird/core/policy/approvals.hpp>

#include <gtest/gtest.h>

namespace librebird::policy {
namespace {

ToolUse weather() {
  ToolUse use;
  use.network = true;
  use.hosts = {"wttr.in"};
  return use;
}
Grant grant(std::string host, std::string program = "") {
  return {"g", "u", "w", "s", "t", std::move(host), std::move(program), 0};
}
Verdict verdict(ApprovalMode mode, const ToolUse& use, std::vector<Grant> grants = {}) {
  return decide_tool(mode, "t", use, grants).verdict;
}
constexpr ApprovalMode kAll[] = {ApprovalMode::read_only, ApprovalMode::ask, ApprovalMode::automatic};

TEST(Approvals, WhatOnlyComputesRunsInEveryMode) {
  for (const ApprovalMode mode : kAll) EXPECT_EQ(verdict(mode, ToolUse{}), Verdict::allow);
}

TEST(Approvals, EachReasonAloneHoldsACallUp) {
  for (bool ToolUse::* reason : {&ToolUse::writes, &ToolUse::spends, &ToolUse::network, &ToolUse::device}) {
    ToolUse use;
    use.*reason = true;
    EXPECT_EQ(verdict(ApprovalMode::read_only, use), Verdict::deny);
    EXPECT_EQ(verdict(ApprovalMode::ask, use), Verdict::ask);
    EXPECT_EQ(verdict(ApprovalMode::automatic, use), Verdict::allow);
  }
}

TEST(Approvals, EveryRefusalSaysWhyAndWhatWouldAllowIt) {
  const ToolDecision denied = decide_tool(ApprovalMode::read_only, "get_weather", weather(), {});
  for (const std::string& text : {denied.reason, nobody_to_ask("get_weather", weather())}) {
    EXPECT_NE(text.find("get_weather reaches wttr.in"), std::string::npos) << text;
    EXPECT_NE(text.find("To allow it"), std::string::npos) << text;
  }
  Approval asked;
  asked.call.name = "get_weather";
  asked.use = weather();
  for (const ApprovalState state : {ApprovalState::denied, ApprovalState::expired, ApprovalState::withdrawn}) {
    asked.state = state;
    EXPECT_NE(refusal(asked).find("wttr.in"), std::string::npos);
    EXPECT_NE(refusal(asked).find("answer"), std::string::npos);
  }
}

TEST(Approvals, AGrantCoversItsHostsOnly) {
  ToolUse two = weather();
  two.hosts.emplace_back("evil.example");
  EXPECT_EQ(verdict(ApprovalMode::ask, weather(), {grant("wttr.in")}), Verdict::allow);
  EXPECT_EQ(verdict(ApprovalMode::ask, weather(), {grant("evil.example")}), Verdict::ask);
  EXPECT_EQ(verdict(ApprovalMode::ask, weather(), {grant("")}), Verdict::ask);
  EXPECT_EQ(verdict(ApprovalMode::ask, two, {grant("wttr.in")}), Verdict::ask);
  EXPECT_EQ(verdict(ApprovalMode::ask, two, {grant("wttr.in"), grant("evil.example")}), Verdict::allow);
  EXPECT_EQ(verdict(ApprovalMode::ask, two, {grant("*")}), Verdict::allow);
  // A name is not its subdomains, nor the other way round.
  ToolUse sub = weather();
  sub.hosts = {"a.wttr.in"};
  EXPECT_EQ(verdict(ApprovalMode::ask, sub, {grant("wttr.in")}), Verdict::ask);
}

TEST(Approvals, AGrantDoesNotOutliveReadOnly) {
  EXPECT_EQ(verdict(ApprovalMode::read_only, weather(), {grant("wttr.in"), grant("*")}), Verdict::deny);
}

TEST(Approvals, CommandsAreGrantedByTheirExactProgram) {
  ToolUse use;
  use.writes = true;
  use.program = "git";
  EXPECT_EQ(verdict(ApprovalMode::ask, use, {grant("", "git")}), Verdict::allow);
  EXPECT_EQ(verdict(ApprovalMode::ask, use, {grant("", "rm")}), Verdict::ask);
  EXPECT_EQ(verdict(ApprovalMode::ask, use, {grant("", "")}), Verdict::ask);
  EXPECT_EQ(verdict(ApprovalMode::ask, use, {grant("*", "git")}), Verdict::ask);  // that one is about hosts
  use.program = "/usr/bin/git";
  EXPECT_EQ(verdict(ApprovalMode::ask, use, {grant("", "git")}), Verdict::ask);
  use.program = "git";
  use.only_once = "shell";
  EXPECT_EQ(verdict(ApprovalMode::ask, use, {grant("", "git")}), Verdict::ask);
}

TEST(Approvals, AlwaysIsNotForProgramsThatRunAnything) {
  for (const char* program : {"sh", "/bin/bash", "python3.11", "python3", "/usr/bin/env", "sudo", "node", "./git",
                              "git/../sh", "/work/git", "/tmp/x", "../git", "/usr/../tmp/x", "", "3", "/usr/bin/"}) {
    EXPECT_NE(why_not_always(program), "") << program;
  }
  for (const char* program : {"git", "/usr/bin/git", "ffmpeg", "ls", "7z"})
    EXPECT_EQ(why_not_always(program), "") << program;
}

TEST(Approvals, WhatAlwaysStandsFor) {
  Approval asked;
  asked.principal = {"u", "w", Role::member, "c"};
  asked.skill = "core";
  asked.call.name = "get_weather";
  asked.use = weather();
  asked.use.hosts.emplace_back("b.example");
  const std::vector<Grant> grants = grants_of(asked);
  ASSERT_EQ(grants.size(), 2U);
  EXPECT_EQ(grants[0].host, "wttr.in");
  EXPECT_EQ(grants[1].host, "b.example");
  EXPECT_EQ(grants[0].skill, "core");
  EXPECT_TRUE(covered(asked.use, grants));
  asked.use.hosts.clear();
  ASSERT_EQ(grants_of(asked).size(), 1U);
  EXPECT_TRUE(covered(asked.use, grants_of(asked)));
  asked.use.only_once = "It runs shell text.";
  EXPECT_TRUE(grants_of(asked).empty());
}

TEST(Approvals, AConversationNeverLoosensAReadOnlyWorkspace) {
  constexpr auto kAsk = ApprovalMode::ask;
  constexpr auto kAuto = ApprovalMode::automatic;
  constexpr auto kRead = ApprovalMode::read_only;
  EXPECT_EQ(effective_mode({}, {}, kAsk), kAsk);
  EXPECT_EQ(effective_mode({}, kAuto, kAsk), kAuto);
  EXPECT_EQ(effective_mode(kAuto, kAsk, kAsk), kAsk);
  EXPECT_EQ(effective_mode(kAuto, {}, kAsk), kAuto);
  EXPECT_EQ(effective_mode(kRead, kAuto, kAsk), kRead);
  EXPECT_EQ(effective_mode({}, kAuto, kRead), kRead);
  EXPECT_EQ(effective_mode(kAsk, kAuto, kRead), kAuto);
}

TEST(Approvals, OnlyTheUserAnswers) {
  Approval asked;
  asked.principal = {"u", "w", Role::member, "c"};
  EXPECT_TRUE(may_decide({"u", "w", Role::member, "other"}, asked));
  EXPECT_FALSE(may_decide({"v", "w", Role::owner, ""}, asked));
  EXPECT_FALSE(may_decide({"u", "x", Role::owner, ""}, asked));
  EXPECT_FALSE(may_decide({"u", "w", Role::guest, ""}, asked));
  EXPECT_FALSE(may_decide({}, asked));
}

}  // namespace
}  // namespace librebird::policy
