#include <librebird/gateway/catch_up.hpp>

#include <librebird/gateway/views.hpp>

namespace librebird::gateway {

EventBus::Payload finished_event(const Turn& turn, const std::optional<Message>& message) {
  JsonWriter json;
  json.begin_object()
      .field("type", "turn.finished")
      .field("conversation_id", turn.conversation_id)
      .field("turn_id", turn.id)
      .field("attempt", turn.attempt)
      .field("seq", 1)
      .key("turn");
  write(json, turn);
  json.raw_field("message", message ? view(*message) : "null").end_object();
  return std::make_shared<const std::string>(std::move(json).take());
}

std::vector<EventBus::Payload> missing_live(const TurnHub& hub, const std::string& conversation_id,
                                            const std::optional<Cursor>& cursor) {
  std::vector<EventBus::Payload> events;
  if (cursor) {
    const auto live = hub.find(cursor->turn_id);
    if (live && live->turn().conversation_id == conversation_id) events = live->missing(cursor->attempt, cursor->seq);
  }
  const auto running = hub.running_in(conversation_id);
  if (running && (!cursor || running->turn().id != cursor->turn_id)) events.push_back(running->snapshot());
  return events;
}

bool needs_store(const TurnHub& hub, const std::optional<Cursor>& cursor) {
  return cursor && hub.find(cursor->turn_id) == nullptr;
}

Task<Result<std::vector<EventBus::Payload>>> missing_stored(TurnStore& turns, MessageStore& messages,
                                                            Principal principal, std::string turn_id) {
  LB_CO_TRY(turn, co_await turns.get(principal, turn_id));
  std::vector<EventBus::Payload> events;
  if (!is_final(turn.status)) co_return events;
  LB_CO_TRY(message, co_await messages.answer_of(principal, turn_id));
  events.push_back(finished_event(turn, message));
  co_return events;
}

}  // namespace librebird::gateway
