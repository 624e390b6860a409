#pragma once

// Port: an identity provider that people sign in with. A plug-in (src/gateway/oidc/providers/<name>) says from the
// settings what is particular to it; the protocol itself is src/gateway/oidc's.
//
// OpenID Connect providers name an issuer, and everything else is discovered. Providers that speak plain OAuth 2.0 name
// their two endpoints and how they say who somebody is.
//
// Thread rule: values; fetch_identity is called on the loop.

#include <librebird/base/async/task.hpp>
#include <librebird/base/config.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/http_client.hpp>
#include <librebird/core/ports/plugin.hpp>

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

struct SignInProvider {
  std::string name;  // in addresses: "google"
  std::string title;  // for people: "Google"
  std::string client_id;
  std::string client_secret;  // empty: a public client, which PKCE alone protects
  std::string scope = "openid email profile";

  // OpenID Connect: https, or http on this machine.
  std::string issuer;
  // What the discovered issuer is, if not `issuer`: "{tenantid}" in it stands for the `tid` of each token.
  std::string issuer_template;
  // The claim that says whether the e-mail address is verified. Only true counts.
  std::string verified_claim = "email_verified";

  // Plain OAuth 2.0: no issuer.
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::function<Task<Result<ExternalIdentity>>(HttpClient& http, std::string access_token, std::stop_token stop)>
      fetch_identity;
};

struct SignInProviderPlugin {
  PluginManifest manifest;
  // nullopt: not configured. invalid_argument: the key and the fix.
  std::function<Result<std::optional<SignInProvider>>(const Config& config)> make;
};

// The id and secret that a provider gave this installation, from `auth.<name>.client_id` and `.client_secret`.
struct SignInClient {
  std::string id;
  std::string secret;
};
[[nodiscard]] std::vector<ConfigKey> sign_in_client_keys(std::string_view name, std::string_view env_prefix);
// nullopt: not configured.
[[nodiscard]] std::optional<SignInClient> sign_in_client(const Config& config, std::string_view name);

// An address that may be sent secrets to: https, or http to this machine.
[[nodiscard]] bool is_trusted_origin(std::string_view url);

// Generated from the plug-in folders.
[[nodiscard]] std::vector<SignInProviderPlugin> sign_in_provider_plugins();

}  // namespace librebird
