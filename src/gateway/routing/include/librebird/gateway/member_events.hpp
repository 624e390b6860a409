#pragma once

// Tells every gateway that somebody's place in a workspace has changed: open connections with the old role end at
// once, and so do turns that run with rights their person has no more. Thread rule: loop only.

#include <librebird/core/ports/event_bus.hpp>

#include <functional>
#include <memory>
#include <string>

namespace librebird::gateway {

struct MemberEvent {
  std::string workspace_id;
  std::string user_id;  // empty: everybody's; the workspace is gone
  bool fewer_rights = false;

  friend bool operator==(const MemberEvent&, const MemberEvent&) = default;
};

void publish(EventBus& bus, const MemberEvent& event);
[[nodiscard]] std::unique_ptr<EventBus::Subscription> on_member_event(EventBus& bus,
                                                                      std::function<void(const MemberEvent&)> handler);

}  // namespace librebird::gateway
