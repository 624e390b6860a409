#include "gateway_services.hpp"

namespace librebird::apps {

gateway::GatewayServices gateway_services(Platform& platform, const GatewayParts& parts) {
  Storage& storage = *platform.storage;
  return {.loop = platform.loop,
          .clock = platform.clock,
          .random = platform.random,
          .ids = platform.ids,
          .bus = parts.bus,
          .brain = parts.brain,
          .hands = parts.hands,
          .identities = storage.identities(),
          .credentials = storage.credentials(),
          .conversations = storage.conversations(),
          .messages = storage.messages(),
          .turns = storage.turns(),
          .workspaces = storage.workspaces(),
          .invitations = storage.invitations(),
          .accounts = storage.accounts(),
          .audit = storage.audit(),
          .mailer = parts.mailer,
          .rates = parts.rates,
          .usage = storage.usage(),
          .retention = storage.retention(),
          .persons = parts.persons,
          .identity_links = storage.identity_links(),
          .external = parts.external};
}

}  // namespace librebird::apps
