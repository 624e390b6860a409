#pragma once

// The OpenAI-compatible endpoints. Source: OpenAI API reference, "Chat" and "Models". Thread rule: loop only.

#include <librebird/base/random.hpp>
#include <librebird/core/ports/brain_service.hpp>
#include <librebird/core/ports/usage_store.hpp>
#include <librebird/gateway/metering.hpp>
#include <librebird/net/http_server.hpp>

#include <map>
#include <optional>
#include <string>

namespace librebird::gateway {

struct OpenAiOptions {
  std::size_t calls_per_user = 64;  // at once
  UsageRules limits;                // that hold where nobody set others
  Prices prices;
};

class OpenAiApi {
 public:
  OpenAiApi(BrainService& brain, UsageStore& usage, const Clock& clock, IdGenerator& ids, OpenAiOptions options = {});

  // Answers a request below /v1/ of a known caller; nullopt: it was streamed.
  Task<std::optional<net::Response>> handle(net::Exchange& exchange, Principal principal);
  // An error in OpenAI's shape.
  [[nodiscard]] static net::Response error_response(const Error& error);

 private:
  Task<std::optional<net::Response>> chat_completions(net::Exchange& exchange, Principal principal);
  Task<net::Response> models(net::Exchange& exchange);
  void left(const std::string& user);

  BrainService& brain_;
  UsageStore& usage_;
  const Clock& clock_;
  IdGenerator& ids_;
  OpenAiOptions options_;
  std::map<std::string, std::size_t> running_;  // by user
};

}  // namespace librebird::gateway
