#include <librebird/gateway/intake.hpp>

#include <librebird/base/metrics.hpp>
#include <librebird/core/policy/permissions.hpp>
#include <librebird/gateway/catch_up.hpp>
#include <librebird/gateway/views.hpp>

#include <fmt/format.h>

namespace librebird::gateway {

Intake::Intake(ConversationStore& conversations, TurnStore& turns, EventBus& bus, TurnRunner& runner,
               ListEvents& list_events, IntakeOptions options)
    : conversations_(conversations),
      turns_(turns),
      bus_(bus),
      runner_(runner),
      list_events_(list_events),
      options_(options) {}

Task<Result<Accepted>> Intake::submit(Principal principal, AcceptMessage message) {
  static metrics::Counter& accepted_total = metrics::counter("librebird_messages_accepted_total", "Messages accepted.");
  LB_CO_CHECK(policy::require(principal, policy::Permission::chat));
  if (message.content.size() > options_.message_limit) {
    co_return make_error(Code::too_large,
                         fmt::format("The message is {} bytes long; at most {} are taken. Send it in parts.",
                                     message.content.size(), options_.message_limit));
  }
  if (runner_.waiting() >= options_.backlog_limit) {
    co_return make_error(Code::unavailable, "Too many messages are waiting; try again in a moment.");
  }
  message.queue_limit = options_.queue_limit;
  message.limits = options_.limits;
  LB_CO_TRY(accepted, co_await turns_.accept(principal, std::move(message)));
  if (accepted.duplicate) co_return accepted;
  accepted_total.add();
  JsonWriter json;
  json.begin_object().field("type", "message.created").key("message");
  write(json, accepted.message);
  json.key("turn");
  write(json, accepted.turn);
  json.end_object();
  bus_.publish(conversation_topic(accepted.turn.conversation_id),
               std::make_shared<const std::string>(std::move(json).take()));
  list_events_.updated(accepted.conversation);
  runner_.wake(accepted.turn.conversation_id, principal.user_id);
  co_return accepted;
}

Task<Result<Turn>> Intake::cancel(Principal principal, std::string turn_id) {
  LB_CO_TRY(before, co_await turns_.get(principal, turn_id));
  // Its end was told when it came; another end, without its message, would contradict it.
  if (is_final(before.status)) co_return before;
  LB_CO_TRY(turn, co_await turns_.request_cancel(std::move(principal), std::move(turn_id)));
  if (turn.status == TurnStatus::running) {
    runner_.cancel(turn.conversation_id, turn.id);
  } else if (turn.status == TurnStatus::cancelled) {
    tell_cancelled(turn);
  }
  co_return turn;
}

void Intake::tell_cancelled(const Turn& turn) {
  list_events_.turn_changed(turn);
  bus_.publish(conversation_topic(turn.conversation_id), finished_event(turn, std::nullopt));
}

Task<Status> Intake::remove_conversation(Principal principal, std::string conversation_id) {
  LB_CO_TRY(conversation, co_await conversations_.get(principal, conversation_id));
  LB_CO_CHECK(co_await conversations_.remove(principal, conversation_id));
  // Its worker finds the turn gone at its next step; stopping it spares the model the rest.
  if (conversation.active_turn_id) runner_.cancel(conversation.id, *conversation.active_turn_id);
  list_events_.deleted(conversation);
  co_return Ok{};
}

}  // namespace librebird::gateway
