#include "client.hpp"

#include "fetch.hpp"

#include <librebird/base/json_writer.hpp>
#include <librebird/core/ports/secret_store.hpp>
#include <librebird/net/foreign_json.hpp>

#include <boost/json/object.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace librebird::hands::oauth {
namespace {

constexpr std::size_t kLongestId = 1000;
constexpr std::size_t kLongestRefreshToken = 4096;
constexpr std::int64_t kLongestLifetime = std::int64_t{10} * 365 * 24 * 3600;

bool is_visible(std::string_view text, std::size_t most) {
  return text.size() <= most && std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

// What a server calls an error is its own text: only the standards' words go on.
std::string known_word(const std::string& error) {
  constexpr std::array kWords{"access_denied",       "invalid_client_metadata", "invalid_redirect_uri",
                              "invalid_request",     "invalid_scope",           "invalid_target",
                              "server_error",        "temporarily_unavailable", "unapproved_software_statement",
                              "unauthorized_client", "unsupported_grant_type"};
  return std::ranges::find(kWords, error) != kWords.end() ? error : std::string("an error of its own");
}

// `form`, and who asks.
HttpRequest form_request(std::string endpoint, const Client& client, net::Form form) {
  HttpRequest request;
  request.method = "POST";
  request.url = std::move(endpoint);
  request.headers = {{"Accept", "application/json"}, {"Content-Type", "application/x-www-form-urlencoded"}};
  if (client.auth_method == "client_secret_basic") {
    request.headers.emplace_back("Authorization", net::basic_authorization(client.id, client.secret));
  } else {
    form.emplace_back("client_id", client.id);
    if (client.auth_method == "client_secret_post") form.emplace_back("client_secret", client.secret);
  }
  request.body = net::form_encoded(form);
  return request;
}

}  // namespace

Result<Tokens> parse_tokens(int status, std::string_view body) {
  const auto object = net::parse_object(body);
  const std::string error = object ? net::text_at(*object, "error") : std::string();
  if (error == "invalid_grant" || error == "invalid_client") {
    return make_error(Code::unauthenticated, "The authorization server does not accept this connection (any more).");
  }
  if (!error.empty()) {
    return make_error(Code::permission_denied,
                      fmt::format("The authorization server gave no token ({}).", known_word(error)));
  }
  if (status != 200 || !object) {
    return make_error(Code::unavailable,
                      fmt::format("The authorization server answered {} without a token; try again.", status));
  }
  Tokens tokens;
  tokens.access_token = net::text_at(*object, "access_token");
  tokens.refresh_token = net::text_at(*object, "refresh_token");
  tokens.scope = net::text_at(*object, "scope");
  tokens.lifetime_seconds =
      std::clamp<std::int64_t>(net::integer_at(*object, "expires_in").value_or(0), 0, kLongestLifetime);
  std::string type = net::text_at(*object, "token_type");
  std::ranges::transform(type, type.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  const bool usable = type == "bearer" && tokens.access_token.size() >= kMinSecretBytes &&
                      is_visible(tokens.access_token, kMaxSecretBytes) &&
                      is_visible(tokens.refresh_token, kLongestRefreshToken) && tokens.scope.size() <= kLongestId;
  if (!usable) {
    return make_error(Code::unavailable, "The authorization server gave a token of a kind that cannot be used here.");
  }
  return tokens;
}

Result<Client> parse_client(int status, std::string_view body, const std::string& wanted_method) {
  const auto object = net::parse_object(body);
  Client client;
  if (object && (status == 200 || status == 201)) {
    client.id = net::text_at(*object, "client_id");
    client.secret = net::text_at(*object, "client_secret");
    client.auth_method = net::text_at(*object, "token_endpoint_auth_method");
    client.expires_at =
        std::max<std::int64_t>(0, net::integer_at(*object, "client_secret_expires_at").value_or(0)) * 1000;
  }
  if (client.secret.empty()) {
    client.auth_method = "none";
    client.expires_at = 0;
  } else if (client.auth_method.empty() || client.auth_method == "none") {
    client.auth_method = wanted_method == "none" ? "client_secret_basic" : wanted_method;
  }
  const bool known = client.auth_method == "none" || client.auth_method == "client_secret_basic" ||
                     client.auth_method == "client_secret_post";
  if (!client.id.empty() && is_visible(client.id, kLongestId) && is_visible(client.secret, kLongestId) && known) {
    return client;
  }
  const std::string error = object ? net::text_at(*object, "error") : std::string();
  return make_error(Code::failed_precondition,
                    fmt::format("The authorization server answered {} ({}) when Libre Bird asked to be registered; an "
                                "admin can register it there by hand, and set the skill's client_id.",
                                status, known_word(error)));
}

Task<Result<Client>> enrol(HttpClient& http, ServerMetadata server, std::string redirect_uri, std::string skill,
                           std::stop_token stop) {
  if (server.registration_endpoint.empty()) {
    co_return make_error(Code::failed_precondition,
                         fmt::format("The authorization server {} registers no clients by itself: an admin registers "
                                     "Libre Bird there, with the redirect address {}, and sets the skill's client_id "
                                     "(and client_secret) with `librebird skill set {} client_id`.",
                                     server.issuer, redirect_uri, skill));
  }
  JsonWriter json;
  json.begin_object().field("client_name", "Libre Bird").key("redirect_uris").begin_array().value(redirect_uri);
  json.end_array().key("grant_types").begin_array().value("authorization_code").value("refresh_token").end_array();
  json.key("response_types").begin_array().value("code").end_array();
  json.field("token_endpoint_auth_method", server.auth_method).end_object();
  HttpRequest request;
  request.method = "POST";
  request.url = server.registration_endpoint;
  request.headers = {{"Accept", "application/json"}, {"Content-Type", "application/json"}};
  request.body = std::move(json).take();
  LB_CO_TRY(answer, co_await ask(http, std::move(request), std::move(stop)));
  co_return parse_client(answer.status, answer.body, server.auth_method);
}

Task<Status> take_back(HttpClient& http, std::string endpoint, Client client, std::string token, std::string kind,
                       Millis patience, std::stop_token stop) {
  HttpRequest request =
      form_request(std::move(endpoint), client, {{"token", std::move(token)}, {"token_type_hint", std::move(kind)}});
  LB_CO_TRY(answer, co_await ask(http, std::move(request), std::move(stop), patience));
  if (answer.status == 200) co_return Ok{};
  co_return make_error(Code::unavailable, fmt::format("the authorization server answered {}", answer.status));
}

Task<Result<Tokens>> ask_for_tokens(HttpClient& http, std::string endpoint, Client client, std::string resource,
                                    net::Form form, std::stop_token stop) {
  form.emplace_back("resource", std::move(resource));
  HttpRequest request = form_request(std::move(endpoint), client, std::move(form));
  LB_CO_TRY(answer, co_await ask(http, std::move(request), std::move(stop)));
  co_return parse_tokens(answer.status, answer.body);
}

}  // namespace librebird::hands::oauth
