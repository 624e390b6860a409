#pragma once

// Making invitations: only the SHA-256 of the token is stored. Thread rule: loop only. Errors are the store's.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/workspace_stores.hpp>

#include <string>
#include <string_view>

namespace librebird {

inline constexpr Millis kInvitationLifetime{72LL * 3600 * 1000};

struct IssuedInvitation {
  Invitation invitation;
  std::string token;  // shown once
};
Task<Result<IssuedInvitation>> issue_invitation(InvitationStore& invitations, const Clock& clock, Random& random,
                                                Principal principal, Role role, std::optional<std::string> email);

// The link a person opens: the token stands in the fragment, which browsers do not send to servers or logs.
[[nodiscard]] std::string invitation_link(std::string_view base_url, std::string_view token);

// Enough to be mailed to: one @ between something and something with a dot, no spaces, at most 254 bytes.
[[nodiscard]] bool looks_like_email(std::string_view text);

}  // namespace librebird
