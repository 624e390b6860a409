#include <librebird/base/async/sync.hpp>
#include <librebird/gateway/body.hpp>
#include <librebird/gateway/catch_up.hpp>
#include <librebird/gateway/member_events.hpp>
#include <librebird/gateway/sharing_events.hpp>
#include <librebird/gateway/views.hpp>
#include <librebird/net/sse.hpp>

#include <fmt/format.h>
#include <charconv>
#include <set>

#include "api.hpp"

namespace librebird::gateway {
namespace {

constexpr std::size_t kIdLimit = 128;
// Type, conversation and turn of an event stand within its first bytes.
constexpr std::size_t kHeadLimit = 200;

// "attempt.seq" of an SSE id.
std::optional<std::pair<int, std::uint64_t>> parse_event_id(std::string_view text) {
  int attempt = 0;
  std::uint64_t seq = 0;
  const char* end = text.data() + text.size();
  const auto [dot, bad_attempt] = std::from_chars(text.data(), end, attempt);
  if (bad_attempt != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, bad_seq] = std::from_chars(dot + 1, end, seq);
  if (bad_seq != std::errc() || rest != end) return std::nullopt;
  return std::pair{attempt, seq};
}

// The whole number after `"key":` in an event we wrote ourselves.
std::uint64_t number_field(std::string_view event, std::string_view key) {
  const auto at = event.find(fmt::format("\"{}\":", key));
  std::uint64_t value = 0;
  if (at != std::string_view::npos) {
    std::from_chars(event.data() + at + key.size() + 3, event.data() + event.size(), value);
  }
  return value;
}

std::string event_type(std::string_view event) {
  constexpr std::string_view kStart = R"({"type":")";
  if (!event.starts_with(kStart)) return "";
  event.remove_prefix(kStart.size());
  return std::string(event.substr(0, event.find('"')));
}

}  // namespace

