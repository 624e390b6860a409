#pragma once

// Who follows which conversation over this gateway's sockets. Never stored; says so on the conversation's topic when
// somebody's first connection comes or the last one goes. Bounded by the sessions' subscriptions. Thread rule: loop
// only.

#include <librebird/core/ports/event_bus.hpp>

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace librebird::gateway {

class Presence {
 public:
  explicit Presence(EventBus& bus) : bus_(bus) {}

  void join(const std::string& conversation_id, const std::string& user_id);
  void leave(const std::string& conversation_id, const std::string& user_id);
  // At most 100 of them.
  [[nodiscard]] std::vector<std::string> present(const std::string& conversation_id) const;

 private:
  void tell(const std::string& conversation_id, const std::string& user_id, bool here);

  EventBus& bus_;
  // How many connections of each user.
  std::unordered_map<std::string, std::map<std::string, int>> users_;
};

}  // namespace librebird::gateway
