#include "warm_pool.hpp"

#include <librebird/hands/testkit/run_on.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace librebird::hands {
namespace {

struct World {
  int made = 0;
  int alive = 0;
  std::int64_t memory = 1 << 20;
  bool broken = false;
  Signal* slow = nullptr;  // set: who makes one waits for it
};

class FakeProcess final : public SandboxProcess {
 public:
  FakeProcess(World& world, int number) : number(number), world_(world) { ++world_.alive; }
  ~FakeProcess() override { --world_.alive; }
  Status write(std::string /*text*/) override { return Ok{}; }
  void close_input() override {}
  Task<Result<SandboxRun>> wait(SandboxIo /*io*/, std::stop_token /*stop*/) override { co_return SandboxRun{}; }
  [[nodiscard]] bool running() const override { return alive; }
  [[nodiscard]] std::int64_t memory_bytes() const override { return world_.memory; }
  int number;
  bool alive = true;

 private:
  World& world_;
};

class ManualClock final : public Clock {
 public:
  [[nodiscard]] UnixMillis unix_now() const override { return {}; }
  [[nodiscard]] SteadyTime steady_now() const override { return now; }
  SteadyTime now = SteadyTime{} + Millis(1'000'000);
};

Task<Result<Warm>> make_fake(World* world) {
  if (world->slow) (void)co_await world->slow->wait();
  if (world->broken) co_return make_error(Code::failed_precondition, "No sandbox.");
  co_return Warm{std::make_unique<FakeProcess>(*world, ++world->made), nullptr};
}

Task<void> take_into(WarmPool* pool, std::vector<Result<Warm>>* out) {
  SandboxSpec spec;
  spec.argv = {"/a"};
  out->push_back(co_await pool->take(spec, {}, {}));
}

class Pool : public testing::Test {
 protected:
  std::unique_ptr<WarmPool> pool(PoolLimits limits = {}) {
    return std::make_unique<WarmPool>(loop_.executor(), clock_, limits,
                                      [this](SandboxSpec /*spec*/, std::vector<std::string> /*hosts*/,
                                             std::stop_token /*stop*/) { return make_fake(&world_); });
  }
  Result<Warm> take(WarmPool& pool, const std::string& program = "/a") {
    SandboxSpec spec;
    spec.argv = {program};
    auto warm = testkit::run_on(loop_, pool.take(spec, {}, {}));
    settle();
    return warm;
  }
  void settle() {
    loop_.context().restart();
    while (loop_.context().poll() > 0) {
    }
  }
  static int number(const Result<Warm>& warm) { return static_cast<FakeProcess&>(*warm->process).number; }

