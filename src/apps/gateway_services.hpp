#pragma once

#include "platform.hpp"

#include <librebird/gateway/gateway.hpp>

namespace librebird::apps {

// What a process makes for its gateway, beside the platform.
struct GatewayParts {
  EventBus& bus;
  BrainService& brain;
  HandsService& hands;
  Mailer& mailer;
  RateLimiter& rates;
  PersonKeeper& persons;
  gateway::oidc::ExternalSignIn& external;
};

[[nodiscard]] gateway::GatewayServices gateway_services(Platform& platform, const GatewayParts& parts);

}  // namespace librebird::apps
