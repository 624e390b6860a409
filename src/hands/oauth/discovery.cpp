#include "discovery.hpp"

#include "fetch.hpp"

#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace librebird::hands::oauth {
namespace {

constexpr const char* kHello =
    R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},)"
    R"("clientInfo":{"name":"Libre Bird","version":"1"}}})";
constexpr const char* kTools = R"({"jsonrpc":"2.0","id":2,"method":"tools/list"})";
constexpr std::size_t kLongestScope = 1000;

Error wrong(std::string_view who, std::string_view what) {
  return make_error(Code::unavailable, fmt::format("{} {}.", who, what));
}

std::string without_end_slash(std::string text) {
  if (text.ends_with('/')) text.pop_back();
  return text;
}

bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

// RFC 6749, 3.3: what may stand in a scope.
std::string checked_scope(std::string scope) {
  const bool fine = scope.size() <= kLongestScope &&
                    std::ranges::all_of(scope, [](char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; });
  return fine ? scope : std::string();
}

// The resource is the server itself, or a part of its site above it.
bool is_about(const std::string& resource, const std::string& url) {
  if (!is_askable(resource) || origin_of(resource) != origin_of(url)) return false;
  const std::string above = without_end_slash(path_of(resource));
  const std::string path = path_of(url);
  return path.starts_with(above) && (path.size() == above.size() || path[above.size()] == '/');
}

// A server that keeps to the revision of 2025-03-26 is its own authorization server, perhaps without metadata.
ServerMetadata customary(const std::string& origin) {
  ServerMetadata out;
  out.issuer = origin;
  out.authorization_endpoint = origin + "/authorize";
  out.token_endpoint = origin + "/token";
  out.registration_endpoint = origin + "/register";
  out.auth_method = "none";
  return out;
}

// The first document there is at these addresses; its status otherwise.
Task<Result<std::optional<std::string>>> first_document(HttpClient& http, std::vector<std::string> urls,
                                                        std::stop_token stop) {
  for (std::string& url : urls) {
    HttpRequest request;
    request.url = std::move(url);
    request.headers.emplace_back("Accept", "application/json");
    LB_CO_TRY(answer, co_await ask(http, std::move(request), stop));
    if (answer.status == 200) co_return std::optional(std::move(answer.body));
    if (answer.status >= 500) {
      co_return make_error(
          Code::unavailable,
          fmt::format("The server answered {} when asked who lets people in; try again.", answer.status));
    }
  }
  co_return std::optional<std::string>();
}

Task<Result<Fetched>> knock(HttpClient& http, std::string url, const char* message, std::string session,
                            std::stop_token stop) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(url);
  request.headers = {{"Accept", "application/json, text/event-stream"}, {"Content-Type", "application/json"}};
  if (!session.empty()) request.headers.emplace_back("Mcp-Session-Id", std::move(session));
  request.body = message;
  co_return co_await ask(http, std::move(request), std::move(stop));
}

Task<Result<std::optional<Challenge>>> challenge_of(HttpClient& http, std::string url, std::stop_token stop) {
  LB_CO_TRY(answer, co_await knock(http, url, kHello, {}, stop));
  if (answer.status >= 200 && answer.status < 300) {
    // Some greet everybody, and want to know who asks for tools.
    const auto session = find_header(answer.headers, "Mcp-Session-Id");
    LB_CO_TRY(next, co_await knock(http, std::move(url), kTools, std::string(session.value_or("")), std::move(stop)));
    answer = std::move(next);
  }
  if (answer.status != 401) co_return std::optional<Challenge>();
  Challenge found;
  for (const auto& [name, value] : answer.headers) {
    const HttpHeaders one{{name, value}};
    if (!find_header(one, "WWW-Authenticate")) continue;
    if (auto challenge = parse_challenge(value)) {
      found = *std::move(challenge);
      break;
    }
  }
  co_return std::optional(std::move(found));
}

}  // namespace

std::string joined_scopes(std::string_view one, std::string_view other) {
  std::vector<std::string> words;
  for (std::string_view rest : {one, other}) {
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find(' '), rest.size());
      std::string word(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (!word.empty() && !contains(words, word)) words.push_back(std::move(word));
    }
  }
  return checked_scope(fmt::format("{}", fmt::join(words, " ")));
}

std::vector<std::string> resource_metadata_urls(const std::string& url) {
  const std::string root = origin_of(url) + "/.well-known/oauth-protected-resource";
  const std::string path = without_end_slash(path_of(url));
  if (path.empty()) return {root};
  return {root + path, root};
}

std::vector<std::string> server_metadata_urls(const std::string& issuer) {
  const std::string origin = origin_of(issuer);
  const std::string path = without_end_slash(path_of(issuer));
  std::vector<std::string> urls = {origin + "/.well-known/oauth-authorization-server" + path,
                                   origin + "/.well-known/openid-configuration" + path};
  if (!path.empty()) urls.push_back(origin + path + "/.well-known/openid-configuration");
  return urls;
}

