#pragma once

// The road of a message, whole: real SQLite stores in a folder of their own, a scripted brain, and all of routing.
//
//   Task<void> scenario(World& world);      // a free coroutine
//   TEST(Suite, Name) { play(scenario); }

#include <librebird/bus/memory_event_bus.hpp>
#include <librebird/gateway/intake.hpp>
#include <librebird/gateway/testkit/faulty_turn_store.hpp>
#include <librebird/gateway/testkit/protocol_client.hpp>
#include <librebird/gateway/testkit/scripted_brain.hpp>
#include <librebird/gateway/testkit/scripted_hands.hpp>

#include <gmock/gmock.h>

#include <exception>

#include "sqlite_fixture.hpp"

// ASSERT_TRUE for coroutines.
#define LB_CO_ASSERT(...)                          \
  if (!(__VA_ARGS__)) {                            \
    ADD_FAILURE() << "not true: " << #__VA_ARGS__; \
    co_return;                                     \
  }                                                \
  static_assert(true)

namespace librebird::gateway::testkit {

struct WorldOptions {
  RunnerOptions runner{.owner = "test"};
  IntakeOptions intake;
};

class World {
 public:
  explicit World(WorldOptions options = {})
      : stores(loop, clock, ids),
        turns(&stores.turns(), loop),
        brain(loop),
        bus(librebird::bus::make_memory_event_bus()),
        hub(clock),
        list_events(loop, *bus, stores.conversations(), Millis(1)),
        runner(loop, clock, ids, turns, brain, *bus, hub, list_events, options.runner),
        intake(stores.conversations(), turns, *bus, runner, list_events, options.intake) {}

  Task<std::string> conversation(Principal principal) {
    co_return (co_await stores.conversations().create(principal, ""))->id;
  }
  Task<Result<Accepted>> say(Principal principal, std::string conversation_id, std::string text) {
    AcceptMessage message;
    message.conversation_id = std::move(conversation_id);
    message.content = std::move(text);
    message.client_message_id = ids.next();
    co_return co_await intake.submit(std::move(principal), std::move(message));
  }
  Task<Turn> turn(std::string id) { co_return *co_await turns.get(owner, std::move(id)); }
  // Bounded waits on what the store and the brain say.
  Task<bool> until_final(std::string id, TurnStatus status) {
    for (int i = 0; i < 2000; ++i) {
      const Turn now = co_await turn(id);
      if (is_final(now.status)) {
        EXPECT_EQ(to_string(now.status), to_string(status));
        co_return now.status == status;
      }
      co_await sleep_for(Millis(2));
    }
    ADD_FAILURE() << "the turn did not end";
    co_return false;
  }
  Task<bool> until(std::function<bool()> condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) co_return true;
      co_await sleep_for(Millis(2));
    }
    ADD_FAILURE() << "waited in vain";
    co_return false;
  }
  Task<void> stop(Millis drain = Millis(5'000)) {
    stopped = true;
    co_await runner.stop(drain);
    co_await list_events.stop();
  }

  Loop loop;
  SystemClock clock;
  SystemRandom random;
  IdGenerator ids{clock, random};
  librebird::testkit::SqliteSet stores;
  FaultyTurnStore turns;
  ScriptedBrain brain;
  ScriptedHands hands;
  std::unique_ptr<EventBus> bus;
  TurnHub hub;
  ListEvents list_events;
  TurnRunner runner;
  Intake intake;
  Principal owner;
  bool stopped = false;
  bool start_runner = true;
};

using Scenario = Task<void> (*)(World&);

inline Task<void> play_through(World& world, Scenario scenario) {
  world.owner = *co_await world.stores.identities().ensure_owner();
  if (world.start_runner) EXPECT_TRUE(co_await world.runner.start());
  try {
    co_await scenario(world);
  } catch (const std::exception& thrown) {
    ADD_FAILURE() << "the scenario threw: " << thrown.what();
  }
  world.brain.release();
  world.turns.disk_full = false;
  if (!world.stopped) co_await world.stop();
  world.loop.stop();
}

inline void play(World& world, Scenario scenario) {
  Scope scope(world.loop.executor());
  scope.spawn(play_through(world, scenario), "scenario");
  world.loop.run();
  world.loop.context().restart();
  world.loop.poll();
}
inline void play(Scenario scenario, WorldOptions options = {}) {
  World world(std::move(options));
  play(world, scenario);
}

}  // namespace librebird::gateway::testkit
