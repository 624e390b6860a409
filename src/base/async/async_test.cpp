#include <librebird/base/async/pool.hpp>
#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>

#include <gtest/gtest.h>

#include <thread>

namespace librebird {
namespace {

using namespace std::chrono_literals;

// Runs one task to its end on a loop of its own.
void run(const std::function<Task<void>(Loop&)>& body) {
  Loop loop;
  Scope scope(loop.executor());
  scope.spawn(body(loop), "test");
  auto finish = [&]() -> Task<void> {
    co_await scope.join();
    loop.stop();
  };
  Scope outer(loop.executor());
  outer.spawn(finish(), "finish");
  loop.run();
  loop.context().restart();
  loop.context().poll();
}

Task<void> pop_all(Channel<int>& channel, std::vector<int>& out) {
  while (auto value = co_await channel.pop()) out.push_back(*value);
}

Task<void> channel_is_ordered_and_bounded(Loop& loop) {
  Channel<int> channel(loop.executor(), 2);
  EXPECT_TRUE(channel.try_push(1));
  EXPECT_TRUE(channel.try_push(2));
  EXPECT_FALSE(channel.try_push(3));
  std::vector<int> got;
  Scope scope(loop.executor());
  scope.spawn(pop_all(channel, got));
  EXPECT_TRUE(co_await channel.push(3));
  EXPECT_TRUE(co_await channel.push(4));
  channel.close();
  EXPECT_FALSE(co_await channel.push(5));
  co_await scope.join();
  EXPECT_EQ(got, (std::vector{1, 2, 3, 4}));
}
TEST(Channel, OrderedAndBounded) { run(channel_is_ordered_and_bounded); }

Task<void> stop_later(std::stop_source source) {
  co_await sleep_for(1ms);
  source.request_stop();
}

Task<void> sleep_stops(Loop& loop) {
  std::stop_source source;
  Scope scope(loop.executor());
  scope.spawn(stop_later(source));
  EXPECT_FALSE(co_await sleep_for(1h, source.get_token()));
  EXPECT_FALSE(co_await sleep_for(1h, source.get_token()));
  co_await scope.join();
}
TEST(Sleep, StopsEarly) { run(sleep_stops); }

Task<void> signal_times_out(Loop& loop) {
  Signal signal(loop.executor());
  EXPECT_FALSE(co_await signal.wait({}, 1ms));
  EXPECT_EQ(signal.waiting(), 0U);
}
TEST(Signal, TimesOut) { run(signal_times_out); }

Task<void> pool_runs_elsewhere(Loop&) {
  Pool pool("test", 1);
  const auto here = std::this_thread::get_id();
  const auto there = co_await pool.run([] { return std::this_thread::get_id(); });
  EXPECT_TRUE(there.has_value());
  EXPECT_NE(*there, here);
  EXPECT_EQ(std::this_thread::get_id(), here);
}
TEST(Pool, RunsOnAnotherThreadAndComesBack) { run(pool_runs_elsewhere); }

Task<void> throws() {
  throw std::runtime_error("on purpose");
  co_return;
}
Task<void> scope_survives(Loop& loop) {
  Scope scope(loop.executor());
  scope.spawn(throws(), "thrower");
  co_await scope.join();
  EXPECT_EQ(scope.size(), 0U);
}
TEST(Scope, SurvivesAnException) { run(scope_survives); }

}  // namespace
}  // namespace librebird
