#pragma once

// Asking a provider: small JSON answers, with deadlines. Loop only. Private.

#include <librebird/core/ports/http_client.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace librebird::gateway::oidc {

inline constexpr std::size_t kLargestAnswer = 256 * 1024;

using Form = std::vector<std::pair<std::string, std::string>>;
[[nodiscard]] std::string form_encoded(const Form& form);

struct Fetched {
  int status = 0;
  std::string body;
};

// unavailable: away, or an address that is neither https nor on this machine; too_large.
Task<Result<Fetched>> get(HttpClient& http, std::string url, HttpHeaders headers, std::stop_token stop);
Task<Result<Fetched>> post(HttpClient& http, std::string url, HttpHeaders headers, Form form, std::stop_token stop);

}  // namespace librebird::gateway::oidc
