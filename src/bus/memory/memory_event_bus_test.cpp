#include <librebird/bus/memory_event_bus.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace librebird::bus {
namespace {

EventBus::Payload payload(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

TEST(MemoryEventBus, DeliversToSubscribersOfTheTopicOnly) {
  const auto bus = make_memory_event_bus();
  std::vector<std::string> got;
  const auto a = bus->subscribe("a", [&](const EventBus::Payload& p) { got.push_back("1" + *p); });
  const auto b = bus->subscribe("a", [&](const EventBus::Payload& p) { got.push_back("2" + *p); });
  bus->publish("b", payload("x"));
  bus->publish("a", payload("y"));
  EXPECT_EQ(got, (std::vector<std::string>{"1y", "2y"}));
}

TEST(MemoryEventBus, AHandlerMayEndSubscriptionsWhileItRuns) {
  const auto bus = make_memory_event_bus();
  int calls = 0;
  std::unique_ptr<EventBus::Subscription> first;
  std::unique_ptr<EventBus::Subscription> second;
  first = bus->subscribe("t", [&](const EventBus::Payload&) {
    ++calls;
    second.reset();
  });
  second = bus->subscribe("t", [&](const EventBus::Payload&) { calls += 100; });
  bus->publish("t", payload(""));
  EXPECT_EQ(calls, 1);
  first.reset();
  bus->publish("t", payload(""));
  EXPECT_EQ(calls, 1);
}

TEST(MemoryEventBus, ASubscriptionMadeWhilePublishingIsSafe) {
  const auto bus = make_memory_event_bus();
  std::vector<std::unique_ptr<EventBus::Subscription>> made;
  const auto first = bus->subscribe("t", [&](const EventBus::Payload&) {
    if (made.size() < 3) made.push_back(bus->subscribe("t", [](const EventBus::Payload&) {}));
  });
  for (int i = 0; i < 5; ++i) bus->publish("t", payload(""));
  EXPECT_EQ(made.size(), 3U);
}

}  // namespace
}  // namespace librebird::bus
