#include <librebird/bus/memory_rate_limiter.hpp>

#include <librebird/base/async/scope.hpp>

#include <gtest/gtest.h>

namespace librebird::bus {
namespace {

class MemoryRateLimiter : public testing::Test {
 protected:
  // Nothing of it waits: it is over when spawn() comes back to the loop.
  Status take(std::vector<RateBucket> buckets) {
    std::optional<Status> out;
    Scope scope(loop_.executor());
    scope.spawn(keep(limiter_->take(std::move(buckets)), out, loop_), "test");
    loop_.run();
    loop_.context().restart();
    loop_.poll();
    return *std::move(out);
  }
  static Task<void> keep(Task<Status> task, std::optional<Status>& out, Loop& loop) {
    out.emplace(co_await std::move(task));
    loop.stop();
  }

  Loop loop_;
  ManualClock clock_;
  std::unique_ptr<RateLimiter> limiter_ = make_memory_rate_limiter(clock_, 3);
};

TEST_F(MemoryRateLimiter, ABurstPassesAndThenItsRate) {
  const std::vector<RateBucket> user{{"user:1", 60, 3}};
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(take(user).ok()) << i;
  const Status refused = take(user);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::resource_exhausted);
  EXPECT_EQ(refused.error().retry_after, Millis(1000));
  clock_.advance(Millis(999));
  EXPECT_EQ(take(user).error().retry_after, Millis(1));
  clock_.advance(Millis(1));
  EXPECT_TRUE(take(user).ok());
  EXPECT_FALSE(take(user).ok());
  clock_.advance(Millis(3'600'000));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(take(user).ok()) << "never more than it holds: " << i;
  EXPECT_FALSE(take(user).ok());
}

TEST_F(MemoryRateLimiter, OneEmptyBucketLeavesTheOthersAlone) {
  EXPECT_TRUE(take({{"user:1", 60, 1}}).ok());
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(take({{"key:1", 60, 2}, {"user:1", 60, 1}}).ok());
  EXPECT_TRUE(take({{"key:1", 60, 2}}).ok());
  EXPECT_TRUE(take({{"key:1", 60, 2}}).ok()) << "refusals took nothing from it";
  EXPECT_FALSE(take({{"key:1", 60, 2}}).ok());
}

TEST_F(MemoryRateLimiter, TheLongestWaitIsTheAnswer) {
  EXPECT_TRUE(take({{"a", 60, 1}, {"b", 6, 1}}).ok());
  EXPECT_EQ(take({{"a", 60, 1}, {"b", 6, 1}}).error().retry_after, Millis(10'000));
}

TEST_F(MemoryRateLimiter, ZeroIsNoLimit) {
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(take({{"a", 0, 0}}).ok());
  EXPECT_TRUE(take({}).ok());
}

TEST_F(MemoryRateLimiter, AFloodOfAddressesForgetsTheOldestOnly) {
  EXPECT_TRUE(take({{"user:1", 1, 1}}).ok());
  for (int i = 0; i < 1000; ++i) {
    EXPECT_TRUE(take({{"address:" + std::to_string(i), 1, 1}}).ok());
    // Whoever goes on asking stays known.
    EXPECT_FALSE(take({{"address:" + std::to_string(i), 1, 1}}).ok());
  }
  EXPECT_FALSE(take({{"address:999", 1, 1}}).ok());
  EXPECT_TRUE(take({{"address:0", 1, 1}}).ok()) << "forgotten";
}

}  // namespace
}  // namespace librebird::bus
