#pragma once

// Tells all connections of a user about changes of the conversation list. Changes of one conversation within a short
// while become one event, so a busy user's many tabs are not flooded. Thread rule: loop only.

#include <librebird/core/model/conversation.hpp>
#include <librebird/core/ports/event_bus.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>

#include <string>
#include <unordered_map>

namespace librebird::gateway {

[[nodiscard]] std::string user_topic(const std::string& workspace_id, const std::string& user_id);

class ListEvents {
 public:
  ListEvents(Loop& loop, EventBus& bus, Millis delay = Millis(200));

  void updated(Conversation conversation);
  // A turn of it ended; the last known view of it changes accordingly.
  void turn_ended(const Turn& turn);
  void deleted(const Principal& principal, const std::string& conversation_id);
  Task<void> stop();

 private:
  void schedule();
  Task<void> flush_later();
  void flush();

  EventBus& bus_;
  Millis delay_;
  bool scheduled_ = false;
  std::unordered_map<std::string, Conversation> changed_;
  std::unordered_map<std::string, Conversation> open_;  // with a turn under way
  Scope scope_;
};

}  // namespace librebird::gateway
