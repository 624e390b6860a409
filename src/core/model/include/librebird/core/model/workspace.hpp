#pragma once

// Workspaces as their members see them, and the invitations into them. Values; no thread rule.

#include <librebird/core/model/identity.hpp>
#include <librebird/core/model/principal.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace librebird {

// A workspace with one's own place in it.
struct WorkspaceMembership {
  Workspace workspace;
  Role role = Role::guest;
  UnixMillis joined_at = 0;
};

// Somebody of a workspace.
struct Member {
  std::string user_id;
  std::optional<std::string> email;
  std::string display_name;
  Role role = Role::guest;
  UnixMillis joined_at = 0;
};

enum class InvitationState { open, accepted, declined, revoked };

[[nodiscard]] std::string_view to_string(InvitationState state);
[[nodiscard]] std::optional<InvitationState> invitation_state_from_string(std::string_view name);

struct Invitation {
  std::string id;
  std::string workspace_id;
  std::string workspace_name;
  Role role = Role::member;          // that who accepts will have
  std::optional<std::string> email;  // if set: only the user with this address may accept
  std::string invited_by;            // a name for people
  InvitationState state = InvitationState::open;
  UnixMillis created_at = 0;
  UnixMillis expires_at = 0;
};

}  // namespace librebird
