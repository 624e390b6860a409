#include <librebird/gateway/ws_session.hpp>

#include <librebird/gateway/problem.hpp>
#include <librebird/gateway/views.hpp>

namespace librebird::gateway {
namespace {
constexpr std::size_t kSubscriptionLimit = 256;
constexpr Millis kTypingAgain{2'000};  // somebody who types on is not told again before
constexpr std::uint16_t kBadData = 1007;
constexpr std::uint16_t kCredentialLost = 4401;
constexpr std::uint16_t kRoleChanged = 4403;
constexpr std::uint16_t kTooSlow = 4408;
}  // namespace

WsSession::WsSession(const WsServices& services, Caller caller, std::string id, net::WebSocket& socket)
    : services_(services), caller_(std::move(caller)), id_(std::move(id)), socket_(socket) {}

Task<void> WsSession::run() {
  JsonWriter hello;
  hello.begin_object()
      .field("type", "hello")
      .field("protocol", 1)
      .field("connection_id", id_)
      .field("user_id", caller_.principal.user_id)
      .end_object();
  send(std::move(hello));
  const auto forward = [this](const EventBus::Payload& payload) { send(payload); };
  list_ = services_.bus.subscribe(user_topic(caller_.principal.workspace_id, caller_.principal.user_id), forward);
  shared_list_ = services_.bus.subscribe(workspace_topic(caller_.principal.workspace_id), forward);
  for (;;) {
    auto text = co_await socket_.read();
    if (!text || !*text) break;  // the socket has said why, if there was anything to say
    auto parsed = parse_client_frame(**text, services_.intake.options().message_limit);
    text = std::optional<std::string>();
    if (auto* frame = std::get_if<ClientFrame>(&parsed)) {
      co_await handle(std::move(*frame));
      continue;
    }
    const auto& failure = std::get<FrameError>(parsed);
    send_error(failure.id, failure.error);
    if (failure.malformed) socket_.close(kBadData, "not a JSON object");
  }
  while (!conversations_.empty()) end_subscription(conversations_.begin()->first);
  list_.reset();
  shared_list_.reset();
}

void WsSession::revoke() { socket_.close(kCredentialLost, "credential revoked or expired"); }

void WsSession::reconnect() { socket_.close(kRoleChanged, "your role in the workspace changed; connect again"); }

Task<void> WsSession::handle(ClientFrame frame) {
  if (services_.admit) {
    if (const Status admitted = co_await services_.admit(caller_); !admitted) {
      send_error(frame.id, admitted.error());
      co_return;
    }
  }
  if (const Status may = policy::require(caller_.principal, kind_of(frame).permission); !may) {
    send_error(frame.id, may.error());
    co_return;
  }
  if (auto* subscribe_frame = std::get_if<SubscribeFrame>(&frame.what)) {
    co_await subscribe(std::move(frame.id), std::move(*subscribe_frame));
  } else if (auto* send_frame = std::get_if<SendFrame>(&frame.what)) {
    co_await send_message(std::move(frame.id), std::move(*send_frame));
  } else if (auto* decide_frame = std::get_if<DecideFrame>(&frame.what)) {
    co_await decide(std::move(frame.id), std::move(*decide_frame));
  } else if (auto* unsubscribe = std::get_if<UnsubscribeFrame>(&frame.what)) {
    end_subscription(unsubscribe->conversation_id);
    JsonWriter json;
    json.begin_object().field("type", "unsubscribed").field("id", frame.id);
    json.field("conversation_id", unsubscribe->conversation_id).end_object();
    send(std::move(json));
  } else if (auto* typing = std::get_if<TypingFrame>(&frame.what)) {
    type(frame.id, *typing);
  } else if (auto* cancel = std::get_if<CancelFrame>(&frame.what)) {
    const auto turn = co_await services_.intake.cancel(caller_.principal, cancel->turn_id);
    if (!turn) {
      send_error(frame.id, turn.error());
      co_return;
    }
    JsonWriter json;
    json.begin_object().field("type", "cancelling").field("id", frame.id).field("turn_id", turn->id).end_object();
    send(std::move(json));
  } else {
    JsonWriter json;
    json.begin_object().field("type", "pong").field("id", frame.id).end_object();
    send(std::move(json));
  }
}

Task<void> WsSession::subscribe(std::string id, SubscribeFrame frame) {
  if (conversations_.size() >= kSubscriptionLimit && !conversations_.contains(frame.conversation_id)) {
    send_error(id, make_error(Code::resource_exhausted, "Too many subscriptions on one connection; end some first."));
    co_return;
  }
  // What is said about its sharing from here on counts more than what the store answers.
  subscribing_ = frame.conversation_id;
  said_meanwhile_.reset();
  const auto conversation = co_await services_.conversations.get(caller_.principal, frame.conversation_id);
  if (!conversation) {
    subscribing_.clear();
    send_error(id, conversation.error());
    co_return;
  }
  std::vector<EventBus::Payload> stored;
  if (needs_store(services_.hub, frame.cursor)) {
    auto events =
        co_await missing_stored(services_.turns, services_.messages, caller_.principal, frame.cursor->turn_id);
    // A cursor into a turn that is gone (its message was edited away) is nothing to complain about.
    if (events) stored = std::move(*events);
  }
  // From here to the end without an await: what is missing, then every later event, each once.
  subscribing_.clear();
  const SharingEvent sharing = said_meanwhile_ ? *std::move(said_meanwhile_) : sharing_of(*conversation, {});
  const Access access = sharing.access_of(caller_.principal.user_id);
  if (access == Access::none) {
    send_error(id,
               make_error(Code::not_found, "There is no conversation with this id: list them to see which there are."));
    co_return;
  }
  // A subscription held already ends first: looking for what is missing tells the others what is pending.
  if (const auto held = conversations_.find(frame.conversation_id); held != conversations_.end()) {
    held->second.subscription.reset();
  } else {
    services_.presence.join(frame.conversation_id, caller_.principal.user_id);
  }
  JsonWriter json;
  json.begin_object().field("type", "subscribed").field("id", id);
  json.field("conversation_id", frame.conversation_id).key("present").begin_array();
  for (const std::string& user : services_.presence.present(frame.conversation_id)) json.value(user);
  json.end_array().end_object();
  send(std::move(json));
  auto live = missing_live(services_.hub, frame.conversation_id, frame.cursor);
  Followed& followed = conversations_[frame.conversation_id];
  followed.may_write = access == Access::write;
  followed.subscription = services_.bus.subscribe(conversation_topic(frame.conversation_id),
                                                  [this](const EventBus::Payload& payload) { forward(payload); });
  for (auto& event : stored) send(std::move(event));
  for (auto& event : live) send(std::move(event));
}

void WsSession::end_subscription(const std::string& conversation_id) {
  const auto found = conversations_.find(conversation_id);
  if (found == conversations_.end()) return;
  const std::string id = found->first;
  if (found->second.typing) tell_typing(id, false);
  conversations_.erase(found);
  services_.presence.leave(id, caller_.principal.user_id);
}

void WsSession::apply(const SharingEvent& event) {
  if (event.workspace_id != caller_.principal.workspace_id) return;
  if (event.conversation_id == subscribing_) said_meanwhile_ = event;
  if (event.takes_from(caller_.principal.user_id)) {
    JsonWriter json;
    json.begin_object().field("type", "conversation.deleted");
    json.field("conversation_id", event.conversation_id).end_object();
    send(std::move(json));
  }
  const auto followed = conversations_.find(event.conversation_id);
  if (followed == conversations_.end()) return;
  const Access access = event.access_of(caller_.principal.user_id);
  followed->second.may_write = access == Access::write;
  if (access == Access::none) end_subscription(event.conversation_id);
}

void WsSession::type(const std::string& id, const TypingFrame& frame) {
  const auto found = conversations_.find(frame.conversation_id);
  if (found == conversations_.end()) {
    send_error(id, make_error(Code::failed_precondition, "Subscribe to the conversation first."));
    return;
  }
  Followed& followed = found->second;
  if (!followed.may_write) {
    send_error(id, make_error(Code::permission_denied,
                              "This conversation is shared with you for reading only; ask its owner."));
    return;
  }
  const SteadyTime now = services_.clock.steady_now();
  const bool news = frame.typing ? !followed.typing || now - followed.typed_at >= kTypingAgain : followed.typing;
  if (news) {
    followed.typing = frame.typing;
    followed.typed_at = now;
    tell_typing(frame.conversation_id, frame.typing);
  }
  JsonWriter json;
  json.begin_object().field("type", "told").field("id", id).end_object();
  send(std::move(json));
}

void WsSession::tell_typing(const std::string& conversation_id, bool typing) {
  JsonWriter json;
  json.begin_object().field("type", "typing").field("user_id", caller_.principal.user_id);
  json.field("conversation_id", conversation_id).field("typing", typing).end_object();
  services_.bus.publish(conversation_topic(conversation_id),
                        std::make_shared<const std::string>(std::move(json).take()));
}

void WsSession::forward(const EventBus::Payload& payload) {
  // Nobody is told that he types himself.
  constexpr std::string_view kTyping = R"({"type":"typing","user_id":")";
  if (payload->starts_with(kTyping) &&
      std::string_view(*payload).substr(kTyping.size()).starts_with(caller_.principal.user_id)) {
    return;
  }
  send(payload);
}

Task<void> WsSession::send_message(std::string id, SendFrame frame) {
  AcceptMessage message;
  message.conversation_id = std::move(frame.conversation_id);
  message.content = std::move(frame.content);
  message.client_message_id = std::move(frame.client_message_id);
  const auto accepted = co_await services_.intake.submit(caller_.principal, std::move(message));
  if (!accepted) {
    send_error(id, accepted.error());
    co_return;
  }
  JsonWriter json;
  json.begin_object().field("type", "accepted").field("id", id).key("message");
  write(json, accepted->message);
  json.key("turn");
  write(json, accepted->turn);
  json.field("duplicate", accepted->duplicate).end_object();
  send(std::move(json));
}

Task<void> WsSession::decide(std::string id, DecideFrame frame) {
  const auto approval = co_await services_.hands.decide(caller_.principal, frame.approval_id, frame.decision);
  if (!approval) {
    send_error(id, approval.error());
    co_return;
  }
  JsonWriter json;
  json.begin_object().field("type", "decided").field("id", id).key("approval");
  write(json, *approval);
  json.end_object();
  send(std::move(json));
}

void WsSession::send(EventBus::Payload payload) {
  if (!socket_.send(std::move(payload))) socket_.close(kTooSlow, "too slow to read; reconnect and resume");
}

void WsSession::send(JsonWriter json) { send(std::make_shared<const std::string>(std::move(json).take())); }

void WsSession::send_error(const std::string& id, const Error& error) {
  JsonWriter json;
  json.begin_object()
      .field("type", "error")
      .field("id", id)
      .raw_field("problem", problem_json(error, id_))
      .end_object();
  send(std::move(json));
}

void SessionRegistry::revoke(const std::string& credential_id) {
  for (WsSession* session : sessions_) {
    if (session->caller().principal.credential_id == credential_id) session->revoke();
  }
}

void SessionRegistry::revoke_member(const std::string& workspace_id, const std::string& user_id) {
  for (WsSession* session : sessions_) {
    const Principal& whose = session->caller().principal;
    if (whose.workspace_id == workspace_id && (user_id.empty() || whose.user_id == user_id)) session->reconnect();
  }
}

void SessionRegistry::revoke_user(const std::string& user_id, const std::string& keep) {
  for (WsSession* session : sessions_) {
    const Caller& caller = session->caller();
    const bool kept = caller.principal.credential_id == keep || caller.by == Caller::By::api_key;
    if (caller.principal.user_id == user_id && !kept) session->revoke();
  }
}

void SessionRegistry::apply(const SharingEvent& event) {
  for (WsSession* session : sessions_) session->apply(event);
}

std::vector<Caller> SessionRegistry::callers() const {
  std::map<std::string, const Caller*> distinct;
  for (const WsSession* session : sessions_) distinct.emplace(session->caller().credential_hash, &session->caller());
  std::vector<Caller> callers;
  callers.reserve(distinct.size());
  for (const auto& [hash, caller] : distinct) callers.push_back(*caller);
  return callers;
}

}  // namespace librebird::gateway
