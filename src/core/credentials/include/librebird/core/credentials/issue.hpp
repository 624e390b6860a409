#pragma once

// Making credentials: the one place where secrets are born. Only their SHA-256 is stored; they carry 256 random bits.
// Thread rule: loop only. Errors are the store's.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/stores.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace librebird {

inline constexpr std::string_view kApiKeyPrefix = "lb_";

// A new one-time sign-in token; the caller shows the link.
Task<Result<std::string>> issue_sign_in_token(CredentialStore& credentials, const Clock& clock, Random& random,
                                              Principal principal, Millis lifetime = Millis(15 * 60 * 1000));

struct IssuedApiKey {
  ApiKey key;
  std::string secret;  // shown once
};
// `key` names neither prefix nor hash.
Task<Result<IssuedApiKey>> issue_api_key(CredentialStore& credentials, Random& random, Principal principal,
                                         NewApiKey key);
// What is asked of an API key, from text: scopes (none: invalid_argument), days until it expires (0: never), ranges of
// addresses.
[[nodiscard]] Result<NewApiKey> api_key_request(std::string name, const std::vector<std::string>& scopes,
                                                std::int64_t days, std::vector<std::string> cidrs, UnixMillis now);

// The link a person opens: the token stands in the fragment, which browsers do not send to servers or logs.
[[nodiscard]] std::string sign_in_link(std::string_view base_url, std::string_view token);

}  // namespace librebird
