#pragma once

// One OpenID Connect issuer: what it says of itself (discovery) and its keys, both kept for a while. Loop only.
// Private.
//
// A key that is not known is asked for once a minute at most, whatever tokens name: keys rotate, and strangers must not
// make us ask. Of many who wait for the same answer one asks.

#include "id_token.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/core/ports/sign_in_provider.hpp>

namespace librebird::gateway::oidc {

struct Metadata {
  std::string issuer;  // may hold "{tenantid}"
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string userinfo_endpoint;  // may be empty
  std::string key_set;
  bool takes_secret_in_header = true;  // client_secret_basic
  bool names_itself = false;  // sends `iss` with every answer (RFC 9207)
};

[[nodiscard]] Result<Metadata> parse_metadata(std::string_view text, const SignInProvider& provider);

class Issuer {
 public:
  static constexpr Millis kKeep{3'600'000};
  static constexpr Millis kAskAgain{60'000};
  static constexpr Millis kRest{5'000};  // after it did not answer

  Issuer(Executor executor, HttpClient& http, const Clock& clock, const SignInProvider& provider)
      : http_(http), clock_(clock), provider_(provider), changed_(executor) {}

  Task<Result<Metadata>> metadata();
  // The claims of a token that was made by this issuer for us, in answer to `nonce`.
  Task<Result<Claims>> verify(std::string id_token, std::string nonce, std::string access_token);

 private:
  Task<Status> refresh_metadata();
  Task<Status> refresh_keys(std::string url);
  // The key, asking for the key set if that could help.
  Task<Result<PublicKey>> key(std::string id, Algorithm algorithm, std::string url);
  Task<void> take_turn();
  void end_turn();

  HttpClient& http_;
  const Clock& clock_;
  const SignInProvider& provider_;
  Signal changed_;
  bool asking_ = false;
  std::optional<Metadata> metadata_;
  SteadyTime metadata_until_;
  std::optional<Error> failure_;
  SteadyTime failure_until_;
  std::vector<PublicKey> keys_;
  std::optional<SteadyTime> keys_asked_;
};

}  // namespace librebird::gateway::oidc
