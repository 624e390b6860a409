#pragma once

// Asking a provider: small JSON answers, with deadlines. Loop only. Private.

#include <librebird/core/ports/http_client.hpp>
#include <librebird/net/oauth.hpp>

#include <string>

namespace librebird::gateway::oidc {

inline constexpr std::size_t kLargestAnswer = 256 * 1024;

using net::Form;
using net::form_encoded;

struct Fetched {
  int status = 0;
  std::string body;
};

// unavailable: away, or an address that is neither https nor on this machine; too_large.
Task<Result<Fetched>> get(HttpClient& http, std::string url, HttpHeaders headers, std::stop_token stop);
Task<Result<Fetched>> post(HttpClient& http, std::string url, HttpHeaders headers, Form form, std::stop_token stop);

}  // namespace librebird::gateway::oidc
