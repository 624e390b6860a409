#pragma once

// Base64url without padding (RFC 7515), strictly, and keyed hashes. Private.

#include <optional>
#include <string>
#include <string_view>

namespace librebird::credentials {

[[nodiscard]] std::string base64url(std::string_view bytes);
// nullopt: another alphabet, padding, an impossible length, or spare bits that are not zero.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);

[[nodiscard]] std::string hmac_sha1(std::string_view key, std::string_view text);
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view text);

// Unicode's composed form (NFC). nullopt: not UTF-8.
[[nodiscard]] std::optional<std::string> composed(std::string_view text);

}  // namespace librebird::credentials
