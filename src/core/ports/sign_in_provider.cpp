#include <librebird/core/ports/sign_in_provider.hpp>

namespace librebird {

std::vector<ConfigKey> sign_in_client_keys(std::string_view name, std::string_view env_prefix) {
  const std::string prefix = "auth." + std::string(name) + ".";
  const std::string env(env_prefix);
  return {
      {prefix + "client_id", ConfigType::text, std::string(), env + "_CLIENT_ID", false,
       "The client id that the provider gave this server; empty: nobody signs in this way"},
      {prefix + "client_secret", ConfigType::text, std::string(), env + "_CLIENT_SECRET", true,
       "The secret that goes with the client id"},
  };
}

std::optional<SignInClient> sign_in_client(const Config& config, std::string_view name) {
  const std::string prefix = "auth." + std::string(name) + ".";
  SignInClient client{config.text(prefix + "client_id"), config.text(prefix + "client_secret")};
  if (client.id.empty()) return std::nullopt;
  return client;
}

bool is_trusted_origin(std::string_view url) {
  if (url.starts_with("https://")) return url.size() > 8 && url[8] != '/';
  for (const std::string_view local : {"http://localhost", "http://127.0.0.1", "http://[::1]"}) {
    if (!url.starts_with(local)) continue;
    const std::string_view rest = url.substr(local.size());
    if (rest.empty() || rest.front() == '/') return true;
    if (rest.front() != ':') continue;
    const std::string_view port = rest.substr(1, rest.find('/') - 1);
    return !port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos;
  }
  return false;
}

}  // namespace librebird
