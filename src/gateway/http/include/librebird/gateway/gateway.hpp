#pragma once

// The gateway: one HTTP server in front of authentication, the REST and WebSocket APIs, the OpenAI-compatible API, the
// web client, and the turns they set in motion.
//
//   Gateway gateway(services, options);
//   LB_CO_CHECK(co_await gateway.start());        // takes up unfinished turns
//   LB_TRY(port, gateway.listen("127.0.0.1", 8741));
//   ... co_await gateway.stop(Millis(10'000));
//
// Thread rule: loop only. Ownership: borrows the services, which outlive it.

#include <librebird/base/config.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/identity_link_store.hpp>
#include <librebird/core/ports/mailer.hpp>
#include <librebird/core/ports/person_keeper.hpp>
#include <librebird/core/ports/rate_limiter.hpp>
#include <librebird/core/ports/retention_store.hpp>
#include <librebird/core/ports/stores.hpp>
#include <librebird/core/ports/usage_store.hpp>
#include <librebird/core/ports/workspace_stores.hpp>
#include <librebird/gateway/accounts.hpp>
#include <librebird/gateway/authenticator.hpp>
#include <librebird/gateway/intake.hpp>
#include <librebird/gateway/oidc/external_sign_in.hpp>

#include <memory>
#include <string>
#include <vector>

namespace librebird::gateway {

struct GatewayServices {
  Loop& loop;
  const Clock& clock;
  Random& random;
  IdGenerator& ids;
  EventBus& bus;
  BrainService& brain;
  HandsService& hands;
  IdentityStore& identities;
  CredentialStore& credentials;
  ConversationStore& conversations;
  MessageStore& messages;
  TurnStore& turns;
  WorkspaceStore& workspaces;
  InvitationStore& invitations;
  AccountStore& accounts;
  AuditStore& audit;
  Mailer& mailer;
  RateLimiter& rates;
  UsageStore& usage;
  RetentionStore& retention;
  PersonKeeper& persons;
  IdentityLinkStore& identity_links;
  oidc::ExternalSignIn& external;
};

// Requests and frames a minute, and at once; 0: no limit. Addresses of this machine have none.
struct RateOptions {
  int of_user = 6'000;
  int of_credential = 6'000;
  int of_address = 12'000;
};

struct GatewayOptions {
  std::string version;
  std::string connect_hint;  // how to connect a real model, while there is only the demo
  AuthOptions auth;
  IntakeOptions intake;
  RunnerOptions runner;
  AccountOptions accounts;
  RateOptions rates;
  int password_cost = PasswordHasher::kUsualCost;
};

// What the gateway's settings are called in the configuration file.
[[nodiscard]] std::vector<ConfigKey> gateway_config_keys();
// invalid_argument names the setting and the fix.
[[nodiscard]] Result<GatewayOptions> gateway_options(const Config& config);

class Gateway {
 public:
  Gateway(GatewayServices services, GatewayOptions options);
  ~Gateway();

  Task<Status> start();
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  // Takes nothing new, lets running turns end for `drain`, then leaves them to the next start.
  Task<void> stop(Millis drain);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::gateway
