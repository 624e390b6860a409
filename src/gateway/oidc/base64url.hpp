#pragma once

// The base64url of tokens and keys. Pure, any thread. Private.

#include <optional>
#include <string>
#include <string_view>

namespace librebird::gateway::oidc {

// RFC 7515's base64url, strictly. nullopt: anything else.
[[nodiscard]] std::optional<std::string> from_base64url(std::string_view text);
[[nodiscard]] std::string to_base64url(std::string_view bytes);

}  // namespace librebird::gateway::oidc
