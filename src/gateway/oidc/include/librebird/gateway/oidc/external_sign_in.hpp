#pragma once

// Signing in at identity providers: OAuth 2.0 authorization code with PKCE, OpenID Connect on top of it where the
// provider speaks that. It answers who somebody is; what that means here is the caller's.
//
//   LB_CO_TRY(started, co_await external.start({"google", "/", redirect_uri, ""}));   // cookie, and where to go
//   ... the browser comes back ...
//   LB_CO_TRY(finished, co_await external.finish("google", answer, cookie));
//
// A sign-in on its way is bound to the browser by a sealed cookie that lives ten minutes; `state` must be that of the
// cookie, the token must answer its nonce, and the code is worth nothing without its verifier. Each is finished once.
//
// Thread rule: loop only. Ownership: borrows its services. Errors: not_found (no such provider), unauthenticated (not
// this browser's, too old, finished already, or a token that does not hold), permission_denied (the person, or the
// provider, said no), unavailable (the provider is away or answers nonsense).

#include <librebird/base/async/sync.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/sign_in_provider.hpp>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace librebird::gateway::oidc {

[[nodiscard]] std::vector<ConfigKey> sign_in_config_keys();
// Those that are configured. invalid_argument: the key and the fix.
[[nodiscard]] Result<std::vector<SignInProvider>> configured_providers(const Config& config);

struct StartRequest {
  std::string provider;
  std::string return_to;     // a path of this site; anything else becomes "/"
  std::string redirect_uri;  // where the provider sends the browser back to
  std::string user_id;       // who links their account; empty: a sign-in
};

struct Started {
  std::string location;
  std::string cookie;  // its value
};

// What the provider sent the browser back with.
struct Answer {
  std::string code;
  std::string state;
  std::string error;
  std::string issuer;
};

struct Finished {
  ExternalIdentity identity;
  std::string return_to;
  std::string user_id;  // as in StartRequest
};

class Issuer;
class PendingCodec;
struct Pending;

class ExternalSignIn {
 public:
  // `key` seals the cookies: 32 bytes or more, the same on every gateway; empty: no provider is offered.
  ExternalSignIn(Loop& loop, HttpClient& http, const Clock& clock, Random& random,
                 std::vector<SignInProvider> providers, std::string key);
  ~ExternalSignIn();

  struct Offer {
    std::string name;
    std::string title;
  };
  [[nodiscard]] std::vector<Offer> offers() const;

  Task<Result<Started>> start(StartRequest request);
  Task<Result<Finished>> finish(std::string provider, Answer answer, std::string cookie, std::stop_token stop);

 private:
  struct Entry;
  struct Tokens {
    std::string access_token;
    std::string id_token;
  };
  [[nodiscard]] Entry* find(std::string_view name);
  // False: finished before.
  [[nodiscard]] bool take(const std::string& state, UnixMillis expires_at);
  Task<Result<Tokens>> exchange(Entry& entry, std::string code, std::string verifier, std::string redirect_uri,
                                std::stop_token stop);
  Task<Result<ExternalIdentity>> identify(Entry& entry, Tokens tokens, std::string nonce, std::stop_token stop);
  // Adds what the token did not say.
  Task<Result<ExternalIdentity>> ask_userinfo(Entry& entry, ExternalIdentity known, std::string access_token,
                                              std::stop_token stop);

  HttpClient& http_;
  const Clock& clock_;
  Random& random_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::unique_ptr<PendingCodec> codec_;
  std::map<std::string, UnixMillis> finished_;  // states, until they would expire anyway
};

}  // namespace librebird::gateway::oidc
