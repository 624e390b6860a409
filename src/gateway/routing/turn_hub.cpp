#include <librebird/gateway/turn_hub.hpp>

namespace librebird::gateway {
namespace {
constexpr Millis kKeepRetired{60'000};
// Under heavy load a minute of finished turns would be too many to keep.
constexpr std::size_t kRetiredLimit = 256;
}  // namespace

void TurnHub::add(std::shared_ptr<LiveTurn> turn) {
  by_conversation_[turn->turn().conversation_id] = turn;
  by_id_[turn->turn().id] = std::move(turn);
}

void TurnHub::retire(const std::shared_ptr<LiveTurn>& turn) {
  const auto running = by_conversation_.find(turn->turn().conversation_id);
  if (running != by_conversation_.end() && running->second == turn) by_conversation_.erase(running);
  if (!turn->finished()) return forget(turn);
  const SteadyTime now = clock_.steady_now();
  retired_.push_back(Retired{now, turn});
  while (!retired_.empty() && (retired_.size() > kRetiredLimit || now - retired_.front().at > kKeepRetired)) {
    forget(retired_.front().turn);
    retired_.pop_front();
  }
}

// The same turn may be running here anew by now: that one stays.
void TurnHub::forget(const std::shared_ptr<LiveTurn>& turn) {
  const auto found = by_id_.find(turn->turn().id);
  if (found != by_id_.end() && found->second == turn) by_id_.erase(found);
}

std::shared_ptr<LiveTurn> TurnHub::find(const std::string& turn_id) const {
  const auto found = by_id_.find(turn_id);
  return found == by_id_.end() ? nullptr : found->second;
}

std::shared_ptr<LiveTurn> TurnHub::running_in(const std::string& conversation_id) const {
  const auto found = by_conversation_.find(conversation_id);
  return found == by_conversation_.end() ? nullptr : found->second;
}

}  // namespace librebird::gateway
