#include "quotas.hpp"

#include "progress.hpp"

#include <librebird/hands/testkit/memory_approvals.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gtest/gtest.h>

#include <limits>

namespace librebird::hands {
namespace {

class QuotasTest : public testing::Test {
 protected:
  QuotasTest() {
    limits_[0][0].calls = 3;        // user, hour
    limits_[1][0].calls = 5;        // workspace, hour
    limits_[0][1].cpu_ms = 10'000;  // user, day
    restart();
  }
  void restart() { quotas_ = std::make_unique<Quotas>(clock_, store_, limits_); }
  Status enter(const Principal& who) { return testkit::run_on(loop_, quotas_->enter(who)); }
  void leave(const Principal& who, ToolUsage used = {1, 0, 0, 0}) { (void)testkit::run_on(loop_, left(who, used)); }
  Task<Status> left(Principal who, ToolUsage used) {
    co_await quotas_->leave(std::move(who), used);
    co_return Ok{};
  }
  void call(const Principal& who, ToolUsage used = {1, 0, 0, 0}) {
    const Status room = enter(who);
    ASSERT_TRUE(room) << room.error().message;
    leave(who, used);
  }

  Loop loop_;
  ManualClock clock_{1'700'000'000'000};  // 2023-11-14 22:13:20 UTC
  testkit::MemoryQuotaStore store_;
  QuotaLimits limits_{};
  std::unique_ptr<Quotas> quotas_;
  Principal me_{"me", "w", Role::member, ""};
  Principal other_{"other", "w", Role::member, ""};
};

TEST_F(QuotasTest, RefusalsSayWhatIsUsedUpAndWhenItWorksAgain) {
  for (int i = 0; i < 3; ++i) call(me_);
  const Status full = enter(me_);
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, Code::resource_exhausted);
  EXPECT_EQ(full.error().message,
            "Blocked: you have used all 3 tool calls of this hour. It works again at 23:00 UTC (in 47 minutes); who "
            "runs this server can raise hands.quota.user.calls_per_hour.");
  EXPECT_EQ(full.error().retry_after, Millis(2'800'000));
  clock_.advance(Millis(2'799'999));
  EXPECT_FALSE(enter(me_));
  clock_.advance(Millis(1));
  call(me_);
}

TEST_F(QuotasTest, AWorkspaceIsBoundedBesideItsUsers) {
  for (int i = 0; i < 3; ++i) call(me_);
  for (int i = 0; i < 2; ++i) call(other_);
  const Status full = enter(other_);
  ASSERT_FALSE(full.ok());
  EXPECT_NE(full.error().message.find("this workspace has"), std::string::npos);
  // The same user elsewhere has a quota of their own.
  call({"me", "elsewhere", Role::member, ""});
}

TEST_F(QuotasTest, RunningCallsCount) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(enter(me_));
  EXPECT_FALSE(enter(me_));
  leave(me_, {});  // it did not run after all
  ASSERT_TRUE(enter(me_));
  for (int i = 0; i < 3; ++i) leave(me_);
  EXPECT_FALSE(enter(me_));
}

TEST_F(QuotasTest, ARestartForgetsNothing) {
  call(me_, {1, 9'000, 0, 0});
  restart();
  call(me_, {1, 2'000, 0, 0});
  restart();
  const Status full = enter(me_);
  ASSERT_FALSE(full.ok());
  EXPECT_NE(full.error().message.find("10 seconds of processor time of this day"), std::string::npos)
      << full.error().message;
  clock_.advance(Millis(3'600'000));  // another hour does not help: it is the day's
  EXPECT_FALSE(enter(me_));
}

TEST_F(QuotasTest, WhatOtherProcessesUseIsSeen) {
  call(me_);
  auto command_line = std::make_unique<Quotas>(clock_, store_, limits_);
  std::swap(quotas_, command_line);
  call(me_);
  call(me_);
  std::swap(quotas_, command_line);
  EXPECT_TRUE(enter(me_));  // not yet told
  leave(me_);
  EXPECT_FALSE(enter(me_));
}

TEST_F(QuotasTest, ManyCallsAreOneWrite) {
  limits_ = {};
  restart();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(enter(me_));
  const int before = store_.writes;
  leave(me_);
  EXPECT_EQ(store_.writes, before + 1);
  EXPECT_EQ(store_.reads, 1);
  for (int i = 0; i < 99; ++i) leave(me_);
  std::int64_t calls = 0;
  for (const auto& [key, used] : store_.rows) calls += used.calls;
  EXPECT_EQ(calls, 400);  // user and workspace, hour and day
}

TEST_F(QuotasTest, AFullDiskLosesNothing) {
  store_.broken = true;
  for (int i = 0; i < 3; ++i) call(me_);
  EXPECT_FALSE(enter(me_));
  store_.broken = false;
  clock_.advance(Millis(3'600'000));
  call(me_);
  std::int64_t day = 0;
  for (const auto& [key, used] : store_.rows) {
    if (std::get<0>(key) == QuotaScope::user && std::get<2>(key) == QuotaWindow::day) day += used.calls;
  }
  // The day changed with the hour or not; no call is lost in any case.
  EXPECT_EQ(day, 4);
}

TEST(PacedProgress, IsBoundedAndReadable) {
  ManualClock clock;
  std::vector<ToolProgress> told;
  auto sink = paced_progress(clock, "call", [&](const ToolProgress& progress) { told.push_back(progress); });
  sink(0.1, "begin");
  for (int i = 0; i < 1000; ++i) sink(0.2, "flood");
  EXPECT_EQ(told.size(), 1U);
  sink(1.0, "done");
  sink(1.0, "done");
  EXPECT_EQ(told.size(), 2U);
  clock.advance(Millis(200));
  sink(7, std::string(1000, 'x') + "\xff");
  clock.advance(Millis(200));
  sink(std::numeric_limits<double>::quiet_NaN(), "\xff");
  clock.advance(Millis(200));
  sink(-1, "");
  ASSERT_EQ(told.size(), 5U);
  EXPECT_EQ(told[0], (ToolProgress{"call", 0.1, "begin"}));
  EXPECT_EQ(told[2].fraction, 1.0);
  EXPECT_LE(told[2].message.size(), 300U);
  EXPECT_EQ(told[3].fraction, std::nullopt);
  EXPECT_EQ(told[3].message, "\xEF\xBF\xBD");
  EXPECT_EQ(told[4].fraction, std::nullopt);
}

}  // namespace
}  // namespace librebird::hands
