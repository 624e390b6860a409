#include <librebird/gateway/sharing_events.hpp>

#include <algorithm>
#include <sstream>

namespace librebird::gateway {
namespace {

constexpr std::string_view kTopic = "sharing";
constexpr std::string_view kEnd = ".";

// Words with a space between: ids hold none.
void put(std::string& text, const Sharing& sharing) {
  text += to_string(sharing.workspace);
  for (const Sharing::Person& person : sharing.people) {
    text += " " + person.user_id + " ";
    text += to_string(person.access);
  }
  text += " .";
}

Sharing take(std::istringstream& words) {
  Sharing sharing;
  std::string word;
  words >> word;
  sharing.workspace = access_from_string(word).value_or(Access::none);
  Sharing::Person person;
  while (words >> person.user_id && person.user_id != kEnd && words >> word) {
    person.access = access_from_string(word).value_or(Access::none);
    sharing.people.push_back(person);
  }
  return sharing;
}

Access access_in(const Sharing& sharing, const std::string& user_id) {
  Access access = sharing.workspace;
  for (const Sharing::Person& person : sharing.people) {
    if (person.user_id == user_id) access = std::max(access, person.access);
  }
  return access;
}

}  // namespace

Access SharingEvent::access_of(const std::string& user_id) const {
  return user_id == owner_id ? Access::write : access_in(now, user_id);
}

bool SharingEvent::takes_from(const std::string& user_id) const {
  return access_of(user_id) == Access::none && access_in(before, user_id) != Access::none;
}

SharingEvent sharing_of(const Conversation& now, Sharing before) {
  return {now.workspace_id, now.id, now.user_id, std::move(before), now.sharing};
}

void publish(EventBus& bus, const SharingEvent& event) {
  std::string text = event.workspace_id + " " + event.conversation_id + " " + event.owner_id + " ";
  put(text, event.before);
  text += " ";
  put(text, event.now);
  bus.publish(kTopic, std::make_shared<const std::string>(std::move(text)));
}

std::unique_ptr<EventBus::Subscription> on_sharing_event(EventBus& bus,
                                                         std::function<void(const SharingEvent&)> handler) {
  return bus.subscribe(kTopic, [handler = std::move(handler)](const EventBus::Payload& payload) {
    std::istringstream words(*payload);
    SharingEvent event;
    words >> event.workspace_id >> event.conversation_id >> event.owner_id;
    event.before = take(words);
    event.now = take(words);
    handler(event);
  });
}

}  // namespace librebird::gateway
