#pragma once

// Who is in a workspace, at this moment; shared by the stores of workspaces and invitations. Inside database work.

#include <librebird/core/model/turn.hpp>
#include <librebird/core/model/workspace.hpp>
#include <librebird/core/policy/permissions.hpp>
#include <librebird/storage/sql/database.hpp>

// With their tables, so that a statement goes on with WHERE.
#define LB_MEMBERSHIPS                                                                  \
  "w.id, w.name, w.owner_id, w.created_at, m.role, m.joined_at FROM workspaces w JOIN " \
  "workspace_members m ON m.workspace_id = w.id"
#define LB_MEMBERS \
  "u.id, u.email, u.display_name, m.role, m.joined_at FROM workspace_members m JOIN users u ON u.id = m.user_id"

namespace librebird::storage {

Result<Role> role_column(const Row& row, int column);

Result<std::optional<Role>> find_role(Connection& db, std::string_view workspace_id, std::string_view user_id);
// The caller as he stands now. not_found: no member (any more). permission_denied: the role does not allow it.
Result<Principal> actor(Connection& db, const Principal& principal, policy::Permission permission);
Status permitted(policy::Decision decision);

Result<WorkspaceMembership> membership_row(const Row& row);
Result<Member> member_row(const Row& row);
Result<WorkspaceMembership> membership(Connection& db, std::string_view workspace_id, std::string_view user_id);
Result<Member> member(Connection& db, std::string_view workspace_id, std::string_view user_id);
// already_exists, resource_exhausted; not_found: there is no such user.
Status insert_member(Connection& db, std::string_view workspace_id, std::string_view user_id, Role role,
                     UnixMillis now);

// What somebody began with rights he has no more. Answers those that are over with it.
Result<std::vector<Turn>> cancel_open_turns(Connection& db, std::string_view workspace_id, std::string_view user_id,
                                            UnixMillis now);
Status revoke_invitations_by(Connection& db, std::string_view workspace_id, std::string_view user_id, UnixMillis now);

}  // namespace librebird::storage
