// GitHub speaks plain OAuth 2.0: who somebody is comes from its API, GET /user and GET /user/emails.
#include <librebird/core/ports/sign_in_provider.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>

namespace librebird::plugins {
namespace {

namespace json = boost::json;

constexpr std::size_t kLargestAnswer = 256 * 1024;

Error strange() { return make_error(Code::unavailable, "GitHub's answer is not of the documented shape."); }

Task<Result<json::value>> get(HttpClient& http, std::string url, std::string access_token, std::stop_token stop) {
  HttpRequest request;
  request.url = std::move(url);
  request.headers = {{"Authorization", "Bearer " + access_token},
                     {"Accept", "application/vnd.github+json"},
                     {"X-GitHub-Api-Version", "2022-11-28"}};
  request.idle_timeout = request.total_timeout = Millis(15'000);
  LB_CO_TRY(response, co_await http.send(std::move(request), stop));
  LB_CO_TRY(body, co_await read_all(*response, kLargestAnswer, stop));
  if (response->status() != 200) {
    co_return make_error(Code::unavailable,
                         fmt::format("GitHub answered {} when asked who this is.", response->status()));
  }
  boost::system::error_code failure;
  json::parse_options options;
  options.max_depth = 16;
  json::value value = json::parse(body, failure, {}, options);
  if (failure) co_return strange();
  co_return value;
}

std::string text_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(std::string_view(*text));
}

bool flag_at(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->get_bool();
}

// The primary address, if it is verified; no other one.
std::optional<std::string> primary(const json::value& emails) {
  if (!emails.is_array()) return std::nullopt;
  for (const json::value& entry : emails.get_array()) {
    const auto* object = entry.if_object();
    if (object == nullptr || !flag_at(*object, "primary") || !flag_at(*object, "verified")) continue;
    const std::string email = text_at(*object, "email");
    if (!email.empty()) return email;
  }
  return std::nullopt;
}

Task<Result<ExternalIdentity>> identity(HttpClient& http, std::string issuer, std::string api, std::string access_token,
                                        std::stop_token stop) {
  LB_CO_TRY(user, co_await get(http, api + "/user", access_token, stop));
  const auto* object = user.if_object();
  const auto* id = object == nullptr ? nullptr : object->if_contains("id");
  // The number stays when somebody renames themselves; the name may be somebody else's by then.
  if (id == nullptr || !id->is_int64() || id->get_int64() <= 0) co_return strange();
  ExternalIdentity out;
  out.issuer = std::move(issuer);
  out.subject = std::to_string(id->get_int64());
  out.display_name = text_at(*object, "name");
  if (out.display_name.empty()) out.display_name = text_at(*object, "login");
  LB_CO_TRY(emails, co_await get(http, api + "/user/emails", access_token, stop));
  out.email = primary(emails);
  out.email_verified = out.email.has_value();
  co_return out;
}

Result<std::optional<SignInProvider>> make(const Config& config) {
  auto client = sign_in_client(config, "github");
  if (!client) return std::optional<SignInProvider>();
  std::string url = config.text("auth.github.url");
  while (url.ends_with('/')) url.pop_back();
  if (!is_trusted_origin(url)) {
    return {Code::invalid_argument, "auth.github.url (GITHUB_URL) must begin with https://."};
  }
  const std::string api = url == "https://github.com" ? "https://api.github.com" : url + "/api/v3";
  SignInProvider provider;
  provider.name = "github";
  provider.title = "GitHub";
  provider.client_id = std::move(client->id);
  provider.client_secret = std::move(client->secret);
  provider.scope = "read:user user:email";
  provider.authorization_endpoint = url + "/login/oauth/authorize";
  provider.token_endpoint = url + "/login/oauth/access_token";
  provider.fetch_identity = [url, api](HttpClient& http, std::string access_token, std::stop_token stop) {
    return identity(http, url, api, std::move(access_token), std::move(stop));
  };
  return std::optional<SignInProvider>(std::move(provider));
}

}  // namespace

SignInProviderPlugin sign_in_github() {
  std::vector<ConfigKey> keys = sign_in_client_keys("github", "GITHUB");
  keys.push_back({"auth.github.url", ConfigType::text, std::string("https://github.com"), "GITHUB_URL", false,
                  "Another address for GitHub Enterprise Server"});
  return {{"github", "Sign in with GitHub, or a GitHub Enterprise Server", std::move(keys), ""}, make};
}

}  // namespace librebird::plugins
