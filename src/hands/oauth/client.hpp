#pragma once

// Being a client of an authorization server: registering (RFC 7591), asking for tokens (RFC 6749). Errors never hold
// what the server said, beyond the words of the standards. Loop only; parsers are pure. Private.

#include "discovery.hpp"

#include <librebird/net/oauth.hpp>

namespace librebird::hands::oauth {

struct Client {
  std::string id;
  std::string secret;              // empty: it has none
  std::string auth_method = "none";  // "none", "client_secret_basic", "client_secret_post"
  UnixMillis expires_at = 0;       // of the secret; 0: never
};

struct Tokens {
  std::string access_token;
  std::string refresh_token;     // empty: none was given
  std::string scope;             // empty: as asked for
  std::int64_t lifetime_seconds = 0;  // 0: it does not say
};

// unauthenticated: the code or refresh token is not good (any more); permission_denied: refused otherwise.
Result<Tokens> parse_tokens(int status, std::string_view body);
Result<Client> parse_client(int status, std::string_view body, const std::string& wanted_method);

// failed_precondition: it registers nobody; says what an admin can do.
Task<Result<Client>> enrol(HttpClient& http, ServerMetadata server, std::string redirect_uri, std::string skill,
                           std::stop_token stop);
// RFC 7009: asks to take a token back, in at most `patience`. Whether it was known there is not told.
Task<Status> take_back(HttpClient& http, std::string endpoint, Client client, std::string token, std::string kind,
                       Millis patience, std::stop_token stop);
// `form`: the grant; who asks, and for which resource, is added.
Task<Result<Tokens>> ask_for_tokens(HttpClient& http, std::string endpoint, Client client, std::string resource,
                                    net::Form form, std::stop_token stop);

}  // namespace librebird::hands::oauth