Result<ResourceMetadata> parse_resource_metadata(std::string_view text, const std::string& url) {
  const auto document = net::parse_object(text);
  if (!document) return wrong("The server's description of who lets people in", "cannot be read");
  ResourceMetadata out;
  out.resource = net::text_at(*document, "resource");
  if (!is_about(out.resource, url)) {
    return wrong("The server's description of who lets people in", "is about another server");
  }
  const auto servers = net::texts_at(*document, "authorization_servers");
  const auto usable = std::ranges::find_if(servers, is_askable);
  if (usable == servers.end()) {
    return wrong("The server's description of who lets people in", "names nobody at an https address");
  }
  out.authorization_server = *usable;
  out.scope = fmt::format("{}", fmt::join(net::texts_at(*document, "scopes_supported"), " "));
  return out;
}

Result<ServerMetadata> parse_server_metadata(std::string_view text, const std::string& issuer) {
  const std::string who = "The authorization server " + issuer;
  const auto document = net::parse_object(text);
  if (!document) return wrong(who, "has no description that can be read");
  ServerMetadata out;
  out.issuer = net::text_at(*document, "issuer");
  // RFC 8414, 3.3. One slash at the end is no other server.
  if (without_end_slash(out.issuer) != without_end_slash(issuer)) return wrong(who, "calls itself by another name");
  out.authorization_endpoint = net::text_at(*document, "authorization_endpoint");
  out.token_endpoint = net::text_at(*document, "token_endpoint");
  if (!is_askable(out.authorization_endpoint) || !is_askable(out.token_endpoint)) {
    return wrong(who, "names an endpoint that is missing or not https");
  }
  out.registration_endpoint = net::text_at(*document, "registration_endpoint");
  if (!out.registration_endpoint.empty() && !is_askable(out.registration_endpoint)) {
    return wrong(who, "names an endpoint that is not https");
  }
  // Without one a connection works as well; one that cannot be asked is none.
  out.revocation_endpoint = net::text_at(*document, "revocation_endpoint");
  if (!is_askable(out.revocation_endpoint)) out.revocation_endpoint.clear();
  const auto proofs = net::texts_at(*document, "code_challenge_methods_supported");
  if (!contains(proofs, "S256")) return wrong(who, "does not know the proof this needs (PKCE with S256)");
  auto methods = net::texts_at(*document, "token_endpoint_auth_methods_supported");
  if (!document->contains("token_endpoint_auth_methods_supported")) methods = {"client_secret_basic"};
  for (const char* known : {"none", "client_secret_basic", "client_secret_post"}) {
    if (out.auth_method.empty() && contains(methods, known)) out.auth_method = known;
  }
  if (out.auth_method.empty()) return wrong(who, "wants clients to prove themselves in a way that is not known here");
  out.names_itself = net::flag_at(*document, "authorization_response_iss_parameter_supported");
  out.lasting = contains(net::texts_at(*document, "scopes_supported"), "offline_access");
  return out;
}

Task<Result<Authority>> discover(HttpClient& http, std::string url, std::string described_at, std::stop_token stop) {
  LB_CO_TRY(asked, co_await challenge_of(http, url, stop));
  const Challenge challenge = asked.value_or(Challenge{std::move(described_at), {}, {}});
  std::vector<std::string> places = resource_metadata_urls(url);
  if (!challenge.resource_metadata.empty()) places = {challenge.resource_metadata};
  LB_CO_TRY(described, co_await first_document(http, std::move(places), stop));
  // One that greets everybody may still want to know who calls its tools; then it says whom to ask.
  if (!asked && !described) {
    co_return make_error(Code::failed_precondition,
                         "The server lets everybody in, so there is nothing to connect; its tools can be used.");
  }
  Authority authority;
  std::string issuer = origin_of(url);
  authority.resource = without_end_slash(url);
  authority.scope = challenge.scope;
  if (described) {
    LB_CO_TRY(resource, parse_resource_metadata(*described, url));
    issuer = std::move(resource.authorization_server);
    authority.resource = std::move(resource.resource);
    if (authority.scope.empty()) authority.scope = std::move(resource.scope);
  }
  LB_CO_TRY(document, co_await first_document(http, server_metadata_urls(issuer), stop));
  if (document) {
    LB_CO_TRY(server, parse_server_metadata(*document, issuer));
    authority.server = std::move(server);
  } else if (!described) {
    authority.server = customary(issuer);
  } else {
    co_return wrong("The authorization server " + issuer, "does not say how to ask it");
  }
  authority.scope = checked_scope(std::move(authority.scope));
  if (authority.server.lasting) authority.scope = joined_scopes(authority.scope, "offline_access");
  co_return authority;
}

}  // namespace librebird::hands::oauth