  World world_;
  ManualClock clock_;
  Loop loop_;
};

TEST_F(Pool, GivesEachProgramOnce) {
  auto pool = this->pool();
  std::set<int> seen;
  for (int i = 0; i < 100; ++i) {
    const auto warm = take(*pool);
    ASSERT_TRUE(warm.ok());
    EXPECT_TRUE(seen.insert(number(warm)).second) << "used twice";
  }
  EXPECT_LE(pool->size(), PoolLimits().per_plan);
  EXPECT_GE(pool->size(), 1U);
}

TEST_F(Pool, NeverMixesPlans) {
  auto pool = this->pool();
  const auto first = take(*pool, "/a");
  EXPECT_EQ(pool->size(), 1U);
  const int kept = world_.made;
  const auto other = take(*pool, "/b");
  EXPECT_GT(number(other), kept);
  SandboxSpec plain;
  plain.argv = {"/a"};
  for (auto change :
       {+[](SandboxSpec& s) { s.environment = {"A=b"}; }, +[](SandboxSpec& s) { s.mounts = {{"/x", "/y", false}}; },
        +[](SandboxSpec& s) { s.mounts = {{"/x", "/y", true}}; }, +[](SandboxSpec& s) { s.system = true; },
        +[](SandboxSpec& s) { s.limits.memory_bytes = 1; }, +[](SandboxSpec& s) { s.user_folder = "/u"; },
        +[](SandboxSpec& s) { s.limits.processes = 1; }, +[](SandboxSpec& s) { s.argv = {"/a", "b"}; },
        +[](SandboxSpec& s) { s.image = "i"; }, +[](SandboxSpec& s) { s.work_directory = "/w"; }}) {
    SandboxSpec changed = plain;
    change(changed);
    EXPECT_NE(plan_key(plain, {}), plan_key(changed, {}));
  }
  EXPECT_NE(plan_key(plain, {}), plan_key(plain, {"a.example"}));
}

TEST_F(Pool, KeepsNoMoreThanItMay) {
  PoolLimits limits;
  limits.programs = 4;
  auto pool = this->pool(limits);
  for (int i = 0; i < 50; ++i) {
    clock_.now += Millis(1);
    (void)take(*pool, "/" + std::to_string(i % 10));
    EXPECT_LE(pool->size(), 4U);
  }
  EXPECT_EQ(static_cast<std::size_t>(world_.alive), pool->size());
}

TEST_F(Pool, ReplacesTheDead) {
  auto pool = this->pool();
  const auto first = take(*pool);
  auto second = take(*pool);
  static_cast<FakeProcess&>(*second->process).alive = false;
  EXPECT_FALSE(second->process->running());
  const auto third = take(*pool);
  EXPECT_TRUE(third->process->running());
}

TEST_F(Pool, SaysWhyNothingStartsAndDoesNotTryWithoutEnd) {
  auto pool = this->pool();
  world_.broken = true;
  EXPECT_EQ(take(*pool).error().code, Code::failed_precondition);
  world_.broken = false;
  EXPECT_TRUE(take(*pool).ok());
  EXPECT_EQ(pool->size(), 0U);  // not again at once
  clock_.now += Millis(6000);
  EXPECT_TRUE(take(*pool).ok());
  EXPECT_EQ(pool->size(), 1U);
}

TEST_F(Pool, WaitsForWhatIsBeingMadeForItInsteadOfMakingAnother) {
  auto pool = this->pool();
  (void)take(*pool);  // one made for it, one kept
  ASSERT_EQ(world_.made, 2);
  Signal slow(loop_.executor());
  world_.slow = &slow;
  ASSERT_TRUE(take(*pool).ok());  // the kept one; another is being made
  ASSERT_EQ(slow.waiting(), 1U);
  std::vector<Result<Warm>> got;
  const auto ask = [&] {
    boost::asio::co_spawn(loop_.executor(), take_into(pool.get(), &got), boost::asio::detached);
    settle();
  };
  ask();
  EXPECT_THAT(got, testing::IsEmpty());
  const std::size_t making = slow.waiting();
  EXPECT_LE(making, PoolLimits().starting) << "one for the next call, and none for who waits";
  slow.notify_all();
  settle();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(number(got[0]), 3);

  // It cannot be made after all: who waited tries by itself, and is told why.
  ASSERT_TRUE(take(*pool).ok());
  ask();
  world_.broken = true;
  world_.slow = nullptr;
  slow.notify_all();
  settle();
  ASSERT_EQ(got.size(), 2U) << "size " << pool->size() << " waiting " << slow.waiting();
  EXPECT_EQ(got[1].error().code, Code::failed_precondition);
}

TEST_F(Pool, LetsGoOfWhoWaitsWhenItEnds) {
  auto pool = this->pool();
  (void)take(*pool);
  Signal slow(loop_.executor());
  world_.slow = &slow;
  ASSERT_TRUE(take(*pool).ok());
  std::vector<Result<Warm>> got;
  boost::asio::co_spawn(loop_.executor(), take_into(pool.get(), &got), boost::asio::detached);
  settle();
  ASSERT_THAT(got, testing::IsEmpty());
  pool.reset();
  settle();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_EQ(got[0].error().code, Code::cancelled);
  slow.notify_all();
  settle();
  got.clear();
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(Pool, CanBeSwitchedOff) {
  PoolLimits limits;
  limits.programs = 0;
  auto pool = this->pool(limits);
  (void)take(*pool);
  EXPECT_EQ(pool->size(), 0U);
  EXPECT_EQ(world_.alive, 0);
}

TEST_F(Pool, EndsEverythingWithIt) {
  auto pool = this->pool();
  for (int i = 0; i < 20; ++i) (void)take(*pool);
  EXPECT_GT(world_.alive, 0);
  pool.reset();
  EXPECT_EQ(world_.alive, 0);
  settle();
}

}  // namespace
}  // namespace librebird::hands
