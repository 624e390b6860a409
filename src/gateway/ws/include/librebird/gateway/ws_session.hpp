#pragma once

// One WebSocket connection of one caller. Thread rule: loop only. run() serves the socket to its end; the session must
// outlive it. Memory counts here: thousands of idle ones are normal.

#include <librebird/base/clock.hpp>
#include <librebird/core/ports/hands_service.hpp>
#include <librebird/gateway/authenticator.hpp>
#include <librebird/gateway/client_frame.hpp>
#include <librebird/gateway/intake.hpp>
#include <librebird/gateway/presence.hpp>
#include <librebird/gateway/sharing_events.hpp>
#include <librebird/net/http_server.hpp>

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

namespace librebird::gateway {

struct WsServices {
  Intake& intake;
  TurnHub& hub;
  EventBus& bus;
  ConversationStore& conversations;
  TurnStore& turns;
  MessageStore& messages;
  HandsService& hands;
  Presence& presence;
  const Clock& clock;
  // Counts a frame; resource_exhausted: too many of this caller's. Empty: no limit.
  std::function<Task<Status>(Caller)> admit = {};
};

class WsSession {
 public:
  WsSession(const WsServices& services, Caller caller, std::string id, net::WebSocket& socket);

  Task<void> run();
  // Ends the connection: the credential is no longer good.
  void revoke();
  // Ends the connection: it has an old role. Who still may, connects again.
  void reconnect();
  // Ends the subscription of a conversation that may not be seen any more.
  void apply(const SharingEvent& event);
  [[nodiscard]] const Caller& caller() const { return caller_; }

 private:
  Task<void> handle(ClientFrame frame);
  Task<void> subscribe(std::string id, SubscribeFrame frame);
  Task<void> send_message(std::string id, SendFrame frame);
  Task<void> decide(std::string id, DecideFrame frame);
  void type(const std::string& id, const TypingFrame& frame);
  void tell_typing(const std::string& conversation_id, bool typing);
  void end_subscription(const std::string& conversation_id);
  void forward(const EventBus::Payload& payload);
  void send(EventBus::Payload payload);
  void send(JsonWriter json);
  void send_error(const std::string& id, const Error& error);

  const WsServices& services_;
  Caller caller_;
  std::string id_;
  net::WebSocket& socket_;
  struct Followed {
    std::unique_ptr<EventBus::Subscription> subscription;
    bool may_write = false;
    bool typing = false;   // as the others were told last
    SteadyTime typed_at;  // when they were
  };
  std::unique_ptr<EventBus::Subscription> list_;
  std::unique_ptr<EventBus::Subscription> shared_list_;
  std::map<std::string, Followed> conversations_;
  // While subscribe() asks the stores: which conversation, and what was said about it meanwhile.
  std::string subscribing_;
  std::optional<SharingEvent> said_meanwhile_;
};

// All sessions of this gateway.
class SessionRegistry {
 public:
  void add(WsSession& session) { sessions_.insert(&session); }
  void remove(WsSession& session) { sessions_.erase(&session); }
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  // Ends the sessions that came with this credential.
  void revoke(const std::string& credential_id);
  // Ends those of one person in a workspace; an empty user: of everybody there. They connect again, if they may.
  void revoke_member(const std::string& workspace_id, const std::string& user_id);
  // Ends the sessions of this user but those that came with `keep` (may be empty).
  void revoke_user(const std::string& user_id, const std::string& keep);
  void apply(const SharingEvent& event);
  // One caller per distinct credential, for a check that it is still good.
  [[nodiscard]] std::vector<Caller> callers() const;

 private:
  std::set<WsSession*> sessions_;
};

}  // namespace librebird::gateway
