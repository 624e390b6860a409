#include <librebird/gateway/member_events.hpp>
#include <librebird/gateway/sharing_events.hpp>

#include <librebird/bus/memory_event_bus.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace librebird::gateway {
namespace {

TEST(SharingEvents, ArriveAsTheyWereSaid) {
  const auto bus = librebird::bus::make_memory_event_bus();
  std::vector<SharingEvent> heard;
  const auto listening = on_sharing_event(*bus, [&](const SharingEvent& event) { heard.push_back(event); });
  const std::vector<SharingEvent> said{
      {"w", "c", "o", {}, {}},
      {"w", "c", "o", {Access::write, {}}, {Access::none, {{"a", Access::read}, {"b", Access::write}}}},
      {"w", "c", "o", {Access::none, {{"a", Access::write}}}, {Access::read, {{"a", Access::read}}}},
  };
  for (const SharingEvent& event : said) publish(*bus, event);
  EXPECT_EQ(heard, said);
}

TEST(SharingEvents, SayWhoMaySeeIt) {
  const SharingEvent event{
      "w", "c", "o", {Access::read, {}}, {Access::none, {{"a", Access::read}, {"b", Access::write}}}};
  EXPECT_EQ(event.access_of("o"), Access::write);
  EXPECT_EQ(event.access_of("a"), Access::read);
  EXPECT_EQ(event.access_of("b"), Access::write);
  EXPECT_EQ(event.access_of("x"), Access::none);
  EXPECT_TRUE(event.takes_from("x"));
  for (const char* kept : {"o", "a", "b"}) EXPECT_FALSE(event.takes_from(kept)) << kept;
  const SharingEvent wider{
      "w", "c", "o", {Access::none, {{"a", Access::write}}}, {Access::read, {{"b", Access::write}}}};
  EXPECT_EQ(wider.access_of("a"), Access::read);
  EXPECT_EQ(wider.access_of("b"), Access::write);
  EXPECT_FALSE(wider.takes_from("a"));
  EXPECT_FALSE((SharingEvent{"w", "c", "o", {}, {}}.takes_from("x"))) << "never had it";
}

TEST(MemberEvents, ArriveAsTheyWereSaid) {
  const auto bus = librebird::bus::make_memory_event_bus();
  std::vector<MemberEvent> heard;
  const auto listening = on_member_event(*bus, [&](const MemberEvent& event) { heard.push_back(event); });
  const std::vector<MemberEvent> said{{"w", "u", true}, {"w", "u", false}, {"w", "", true}};
  for (const MemberEvent& event : said) publish(*bus, event);
  EXPECT_EQ(heard, said);
}

}  // namespace
}  // namespace librebird::gateway
