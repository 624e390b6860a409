#pragma once

// What is kept of a connection, as texts that the secret store seals. Pure, any thread. Private.

#include "client.hpp"

#include <optional>

namespace librebird::hands::oauth {

// With whom: the same from the beginning of a connection to its end.
struct Party {
  std::string url;  // of the MCP server
  std::string issuer;
  std::string token_endpoint;
  std::string revocation_endpoint;  // empty: it takes no token back
  std::string resource;
  std::string scope;
  std::string redirect_uri;
  Client client;
};

// A person is at the authorization server, or never came back.
struct Pending {
  Party party;
  std::string state;
  std::string verifier;
  bool names_itself = false;
  UnixMillis expires_at = 0;
};

// The access token itself is a secret of its own.
struct Connection {
  Party party;
  std::string refresh_token;  // empty: it ends with the access token
  UnixMillis renewed_at = 0;
  UnixMillis expires_at = 0;  // of the access token; 0: nobody knows
  UnixMillis claimed_until = 0;  // until then, the process that said so is renewing it
  std::string wanted_scope;   // what the server asked for beyond it; the next time the person is asked for it, too
  std::string described_at;   // and where it said then that it describes itself
};

[[nodiscard]] std::string write(const Pending& pending);
[[nodiscard]] std::string write(const Connection& connection);
[[nodiscard]] std::optional<Pending> read_pending(std::string_view text);
[[nodiscard]] std::optional<Connection> read_connection(std::string_view text);

}  // namespace librebird::hands::oauth
