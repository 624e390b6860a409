#include <librebird/gateway/list_events.hpp>

#include <librebird/base/log.hpp>
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
  reading_.erase(conversation.id);
  std::string id = conversation.id;
  changed_.insert_or_assign(std::move(id), std::move(conversation));
  schedule();
}

void ListEvents::turn_changed(const Turn& turn) {
  reading_.erase(turn.conversation_id);
  changed_.insert_or_assign(turn.conversation_id, std::nullopt);
  schedule();
}

void ListEvents::deleted(const Conversation& conversation) {
  changed_.erase(conversation.id);
  reading_.erase(conversation.id);
  JsonWriter json;
  json.begin_object().field("type", "conversation.deleted").field("conversation_id", conversation.id).end_object();
  tell(conversation, std::make_shared<const std::string>(std::move(json).take()));
}

void ListEvents::tell_updated(const Conversation& conversation) {
  JsonWriter json;
  json.begin_object().field("type", "conversation.updated").key("conversation");
  write(json, conversation);
  json.end_object();
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
  for (auto& [id, view] : std::exchange(changed_, {})) {
    if (view) {
      tell_updated(*view);
    } else {
      reading_.insert(id);
    }
  }
  if (reading_.empty()) co_return;
  std::vector<std::string> ids(reading_.begin(), reading_.end());
  const auto read = co_await conversations_.get_all(std::move(ids));
  // What has changed or gone meanwhile is told by itself: with whom it is shared may have changed, too.
  const auto asked_for = std::exchange(reading_, {});
  if (!read) {
    log::warn("changes of conversations are not told", {{"error", read.error().message}});
    co_return;
  }
  for (const Conversation& conversation : *read) {
    if (asked_for.contains(conversation.id)) tell_updated(conversation);
  }
}

}  // namespace librebird::gateway
