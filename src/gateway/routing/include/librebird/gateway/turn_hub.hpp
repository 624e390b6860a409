#pragma once

// Finds the turns that run in this gateway, and for a while those that just ended, by turn and by conversation.
// Thread rule: loop only.

#include <librebird/gateway/live_turn.hpp>

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>

namespace librebird::gateway {

class TurnHub {
 public:
  explicit TurnHub(const Clock& clock) : clock_(clock) {}

  void add(std::shared_ptr<LiveTurn> turn);
  // Keeps one that ended findable for a minute, so that a client that lost its socket at the end can still resume. One
  // that goes on elsewhere, or is gone, is forgotten at once: only the store can tell about it.
  void retire(const std::shared_ptr<LiveTurn>& turn);

  // Null: not running here and not lately.
  [[nodiscard]] std::shared_ptr<LiveTurn> find(const std::string& turn_id) const;
  [[nodiscard]] std::shared_ptr<LiveTurn> running_in(const std::string& conversation_id) const;
  [[nodiscard]] std::size_t running() const { return by_conversation_.size(); }

 private:
  struct Retired {
    SteadyTime at;
    std::shared_ptr<LiveTurn> turn;
  };
  void forget(const std::shared_ptr<LiveTurn>& turn);

  const Clock& clock_;
  std::unordered_map<std::string, std::shared_ptr<LiveTurn>> by_id_;
  std::unordered_map<std::string, std::shared_ptr<LiveTurn>> by_conversation_;  // running only
  std::deque<Retired> retired_;
};

}  // namespace librebird::gateway
