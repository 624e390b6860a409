#pragma once

// Access tokens: JSON Web Tokens (RFC 7519) signed with HMAC-SHA256, and nothing else: no other algorithm, no `none`,
// no header that is not ours. Pure, any thread.
//
// A token says what its holder was when it was made; what they are now is in the database. It names its session and
// the account's epoch, so that it ends with either.

#include <librebird/base/result.hpp>
#include <librebird/core/model/identity.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

inline constexpr std::int64_t kTokenSeconds = 7LL * 24 * 3600;
inline constexpr std::size_t kLeastTokenKeyBytes = 32;

struct TokenClaims {
  std::string user_id;                 // sub
  std::string email;                   // empty: none
  std::vector<WorkspaceRole> workspaces;  // at most kMostTokenWorkspaces
  std::int64_t issued_at = 0;          // iat, seconds
  std::int64_t expires_at = 0;         // exp, seconds; at most kTokenSeconds later
  std::string session_id;              // sid
  std::int64_t epoch = 0;              // epoch
};

inline constexpr std::size_t kMostTokenWorkspaces = 50;

[[nodiscard]] std::string sign_token(const TokenClaims& claims, std::string_view key);

// Looks like one: three parts. For telling credentials apart, not for trusting.
[[nodiscard]] bool is_token(std::string_view text);
// unauthenticated: malformed, not signed with this key, expired, from the future. `now`: seconds.
[[nodiscard]] Result<TokenClaims> verify_token(std::string_view text, std::string_view key, std::int64_t now);

}  // namespace librebird
