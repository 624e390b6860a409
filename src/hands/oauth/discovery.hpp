#pragma once

// Whom to ask for a token for an MCP server, and how (MCP 2025-11-25, basic/authorization): the server's own metadata
// (RFC 9728), then that of its authorization server (RFC 8414, OpenID Connect Discovery). Loop only; parsers and
// addresses are pure. Private.

#include "challenge.hpp"

#include <librebird/core/ports/http_client.hpp>

#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::hands::oauth {

struct ResourceMetadata {
  std::string resource;
  std::string authorization_server;  // the first that can be asked
  std::string scope;                 // all there are
};

struct ServerMetadata {
  std::string issuer;
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string registration_endpoint;  // empty: it registers nobody
  std::string revocation_endpoint;    // RFC 7009; empty: it takes no token back
  std::string auth_method;            // how a client proves itself to it: the best that both know
  bool names_itself = false;          // RFC 9207: its answers say whose they are
  bool lasting = false;               // it knows the scope offline_access
};

// All that a connection needs to know.
struct Authority {
  ServerMetadata server;
  std::string resource;
  std::string scope;
};

// The words of both scopes, each once. Empty: together they are too long, or hold what no scope may.
[[nodiscard]] std::string joined_scopes(std::string_view one, std::string_view other);

// Where the metadata may be, in the order to ask. `url`, `issuer`: askable addresses.
[[nodiscard]] std::vector<std::string> resource_metadata_urls(const std::string& url);
[[nodiscard]] std::vector<std::string> server_metadata_urls(const std::string& issuer);

// unavailable says what is wrong. `url`: the server, which the metadata must be about.
Result<ResourceMetadata> parse_resource_metadata(std::string_view text, const std::string& url);
// `issuer`: who was asked, which must be who answers.
Result<ServerMetadata> parse_server_metadata(std::string_view text, const std::string& issuer);

// `described_at`: where the server said that it describes itself, when it refused something else than this asks for;
// empty: nowhere. failed_precondition: the server lets everybody in, or says of nobody who could let one in.
Task<Result<Authority>> discover(HttpClient& http, std::string url, std::string described_at, std::stop_token stop);

}  // namespace librebird::hands::oauth
