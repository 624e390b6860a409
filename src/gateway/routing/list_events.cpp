#include <librebird/gateway/list_events.hpp>

#include <librebird/gateway/views.hpp>

#include <utility>

namespace librebird::gateway {

std::string user_topic(const std::string& workspace_id, const std::string& user_id) {
  return "user:" + workspace_id + ":" + user_id;
}

std::string workspace_topic(const std::string& workspace_id) { return "workspace:" + workspace_id; }

ListEvents::ListEvents(Loop& loop, EventBus& bus, ConversationStore& conversations, Millis delay)
    : bus_(bus), conversations_(conversations), delay_(delay), scope_(loop.executor()) {}

void ListEvents::updated(Conversation conversation) {
  Change& change = changed_[conversation.id];
  change.principal.user_id = conversation.user_id;
  change.principal.workspace_id = conversation.workspace_id;
  change.view = std::move(conversation);
  schedule();
}

void ListEvents::turn_changed(const Turn& turn) {
  Change& change = changed_[turn.conversation_id];
  change.principal = turn.principal;
  change.view.reset();
  schedule();
}

void ListEvents::deleted(const Conversation& conversation) {
  changed_.erase(conversation.id);
  if (reading_ == conversation.id) reading_.clear();
  JsonWriter json;
  json.begin_object().field("type", "conversation.deleted").field("conversation_id", conversation.id).end_object();
  tell(conversation, std::make_shared<const std::string>(std::move(json).take()));
}

void ListEvents::tell(const Conversation& audience, const EventBus::Payload& payload) {
  if (audience.sharing.workspace != Access::none) {
    bus_.publish(workspace_topic(audience.workspace_id), payload);
    return;
  }
  bus_.publish(user_topic(audience.workspace_id, audience.user_id), payload);
  for (const Sharing::Person& person : audience.sharing.people) {
    bus_.publish(user_topic(audience.workspace_id, person.user_id), payload);
  }
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
  // Still scheduled while it reads, so that two readings cannot overtake each other.
  co_await flush();
  scheduled_ = false;
  if (!changed_.empty()) schedule();
}

Task<void> ListEvents::flush() {
  while (!changed_.empty()) {
    auto next = changed_.extract(changed_.begin());
    Change& change = next.mapped();
    if (!change.view) {
      reading_ = next.key();
      auto read = co_await conversations_.get(change.principal, next.key());
      const bool deleted = std::exchange(reading_, "").empty();
      // Something newer is to be told: with whom it is shared may have changed, too.
      if (!read || deleted || changed_.contains(next.key())) continue;
      change.view = std::move(*read);
    }
    JsonWriter json;
    json.begin_object().field("type", "conversation.updated").key("conversation");
    write(json, *change.view);
    json.end_object();
    tell(*change.view, std::make_shared<const std::string>(std::move(json).take()));
  }
}

}  // namespace librebird::gateway
