#include <librebird/core/ports/sign_in_provider.hpp>

namespace librebird::plugins {
namespace {

Result<std::optional<SignInProvider>> make(const Config& config) {
  auto client = sign_in_client(config, "oidc");
  const std::string& issuer = config.text("auth.oidc.issuer");
  if (!client && issuer.empty()) return std::optional<SignInProvider>();
  if (!client || issuer.empty()) {
    return {Code::invalid_argument,
            "auth.oidc.issuer (OIDC_ISSUER) and auth.oidc.client_id (OIDC_CLIENT_ID) belong together: set both."};
  }
  if (!is_trusted_origin(issuer)) {
    return {Code::invalid_argument,
            "auth.oidc.issuer (OIDC_ISSUER) must begin with https://; http:// is taken for this machine only."};
  }
  SignInProvider provider;
  provider.name = "oidc";
  provider.title = config.text("auth.oidc.title");
  provider.client_id = std::move(client->id);
  provider.client_secret = std::move(client->secret);
  provider.scope = config.text("auth.oidc.scope");
  provider.issuer = issuer;
  return std::optional<SignInProvider>(std::move(provider));
}

}  // namespace

SignInProviderPlugin sign_in_openid() {
  std::vector<ConfigKey> keys = sign_in_client_keys("oidc", "OIDC");
  keys.push_back({"auth.oidc.issuer", ConfigType::text, std::string(), "OIDC_ISSUER", false,
                  "The issuer, exactly as its discovery document names it"});
  keys.push_back({"auth.oidc.title", ConfigType::text, std::string("Single sign-on"), "OIDC_TITLE", false,
                  "What the button on the sign-in page says"});
  keys.push_back({"auth.oidc.scope", ConfigType::text, std::string("openid email profile"), "OIDC_SCOPE", false,
                  "What is asked for; openid is part of it"});
  return {{"openid", "Sign in with any OpenID Connect issuer, found by discovery", std::move(keys), ""}, make};
}

}  // namespace librebird::plugins
