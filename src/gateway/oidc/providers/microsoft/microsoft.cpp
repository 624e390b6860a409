#include <librebird/core/ports/sign_in_provider.hpp>

#include <algorithm>

namespace librebird::plugins {
namespace {

constexpr std::string_view kTemplate = "https://login.microsoftonline.com/{tenantid}/v2.0";

bool is_tenant(std::string_view text) {
  if (text == "common" || text == "organizations" || text == "consumers") return true;
  return text.size() == 36 &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '-'; });
}

Result<std::optional<SignInProvider>> make(const Config& config) {
  auto client = sign_in_client(config, "microsoft");
  if (!client) return std::optional<SignInProvider>();
  const std::string& tenant = config.text("auth.microsoft.tenant");
  if (!is_tenant(tenant)) {
    return {Code::invalid_argument,
            "auth.microsoft.tenant (MICROSOFT_TENANT) must be the directory's id in lower case, or common, "
            "organizations or consumers."};
  }
  SignInProvider provider;
  provider.name = "microsoft";
  provider.title = "Microsoft";
  provider.client_id = std::move(client->id);
  provider.client_secret = std::move(client->secret);
  provider.issuer = "https://login.microsoftonline.com/" + tenant + "/v2.0";
  provider.issuer_template = kTemplate;
  // `email` and `preferred_username` are what a directory's administrator typed, and `email_verified` is not sent:
  // whoever owns some directory could claim anybody's address. Only this optional claim says that the domain's owner
  // vouches for it.
  provider.verified_claim = "xms_edov";
  return std::optional<SignInProvider>(std::move(provider));
}

}  // namespace

SignInProviderPlugin sign_in_microsoft() {
  std::vector<ConfigKey> keys = sign_in_client_keys("microsoft", "MICROSOFT");
  keys.push_back({"auth.microsoft.tenant", ConfigType::text, std::string("common"), "MICROSOFT_TENANT", false,
                  "Whose accounts: a directory's id, or common, organizations or consumers"});
  return {{"microsoft", "Sign in with a Microsoft account", std::move(keys), ""}, make};
}

}  // namespace librebird::plugins
