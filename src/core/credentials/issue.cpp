#include <librebird/core/credentials/issue.hpp>

namespace librebird {
namespace {
constexpr std::size_t kShownPrefix = 10;
}  // namespace

Task<Result<std::string>> issue_sign_in_token(CredentialStore& credentials, const Clock& clock, Random& random,
                                              Principal principal, Millis lifetime) {
  std::string token = random_token(random);
  LB_CO_CHECK(co_await credentials.add_sign_in_link(std::move(principal), sha256_hex(token),
                                                    clock.unix_now() + lifetime.count()));
  co_return token;
}

Task<Result<IssuedApiKey>> issue_api_key(CredentialStore& credentials, Random& random, Principal principal,
                                         std::string name) {
  IssuedApiKey issued;
  issued.secret = std::string(kApiKeyPrefix) + random_token(random);
  LB_CO_TRY(key, co_await credentials.add_api_key(std::move(principal), std::move(name),
                                                  issued.secret.substr(0, kShownPrefix), sha256_hex(issued.secret)));
  issued.key = std::move(key);
  co_return issued;
}

std::string sign_in_link(std::string_view base_url, std::string_view token) {
  return std::string(base_url) + "/sign-in#token=" + std::string(token);
}

}  // namespace librebird
