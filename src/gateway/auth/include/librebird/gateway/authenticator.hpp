#pragma once

// Turns a request's credential into a Principal, or refuses it. Secrets are compared by their SHA-256, which is all
// that is stored: they carry 256 random bits, so a plain hash is enough (no passwords here).
//
// Thread rule: loop only. Errors: unauthenticated (none, unknown, expired), permission_denied (wrong Origin or CSRF
// token), invalid_argument (Host).

#include <librebird/base/random.hpp>
#include <librebird/core/credentials/issue.hpp>
#include <librebird/net/http_server.hpp>

#include <string>
#include <vector>

namespace librebird::gateway {

struct AuthOptions {
  // Host header values accepted beside localhost and loopback addresses, without port; "*" accepts all.
  std::vector<std::string> allowed_hosts;
  bool secure_cookies = false;  // behind TLS
  Millis session_lifetime{30LL * 24 * 3600 * 1000};
};

struct Caller {
  Principal principal;
  bool by_cookie = false;
  std::string credential_hash;
  std::string csrf_token;  // cookie callers only
};

class Authenticator {
 public:
  Authenticator(const Clock& clock, Random& random, CredentialStore& credentials, AuthOptions options);

  // The Host header must name this server: otherwise a web page could reach it under a name of its own.
  [[nodiscard]] Status check_host(const net::Request& request) const;
  // A browser says which page a request comes from: it must be one of ours. Programs send none, unless `required`.
  [[nodiscard]] Status check_origin(const net::Request& request, bool required) const;
  // Cookie callers need the CSRF token on everything but GET and HEAD, and a same-origin Origin on upgrades.
  Task<Result<Caller>> authenticate(net::Request request);
  // Still good? For connections that outlive a request.
  Task<Status> still_valid(Caller caller);

  struct SignedIn {
    Caller caller;
    std::string set_cookie;  // header value
  };
  // Uses up a sign-in token. The browser's Origin, if sent, must be ours.
  Task<Result<SignedIn>> sign_in(net::Request request, std::string token);
  // The value that removes the cookie.
  Task<Result<std::string>> sign_out(Caller caller);

 private:
  [[nodiscard]] std::string cookie(std::string_view value, std::int64_t seconds) const;

  const Clock& clock_;
  Random& random_;
  CredentialStore& credentials_;
  AuthOptions options_;
};

}  // namespace librebird::gateway
