#pragma once

// What the gateway does by itself, from time to time: ends the sockets and turns of those who may no longer, and
// forgets what is too old to be kept.
//
// Thread rule: loop only. Ownership: all that it is given outlives it; stop() before destruction.

#include <librebird/base/async/scope.hpp>
#include <librebird/gateway/authenticator.hpp>
#include <librebird/gateway/gateway.hpp>
#include <librebird/gateway/list_events.hpp>
#include <librebird/gateway/member_events.hpp>
#include <librebird/gateway/turn_runner.hpp>
#include <librebird/gateway/ws_session.hpp>

namespace librebird::gateway {

struct HousekeepingParts {
  const GatewayServices& services;
  Authenticator& authenticator;
  SessionRegistry& sessions;
  TurnRunner& runner;
  ListEvents& list_events;
};

class Housekeeping {
 public:
  explicit Housekeeping(HousekeepingParts parts);
  void start();
  Task<void> stop();

 private:
  Task<void> check_access();
  Task<void> check_members();
  void apply(const MemberEvent& event);
  Task<void> forget_the_old();
  Task<Status> sweep_conversations();

  HousekeepingParts parts_;
  std::unique_ptr<EventBus::Subscription> member_events_;
  std::unique_ptr<EventBus::Subscription> sharing_events_;
  Scope scope_;
};

}  // namespace librebird::gateway
