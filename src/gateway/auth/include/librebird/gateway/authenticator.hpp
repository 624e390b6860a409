#pragma once

// Turns a request's credential into a Caller, or refuses it: the one path for a browser's cookie, an API key and an
// access token. Cookies and keys are compared by their SHA-256, which is all that is stored: they carry 256 random
// bits. A token is checked by its signature, and then against its session like a cookie.
//
// The workspace is the one named by the header Librebird-Workspace or the query parameter `workspace`, else the
// credential's own. The role is that of the membership at this moment.
//
// Thread rule: loop only. Errors: unauthenticated (none, unknown, ended, expired), permission_denied (wrong Origin or
// CSRF token, not a member, address not allowed), invalid_argument (Host, workspace).

#include <librebird/base/random.hpp>
#include <librebird/core/credentials/issue.hpp>
#include <librebird/core/policy/address.hpp>
#include <librebird/net/http_server.hpp>

#include <string>
#include <vector>

namespace librebird::gateway {

struct AuthOptions {
  // Host header values accepted beside localhost and loopback addresses, without port; "*" accepts all.
  std::vector<std::string> allowed_hosts;
  bool secure_cookies = false;  // behind TLS
  Millis session_lifetime{30LL * 24 * 3600 * 1000};  // whatever its use
  Millis session_idle{14LL * 24 * 3600 * 1000};      // without use
  // Whose X-Forwarded-For is believed.
  std::vector<policy::AddressRange> trusted_proxies;
  std::string token_key;  // signs access tokens; empty: there are none
};

struct Caller {
  enum class By { cookie, token, api_key };
  Principal principal;
  By by = By::api_key;
  std::string credential_hash;  // tells credentials apart; a token's is its session's id
  std::string csrf_token;       // of a cookie
  std::string address;          // where the request comes from
};

class Authenticator {
 public:
  Authenticator(const Clock& clock, Random& random, CredentialStore& credentials, AuthOptions options);

  // The Host header must name this server: otherwise a web page could reach it under a name of its own.
  [[nodiscard]] Status check_host(const net::Request& request) const;
  // A browser says which page a request comes from: it must be one of ours. Programs send none, unless `required`.
  [[nodiscard]] Status check_origin(const net::Request& request, bool required) const;
  // Where the request comes from: the peer, or whom trusted proxies say they speak for.
  [[nodiscard]] std::string address_of(const net::Request& request) const;
  // Cookie callers need the CSRF token on everything but GET and HEAD, and a same-origin Origin on upgrades.
  Task<Result<Caller>> authenticate(net::Request request);
  // Still good? For connections that outlive a request.
  Task<Status> still_valid(Caller caller);

  struct SignedIn {
    Caller caller;
    std::string set_cookie;  // header value
    Session session;
  };
  // Uses up an operator's sign-in link. The browser's Origin, if sent, must be ours.
  Task<Result<SignedIn>> sign_in(net::Request request, std::string token);
  // Opens a browser's session for somebody who has proved who they are. Always a new one: whatever cookie the browser
  // brought is worth nothing afterwards. `workspace_id` empty: their first.
  Task<Result<SignedIn>> open(net::Request request, std::string user_id, std::string workspace_id);
  // The same for a client that holds a token.
  Task<Result<Session>> open_token_session(net::Request request, std::string user_id);
  // The value that removes the cookie.
  Task<Result<std::string>> sign_out(Caller caller);

  [[nodiscard]] const AuthOptions& options() const { return options_; }

 private:
  [[nodiscard]] std::string cookie(std::string_view value, std::int64_t seconds) const;
  [[nodiscard]] NewSession new_session(const net::Request& request) const;
  [[nodiscard]] SignedIn signed_in(Session session, const std::string& secret, const net::Request& request) const;
  Task<Result<Caller>> by_bearer(net::Request request, std::string wanted);
  Task<Result<Caller>> by_cookie(net::Request request, std::string wanted);
  Task<Result<Session>> token_session(std::string token, std::string wanted);

  const Clock& clock_;
  Random& random_;
  CredentialStore& credentials_;
  AuthOptions options_;
};

}  // namespace librebird::gateway
