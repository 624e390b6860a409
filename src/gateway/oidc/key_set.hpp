#pragma once

// A provider's public keys (JWK Set, RFC 7517) and the signatures they check (RFC 7518, 8037). Pure, any thread.
// Private.
//
// Four algorithms: RS256, PS256, ES256 and EdDSA (Ed25519). A key is used with the algorithm of its own kind only, so
// no token can talk a public key into serving as an HMAC's secret; `none` and HS256 are unknown here.

#include <librebird/base/result.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::gateway::oidc {

enum class Algorithm { rs256, ps256, es256, eddsa };

[[nodiscard]] std::optional<Algorithm> algorithm_from(std::string_view name);

class PublicKey {
 public:
  struct Native;
  PublicKey(std::shared_ptr<const Native> native, std::string id, std::string algorithm);

  [[nodiscard]] const std::string& id() const { return id_; }
  [[nodiscard]] bool serves(Algorithm algorithm) const;
  [[nodiscard]] bool verifies(Algorithm algorithm, std::string_view text, std::string_view signature) const;

 private:
  std::shared_ptr<const Native> native_;
  std::string id_;         // kid; may be empty
  std::string algorithm_;  // alg, if the key is tied to one
};

inline constexpr std::size_t kMostKeys = 64;

// Keys of other kinds, for encryption, too weak (RSA under 2048 bits) or broken are left out. unavailable: no key set,
// or more than kMostKeys.
[[nodiscard]] Result<std::vector<PublicKey>> parse_key_set(std::string_view text);
// The key a token names; without a name, the only one that could serve. nullptr: none.
[[nodiscard]] const PublicKey* choose(const std::vector<PublicKey>& keys, std::string_view id, Algorithm algorithm);

}  // namespace librebird::gateway::oidc
