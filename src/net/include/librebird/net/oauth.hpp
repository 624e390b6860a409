#pragma once

// What clients of OAuth 2.0 write: forms, their credentials, and the proof that who asks is who began. Pure, any
// thread.

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace librebird::net {

using Form = std::vector<std::pair<std::string, std::string>>;
// application/x-www-form-urlencoded; also a URL's query.
[[nodiscard]] std::string form_encoded(const Form& form);
// The value of Authorization with a client's id and secret, both form-encoded first (RFC 6749, 2.3.1).
[[nodiscard]] std::string basic_authorization(std::string_view id, std::string_view secret);
// BASE64URL(SHA256(verifier)): RFC 7636's S256.
[[nodiscard]] std::string pkce_challenge(std::string_view verifier);

}  // namespace librebird::net
