#include <librebird/gateway/list_events.hpp>

#include <librebird/gateway/views.hpp>

namespace librebird::gateway {

std::string user_topic(const std::string& workspace_id, const std::string& user_id) {
  return "user:" + workspace_id + ":" + user_id;
}

ListEvents::ListEvents(Loop& loop, EventBus& bus, Millis delay) : bus_(bus), delay_(delay), scope_(loop.executor()) {}

void ListEvents::updated(Conversation conversation) {
  if (conversation.active_turn_id) {
    open_[conversation.id] = conversation;
  } else {
    open_.erase(conversation.id);
  }
  std::string id = conversation.id;
  changed_[std::move(id)] = std::move(conversation);
  schedule();
}

void ListEvents::turn_ended(const Turn& turn) {
  const auto found = open_.find(turn.conversation_id);
  if (found == open_.end()) return;
  Conversation conversation = std::move(found->second);
  open_.erase(found);
  // A later message may have queued another turn meanwhile; then that one is shown.
  if (conversation.active_turn_id == turn.id) {
    conversation.active_turn_id.reset();
    conversation.active_turn_status.reset();
  }
  conversation.updated_at = turn.finished_at.value_or(conversation.updated_at);
  updated(std::move(conversation));
}

void ListEvents::deleted(const Principal& principal, const std::string& conversation_id) {
  changed_.erase(conversation_id);
  open_.erase(conversation_id);
  JsonWriter json;
  json.begin_object().field("type", "conversation.deleted").field("conversation_id", conversation_id).end_object();
  bus_.publish(user_topic(principal.workspace_id, principal.user_id),
               std::make_shared<const std::string>(std::move(json).take()));
}

Task<void> ListEvents::stop() {
  scope_.cancel();
  co_await scope_.join();
}

void ListEvents::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  scope_.spawn(flush_later(), "list events");
}

Task<void> ListEvents::flush_later() {
  co_await sleep_for(delay_, scope_.token());
  scheduled_ = false;
  flush();
}

void ListEvents::flush() {
  for (const auto& [id, conversation] : changed_) {
    JsonWriter json;
    json.begin_object().field("type", "conversation.updated").key("conversation");
    write(json, conversation);
    json.end_object();
    bus_.publish(user_topic(conversation.workspace_id, conversation.user_id),
                 std::make_shared<const std::string>(std::move(json).take()));
  }
  changed_.clear();
}

}  // namespace librebird::gateway
