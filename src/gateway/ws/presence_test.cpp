#include <librebird/gateway/presence.hpp>

#include <librebird/bus/memory_event_bus.hpp>
#include <librebird/gateway/live_turn.hpp>

#include <gmock/gmock.h>

namespace librebird::gateway {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Presence, IsOfPeopleNotOfConnections) {
  const auto bus = librebird::bus::make_memory_event_bus();
  Presence presence(*bus);
  std::vector<std::string> told;
  const auto listening =
      bus->subscribe(conversation_topic("c"), [&](const EventBus::Payload& event) { told.push_back(*event); });
  presence.join("c", "a");
  presence.join("c", "a");
  presence.join("c", "b");
  presence.join("other", "x");
  EXPECT_THAT(presence.present("c"), ElementsAre("a", "b"));
  presence.leave("c", "a");
  EXPECT_THAT(presence.present("c"), ElementsAre("a", "b"));
  presence.leave("c", "a");
  presence.leave("c", "a");
  presence.leave("nowhere", "a");
  EXPECT_THAT(presence.present("c"), ElementsAre("b"));
  presence.leave("c", "b");
  EXPECT_THAT(presence.present("c"), IsEmpty());
  EXPECT_THAT(told, ElementsAre(R"({"type":"presence","user_id":"a","conversation_id":"c","here":true})",
                                R"({"type":"presence","user_id":"b","conversation_id":"c","here":true})",
                                R"({"type":"presence","user_id":"a","conversation_id":"c","here":false})",
                                R"({"type":"presence","user_id":"b","conversation_id":"c","here":false})"));
}

TEST(Presence, NamesAHundredAtMost) {
  const auto bus = librebird::bus::make_memory_event_bus();
  Presence presence(*bus);
  for (int i = 0; i < 150; ++i) presence.join("c", std::to_string(i));
  EXPECT_EQ(presence.present("c").size(), 100U);
}

}  // namespace
}  // namespace librebird::gateway
