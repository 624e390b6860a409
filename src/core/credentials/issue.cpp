#include <librebird/core/credentials/issue.hpp>

#include <librebird/core/policy/address.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird {
namespace {
constexpr std::size_t kShownPrefix = 10;
constexpr std::int64_t kMostDays = 3650;
constexpr std::size_t kMostRanges = 20;
}  // namespace

Task<Result<std::string>> issue_sign_in_token(CredentialStore& credentials, const Clock& clock, Random& random,
                                              Principal principal, Millis lifetime) {
  std::string token = random_token(random);
  LB_CO_CHECK(co_await credentials.add_sign_in_link(std::move(principal), sha256_hex(token),
                                                    clock.unix_now() + lifetime.count()));
  co_return token;
}

Task<Result<IssuedApiKey>> issue_api_key(CredentialStore& credentials, Random& random, Principal principal,
                                         NewApiKey key) {
  IssuedApiKey issued;
  issued.secret = std::string(kApiKeyPrefix) + random_token(random);
  key.prefix = issued.secret.substr(0, kShownPrefix);
  key.hash = sha256_hex(issued.secret);
  LB_CO_TRY(made, co_await credentials.add_api_key(std::move(principal), std::move(key)));
  issued.key = std::move(made);
  co_return issued;
}

Result<NewApiKey> api_key_request(std::string name, const std::vector<std::string>& scopes, std::int64_t days,
                                  std::vector<std::string> cidrs, UnixMillis now) {
  NewApiKey key;
  key.name = std::move(name);
  for (const std::string& text : scopes) {
    const auto scope = scope_from_string(text);
    if (!scope || std::ranges::find(api_key_scopes(), *scope) == api_key_scopes().end()) {
      return {Code::invalid_argument,
              fmt::format("An API key cannot have the scope \"{}\": choose among read, chat, tools and admin.",
                          text.substr(0, 40))};
    }
    key.scopes.add(*scope);
  }
  if (key.scopes.empty()) {
    return {Code::invalid_argument, "An API key needs at least one scope: read, chat, tools or admin."};
  }
  if (days < 0 || days > kMostDays) {
    return {Code::invalid_argument, fmt::format("An API key expires after 1 to {} days, or (0) never.", kMostDays)};
  }
  if (days > 0) key.expires_at = now + days * 24 * 3600 * 1000;
  if (cidrs.size() > kMostRanges) {
    return {Code::invalid_argument, fmt::format("An API key takes at most {} address ranges.", kMostRanges)};
  }
  for (const std::string& text : cidrs) {
    LB_TRY(range, policy::AddressRange::parse(text));
    key.cidrs.push_back(range.text());
  }
  return key;
}

std::string sign_in_link(std::string_view base_url, std::string_view token) {
  return std::string(base_url) + "/sign-in#token=" + std::string(token);
}

}  // namespace librebird
