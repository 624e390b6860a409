#pragma once

// Asking servers that strangers name: https at public addresses only, no redirects, small answers, deadlines.
// Loop only. Private.

#include <librebird/core/ports/http_client.hpp>

#include <string>

namespace librebird::hands::oauth {

inline constexpr std::size_t kLargestAnswer = 256 * 1024;
inline constexpr Millis kPatience{15'000};

struct Fetched {
  int status = 0;
  HttpHeaders headers;
  std::string body;
};

// invalid_argument: no address to ask (is_askable); unavailable, deadline_exceeded, too_large.
Task<Result<Fetched>> ask(HttpClient& http, HttpRequest request, std::stop_token stop, Millis patience = kPatience);

// An https address without user, fragment, or any doubt about its host.
[[nodiscard]] bool is_askable(const std::string& url);
// "https://host[:port]" of an askable one.
[[nodiscard]] std::string origin_of(const std::string& url);
// Path without query, "/" at least.
[[nodiscard]] std::string path_of(const std::string& url);

}  // namespace librebird::hands::oauth
