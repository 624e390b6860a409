// fuzz-links: librebird_hands_oauth librebird_net
// What a server on the web sends before anybody knows it: read or refused, and never a crash.
#include "challenge.hpp"
#include "client.hpp"

#include <cstdint>
#include <cstdlib>

using namespace librebird::hands::oauth;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto challenge = parse_challenge(text)) {
    if (challenge->resource_metadata.size() + challenge->scope.size() > size) std::abort();
  }
  const std::string url = "https://a.example/mcp";
  if (const auto resource = parse_resource_metadata(text, url)) {
    if (!resource->authorization_server.starts_with("https://")) std::abort();
    for (const std::string& place : server_metadata_urls(resource->authorization_server)) {
      if (!place.starts_with("https://")) std::abort();
    }
  }
  if (const auto server = parse_server_metadata(text, "https://a.example")) {
    if (!server->token_endpoint.starts_with("https://") || server->auth_method.empty()) std::abort();
  }
  if (const auto tokens = parse_tokens(200, text)) {
    if (tokens->access_token.empty() || tokens->access_token.find('\n') != std::string::npos) std::abort();
  }
  if (const auto client = parse_client(201, text, "none")) {
    if (client->id.empty()) std::abort();
  }
  return 0;
}
