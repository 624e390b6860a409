#pragma once

// Time-based one-time passwords (RFC 6238: SHA-1, six digits, 30 seconds) as authenticator apps make them, and the
// recovery codes beside them. Pure, any thread.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

[[nodiscard]] std::string new_totp_secret(Random& random);  // 20 bytes
// RFC 4648, without padding: how a person types the secret into an app.
[[nodiscard]] std::string base32(std::string_view bytes);
// What the picture shows to an app.
[[nodiscard]] std::string totp_uri(std::string_view issuer, std::string_view account, std::string_view secret);

[[nodiscard]] std::string totp_code(std::string_view secret, std::int64_t step);
// The step whose code this is: the present one, or one before or after it (clocks differ). nullopt: none.
[[nodiscard]] std::optional<std::int64_t> totp_step(std::string_view secret, std::string_view code, UnixMillis now);

// Ten codes of 80 random bits, "XXXX-XXXX-XXXX-XXXX".
[[nodiscard]] std::vector<std::string> new_recovery_codes(Random& random);
// How one is stored, however it was typed. Empty: it has not the form of one.
[[nodiscard]] std::string recovery_hash(std::string_view code);

}  // namespace librebird
