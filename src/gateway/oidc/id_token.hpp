#pragma once

// ID tokens (OpenID Connect Core 1.0, 2 and 3.1.3.7): read, and held against what was asked for. Pure, any thread.
// Private.

#include "key_set.hpp"

#include <librebird/base/result.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::gateway::oidc {

struct Claims {
  std::string issuer;
  std::string subject;
  std::vector<std::string> audience;
  std::string authorized_party;
  std::optional<std::int64_t> expires_at;
  std::optional<std::int64_t> issued_at;
  std::optional<std::int64_t> not_before;
  std::string nonce;
  std::string access_token_hash;
  std::string tenant;  // tid
  std::string email;
  bool email_verified = false;
  std::string name;
};

// Not trusted yet.
struct IdToken {
  Algorithm algorithm = Algorithm::rs256;
  std::string key_id;
  Claims claims;
  std::string signed_text;
  std::string signature;
};

inline constexpr std::size_t kLongestToken = 32 * 1024;

// unauthenticated: malformed, too long, or signed in a way that is not taken (none, HS256, …).
[[nodiscard]] Result<IdToken> parse_id_token(std::string_view text, std::string_view verified_claim);

struct Expected {
  std::string issuer;  // with "{tenantid}" for a template
  std::string client_id;
  std::string nonce;
  std::string access_token;
  std::int64_t now = 0;  // seconds
};

// unauthenticated, with the claim that is wrong.
[[nodiscard]] Status check_claims(const IdToken& token, const Expected& expected);

// The claims of a userinfo answer, or nullopt: it is none.
[[nodiscard]] std::optional<Claims> parse_claims(std::string_view json, std::string_view verified_claim);

}  // namespace librebird::gateway::oidc
