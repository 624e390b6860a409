#include <librebird/gateway/intake.hpp>

#include <librebird/gateway/testkit/world.hpp>

namespace librebird::gateway {
namespace {

using namespace testkit;

Task<void> bounds(World& world) {
  world.brain.hold = true;
  const std::string id = co_await world.conversation(world.owner);
  EXPECT_EQ((co_await world.say(world.owner, id, std::string(101, 'x'))).error().code, Code::too_large);
  EXPECT_TRUE(co_await world.say(world.owner, id, std::string(100, 'x')));
  EXPECT_TRUE(co_await world.say(world.owner, id, "2"));
  // Turns wait until they are leased.
  co_await world.until([&] { return world.brain.running == 1; });
  EXPECT_EQ((co_await world.say(world.owner, id, "3")).error().code, Code::resource_exhausted);
  const std::string other = co_await world.conversation(world.owner);
  EXPECT_TRUE(co_await world.say(world.owner, other, "4"));
  co_await world.until([&] { return world.brain.running == 2; });
  EXPECT_TRUE(co_await world.say(world.owner, other, "5"));
  const auto over = co_await world.say(world.owner, co_await world.conversation(world.owner), "6");
  LB_CO_ASSERT(!over.ok());
  EXPECT_EQ(over.error().code, Code::unavailable);
  EXPECT_TRUE(over.error().retryable);
  Principal guest = world.owner;
  guest.role = Role::guest;
  EXPECT_EQ((co_await world.say(guest, id, "x")).error().code, Code::permission_denied);
}
TEST(Intake, KeepsItsBounds) {
  play(bounds, {.runner = {.owner = "test"}, .intake = {.message_limit = 100, .queue_limit = 2, .backlog_limit = 2}});
}

Task<void> duplicates(World& world) {
  const std::string id = co_await world.conversation(world.owner);
  int created = 0;
  const auto heard = world.bus->subscribe(conversation_topic(id), [&](const auto& event) {
    if (event->starts_with(R"({"type":"message.created")")) ++created;
  });
  AcceptMessage message{id, "hello", "same", "", "", 32};
  const auto first = co_await world.intake.submit(world.owner, message);
  const auto again = co_await world.intake.submit(world.owner, message);
  LB_CO_ASSERT(first.ok() && again.ok());
  EXPECT_TRUE(again->duplicate);
  EXPECT_EQ(first->turn.id, again->turn.id);
  EXPECT_EQ(created, 1);
  co_await world.until_final(first->turn.id, TurnStatus::done);
  EXPECT_EQ(world.brain.requests.size(), 1U);
  const Principal stranger = world.stores.add_stranger();
  EXPECT_EQ((co_await world.say(stranger, id, "mine now")).error().code, Code::not_found);
  EXPECT_EQ((co_await world.intake.remove_conversation(stranger, id)).error().code, Code::not_found);
}
TEST(Intake, AMessageSentTwiceIsAnsweredOnce) { play(duplicates); }

// What the conversation list of a client shows.
struct List {
  explicit List(World& world)
      : subscription(
            world.bus->subscribe(user_topic(world.owner.workspace_id, world.owner.user_id), [this](const auto& event) {
              ++events;
              const auto json = boost::json::parse(*event).as_object();
              if (const auto* conversation = json.if_contains("conversation")) {
                last = conversation->at("active_turn");
              } else {
                deleted = true;
              }
            })) {}
  int events = 0;
  bool deleted = false;
  boost::json::value last = "unknown";
  std::unique_ptr<EventBus::Subscription> subscription;
};

Task<void> shows_queued(World& world) {
  const List list(world);
  world.brain.hold = true;
  const std::string id = co_await world.conversation(world.owner);
  const auto first = co_await world.say(world.owner, id, "first");
  const auto second = co_await world.say(world.owner, id, "second");
  co_await world.until([&] {
    return list.last.is_object() && list.last.at("status").as_string() == "running" &&
           list.last.at("id").as_string() == first->turn.id;
  });
  world.brain.script = {};
  EXPECT_TRUE(co_await world.intake.cancel(world.owner, first->turn.id));
  // The one that waited is the active one now.
  co_await world.until([&] { return list.last.is_object() && list.last.at("id").as_string() == second->turn.id; });
  world.brain.release();
  co_await world.until([&] { return list.last.is_null(); });
  EXPECT_TRUE(co_await world.intake.remove_conversation(world.owner, id));
  EXPECT_TRUE(list.deleted);
  const int told = list.events;
  co_await sleep_for(Millis(20));
  EXPECT_EQ(list.events, told);
}
TEST(ListEvents, TheActiveTurnIsTheOneTheStoreSays) { play(shows_queued); }

Task<void> coalesces(World& world) {
  ListEvents events(world.loop, *world.bus, world.stores.conversations(), Millis(100));
  const List list(world);
  const auto one = *co_await world.stores.conversations().create(world.owner, "one");
  const auto two = *co_await world.stores.conversations().create(world.owner, "two");
  for (int i = 0; i < 50; ++i) {
    events.updated(one);
    events.updated(two);
  }
  EXPECT_EQ(list.events, 0);
  co_await world.until([&] { return list.events == 2; });
  events.updated(one);
  events.deleted(one);
  EXPECT_EQ(list.events, 3);
  co_await events.stop();
  EXPECT_EQ(list.events, 3);
}
TEST(ListEvents, ManyChangesAreOneEvent) { play(coalesces); }

}  // namespace
}  // namespace librebird::gateway