Task<Answer> Api::list_messages(Call& call) {
  LB_CO_TRY(limit, query_integer(call.request(), "limit", 50, 1, 200));
  const std::string before = call.request().query_value("before").value_or("");
  LB_CO_TRY(page, co_await services_.messages.list(call.caller.principal, call.parameters[0], before, limit));
  JsonWriter json;
  json.begin_object();
  write_items(json, page.items);
  json.field("next_before", page.next).end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::accept(Call& call, AcceptMessage message) {
  LB_CO_TRY(accepted, co_await intake_.submit(call.caller.principal, std::move(message)));
  JsonWriter json;
  json.begin_object().key("message");
  write(json, accepted.message);
  json.key("turn");
  write(json, accepted.turn);
  json.field("duplicate", accepted.duplicate).end_object();
  co_return json_response(accepted.duplicate ? 200 : 202, std::move(json).take());
}

Task<Answer> Api::send_message(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  AcceptMessage message;
  message.conversation_id = call.parameters[0];
  LB_CO_TRY(content, body.text("content", intake_.options().message_limit));
  LB_CO_TRY(client_id, body.text("client_message_id", kIdLimit));
  LB_CO_CHECK(body.done());
  message.content = std::move(content);
  message.client_message_id = std::move(client_id);
  co_return co_await accept(call, std::move(message));
}

Task<Answer> Api::edit_message(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(content, body.text("content", intake_.options().message_limit));
  LB_CO_TRY(client_id, body.text("client_message_id", kIdLimit));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(old, co_await services_.messages.get(call.caller.principal, call.parameters[0]));
  AcceptMessage message;
  message.conversation_id = old.conversation_id;
  message.content = std::move(content);
  message.client_message_id = std::move(client_id);
  message.edit_message_id = old.id;
  co_return co_await accept(call, std::move(message));
}

Task<Answer> Api::regenerate_message(Call& call) {
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(client_id, body.text("client_message_id", kIdLimit));
  LB_CO_CHECK(body.done());
  LB_CO_TRY(old, co_await services_.messages.get(call.caller.principal, call.parameters[0]));
  AcceptMessage message;
  message.conversation_id = old.conversation_id;
  message.client_message_id = std::move(client_id);
  message.regenerate_message_id = old.id;
  co_return co_await accept(call, std::move(message));
}

Task<Answer> Api::get_turn(Call& call) {
  LB_CO_TRY(turn, co_await services_.turns.get(call.caller.principal, call.parameters[0]));
  co_return json_response(200, view(turn));
}

Task<Answer> Api::cancel_turn(Call& call) {
  LB_CO_TRY(turn, co_await intake_.cancel(call.caller.principal, call.parameters[0]));
  co_return json_response(202, view(turn));
}

Task<Answer> Api::turn_events(Call& call) {
  const Executor executor = co_await boost::asio::this_coro::executor;
  Channel<EventBus::Payload> events(executor, 4096);
  // Who may not see the conversation any more is told no more; from before the first look on, so that nothing that is
  // said meanwhile is missed.
  const Principal principal = call.caller.principal;
  std::string conversation_id;  // as soon as it is known
  std::set<std::string> taken_back;
  const auto shared = on_sharing_event(services_.bus, [&](const SharingEvent& event) {
    if (event.workspace_id != principal.workspace_id || event.access_of(principal.user_id) != Access::none) return;
    if (conversation_id.empty()) taken_back.insert(event.conversation_id);
    if (event.conversation_id == conversation_id) events.close();
  });
  const auto member = on_member_event(services_.bus, [&](const MemberEvent& event) {
    if (event.workspace_id != principal.workspace_id) return;
    if (event.user_id.empty() || event.user_id == principal.user_id) events.close();
  });
  LB_CO_TRY(turn, co_await services_.turns.get(call.caller.principal, call.parameters[0]));
  conversation_id = turn.conversation_id;
  if (taken_back.contains(conversation_id)) events.close();
  std::optional<Cursor> cursor;
  if (const auto last = call.request().header("last-event-id")) {
    if (const auto at = parse_event_id(*last)) cursor = Cursor{turn.id, at->first, at->second};
  }
  std::vector<EventBus::Payload> first;
  if (!hub_.find(turn.id)) {
    LB_CO_TRY(stored, co_await missing_stored(services_.turns, services_.messages, call.caller.principal, turn.id));
    first = std::move(stored);
  }
  LB_CO_TRY(writer, co_await call.exchange.stream(200, {{"Content-Type", "text/event-stream"},
                                                        {"Cache-Control", "no-store"},
                                                        {"X-Accel-Buffering", "no"}}));
  // From here to the loop without an await: what is missing, then every later event, each once.
  const std::string mark = "\"turn_id\":\"" + turn.id + "\"";
  const auto forward = [&events, &mark](const EventBus::Payload& payload) {
    // Only the head of an event is ours; what follows may be a tool's words.
    if (std::string_view(*payload).substr(0, kHeadLimit).find(mark) == std::string_view::npos) return;
    // A reader too slow for this bound is cut off and comes back with its Last-Event-ID.
    if (!events.try_push(payload)) events.close();
  };
  if (const auto live = hub_.find(turn.id)) {
    first = cursor ? live->missing(cursor->attempt, cursor->seq) : live->missing(live->turn().attempt, 0);
  }
  const auto subscription = services_.bus.subscribe(conversation_topic(turn.conversation_id), forward);
  // A conversation that is deleted takes its turns along: no end of them is told any more.
  const auto gone = [&events, mark = "\"conversation_id\":\"" + turn.conversation_id + "\""](const auto& payload) {
    if (event_type(*payload) == "conversation.deleted" && payload->find(mark) != std::string::npos) events.close();
  };
  const auto listed = services_.bus.subscribe(user_topic(principal.workspace_id, principal.user_id), gone);
  const auto shared_list = services_.bus.subscribe(workspace_topic(principal.workspace_id), gone);
  if (first.empty() && !hub_.find(turn.id)) {
    // Cancelled in the queue, or deleted, before we listened.
    auto stored = co_await missing_stored(services_.turns, services_.messages, principal, turn.id);
    if (!stored) co_return std::optional<net::Response>();
    first = std::move(*stored);
  }
  std::size_t next = 0;
  for (;;) {
    EventBus::Payload payload;
    if (next < first.size()) {
      payload = first[next++];
    } else if (auto popped = co_await events.pop(writer->stop())) {
      payload = std::move(*popped);
    } else {
      break;
    }
    const std::string type = event_type(*payload);
    if (!type.starts_with("turn.") && !type.starts_with("tool.")) continue;
    net::SseEvent event;
    event.event = type;
    event.id = fmt::format("{}.{}", number_field(*payload, "attempt"), number_field(*payload, "seq"));
    event.data = *payload;
    if (!co_await writer->write(net::format_sse(event))) break;
    if (type == "turn.finished") break;
  }
  co_return std::optional<net::Response>();
}

}  // namespace librebird::gateway
