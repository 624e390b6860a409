#include <librebird/gateway/member_events.hpp>

#include <fmt/format.h>

namespace librebird::gateway {
namespace {

constexpr std::string_view kTopic = "members";

}  // namespace

void publish(EventBus& bus, const MemberEvent& event) {
  bus.publish(kTopic, std::make_shared<const std::string>(
                          fmt::format("{} {} {}", event.fewer_rights ? '-' : '+', event.workspace_id, event.user_id)));
}

std::unique_ptr<EventBus::Subscription> on_member_event(EventBus& bus,
                                                        std::function<void(const MemberEvent&)> handler) {
  return bus.subscribe(kTopic, [handler = std::move(handler)](const EventBus::Payload& payload) {
    const std::string_view text = *payload;
    const std::size_t end = text.find(' ', 2);
    if (end == std::string_view::npos) return;
    handler({std::string(text.substr(2, end - 2)), std::string(text.substr(end + 1)), text[0] == '-'});
  });
}

}  // namespace librebird::gateway
