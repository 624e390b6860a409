#pragma once

// What a server wants to see before it answers: the header WWW-Authenticate (RFC 9110, 11.6.1; RFC 6750, 3; RFC 9728,
// 5.1). Untrusted text, read leniently where nothing depends on it. Pure, any thread. Private.

#include <optional>
#include <string>
#include <string_view>

namespace librebird::hands::oauth {

struct Challenge {
  std::string resource_metadata;  // where the server describes itself; empty: at its well-known address
  std::string scope;              // what the request would have needed; empty: it does not say
  std::string error;              // RFC 6750, 3.1: "insufficient_scope", …; empty: none is named
};

// The first Bearer challenge of one header; nullopt: there is none.
[[nodiscard]] std::optional<Challenge> parse_challenge(std::string_view header);

}  // namespace librebird::hands::oauth
