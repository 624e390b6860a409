#pragma once

// Tells every gateway with whom a conversation is shared from now on: subscriptions of those who may not see it any
// more end at once, and to their lists it is as if deleted. Thread rule: loop only.

#include <librebird/core/model/conversation.hpp>
#include <librebird/core/ports/event_bus.hpp>

#include <functional>
#include <memory>
#include <string>

namespace librebird::gateway {

struct SharingEvent {
  std::string workspace_id;
  std::string conversation_id;
  std::string owner_id;
  Sharing before;
  Sharing now;

  // Of a member of the workspace.
  [[nodiscard]] Access access_of(const std::string& user_id) const;
  [[nodiscard]] bool takes_from(const std::string& user_id) const;  // could see it before, and cannot now
  friend bool operator==(const SharingEvent&, const SharingEvent&) = default;
};

// As `now` is shared; `before`: as it was.
[[nodiscard]] SharingEvent sharing_of(const Conversation& now, Sharing before);
void publish(EventBus& bus, const SharingEvent& event);
[[nodiscard]] std::unique_ptr<EventBus::Subscription> on_sharing_event(
    EventBus& bus, std::function<void(const SharingEvent&)> handler);

}  // namespace librebird::gateway
