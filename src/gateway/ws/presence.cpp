#include <librebird/gateway/presence.hpp>

#include <librebird/base/json_writer.hpp>
#include <librebird/gateway/live_turn.hpp>

namespace librebird::gateway {
namespace {
constexpr std::size_t kMostPresent = 100;
}  // namespace

void Presence::join(const std::string& conversation_id, const std::string& user_id) {
  if (users_[conversation_id][user_id]++ == 0) tell(conversation_id, user_id, true);
}

void Presence::leave(const std::string& conversation_id, const std::string& user_id) {
  const auto users = users_.find(conversation_id);
  if (users == users_.end()) return;
  const auto user = users->second.find(user_id);
  if (user == users->second.end() || --user->second > 0) return;
  users->second.erase(user);
  if (users->second.empty()) users_.erase(users);
  tell(conversation_id, user_id, false);
}

std::vector<std::string> Presence::present(const std::string& conversation_id) const {
  std::vector<std::string> present;
  const auto users = users_.find(conversation_id);
  if (users == users_.end()) return present;
  for (const auto& [user, connections] : users->second) {
    if (present.size() < kMostPresent) present.push_back(user);
  }
  return present;
}

void Presence::tell(const std::string& conversation_id, const std::string& user_id, bool here) {
  JsonWriter json;
  json.begin_object().field("type", "presence").field("user_id", user_id);
  json.field("conversation_id", conversation_id).field("here", here).end_object();
  bus_.publish(conversation_topic(conversation_id), std::make_shared<const std::string>(std::move(json).take()));
}

}  // namespace librebird::gateway
