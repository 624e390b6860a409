#pragma once

// Tells all connections of everybody who may see a conversation about changes of it in the list. Changes of one
// conversation within a short while become one event, so a busy user's many tabs are not flooded. Thread rule: loop
// only.

#include <librebird/core/model/conversation.hpp>
#include <librebird/core/ports/event_bus.hpp>
#include <librebird/core/ports/stores.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>

#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

namespace librebird::gateway {

[[nodiscard]] std::string user_topic(const std::string& workspace_id, const std::string& user_id);
[[nodiscard]] std::string workspace_topic(const std::string& workspace_id);

class ListEvents {
 public:
  ListEvents(Loop& loop, EventBus& bus, ConversationStore& conversations, Millis delay = Millis(200));

  void updated(Conversation conversation);
  // A turn of it began or ended; which is its active one now, the store is asked when it is told.
  void turn_changed(const Turn& turn);
  void deleted(const Conversation& conversation);
  Task<void> stop();

 private:
  void tell(const Conversation& audience, const EventBus::Payload& payload);
  void tell_updated(const Conversation& conversation);
  void schedule();
  Task<void> flush_later();
  Task<void> flush();

  EventBus& bus_;
  ConversationStore& conversations_;
  Millis delay_;
  bool scheduled_ = false;
  std::unordered_map<std::string, std::optional<Conversation>> changed_;  // by id; none: to be read
  std::unordered_set<std::string> reading_;  // those that the store is asked for, as far as nothing newer is known
  Scope scope_;
};

}  // namespace librebird::gateway
