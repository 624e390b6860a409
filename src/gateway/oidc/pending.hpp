#pragma once

// A sign-in on its way: the browser keeps it, in a cookie that only this server can make. Several gateways with the
// same key can finish what another one began. Pure, any thread. Private.
//
// The cookie holds a random seed; state, nonce and the PKCE verifier are made from it with the key, so that none of
// them can be known from the cookie, and all of them are bound to the browser that has it.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/base/result.hpp>
#include <librebird/net/oauth.hpp>

#include <string>
#include <string_view>

namespace librebird::gateway::oidc {

struct Pending {
  std::string provider;
  std::string seed;
  std::string return_to;
  std::string redirect_uri;
  std::string user_id;  // who links their account; empty: a sign-in
  UnixMillis expires_at = 0;
};

inline constexpr Millis kPendingLifetime{10 * 60 * 1000};

class PendingCodec {
 public:
  // `key`: 32 bytes or more.
  explicit PendingCodec(std::string_view key);

  [[nodiscard]] std::string seal(const Pending& pending) const;
  // unauthenticated: not ours, or expired.
  [[nodiscard]] Result<Pending> open(std::string_view cookie, UnixMillis now) const;

  [[nodiscard]] std::string state(const Pending& pending) const { return derived("state", pending.seed); }
  [[nodiscard]] std::string nonce(const Pending& pending) const { return derived("nonce", pending.seed); }
  [[nodiscard]] std::string verifier(const Pending& pending) const { return derived("verifier", pending.seed); }

 private:
  [[nodiscard]] std::string derived(std::string_view purpose, std::string_view text) const;

  std::string key_;
};

using net::pkce_challenge;
// A path of this site and nothing else; anything doubtful is "/".
[[nodiscard]] std::string safe_return(std::string_view path);

}  // namespace librebird::gateway::oidc
