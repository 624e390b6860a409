#include "membership.hpp"

#include <librebird/core/ports/workspace_stores.hpp>

#include "rows.hpp"

namespace librebird::storage {

Result<WorkspaceMembership> membership_row(const Row& row) {
  WorkspaceMembership out;
  out.workspace = {row.string(0), row.string(1), row.string(2), row.integer(3)};
  LB_TRY(role, role_column(row, 4));
  out.role = role;
  out.joined_at = row.integer(5);
  return out;
}

Result<Member> member_row(const Row& row) {
  LB_TRY(role, role_column(row, 3));
  return Member{row.string(0), row.optional_string(1), row.string(2), role, row.integer(4)};
}

Result<Role> role_column(const Row& row, int column) {
  const std::optional<Role> role = role_from_string(row.text(column));
  if (!role) return {Code::data_loss, "A stored role is unknown: restore the database from a backup."};
  return *role;
}

Result<std::optional<Role>> find_role(Connection& db, std::string_view workspace_id, std::string_view user_id) {
  auto role = [](const Row& row) { return role_column(row, 0); };
  return db.one("SELECT role FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", role, workspace_id,
                user_id);
}

Result<Principal> actor(Connection& db, const Principal& principal, policy::Permission permission) {
  LB_TRY(role, found(find_role(db, principal.workspace_id, principal.user_id), "workspace"));
  Principal now = principal;
  now.role = role;
  LB_CHECK(policy::require(now, permission));
  return now;
}

Status permitted(policy::Decision decision) {
  if (decision) return Ok{};
  return make_error(Code::permission_denied, std::move(decision.reason));
}

Result<WorkspaceMembership> membership(Connection& db, std::string_view workspace_id, std::string_view user_id) {
  return found(
      db.one("SELECT " LB_MEMBERSHIPS " WHERE w.id = $1 AND m.user_id = $2", membership_row, workspace_id, user_id),
      "workspace");
}

Result<Member> member(Connection& db, std::string_view workspace_id, std::string_view user_id) {
  return found(
      db.one("SELECT " LB_MEMBERS " WHERE m.workspace_id = $1 AND m.user_id = $2", member_row, workspace_id, user_id),
      "member");
}

Status insert_member(Connection& db, std::string_view workspace_id, std::string_view user_id, Role role,
                     UnixMillis now) {
  auto number = [](const Row& row) { return row.integer(0); };
  LB_CHECK(found(db.one("SELECT 1 FROM users WHERE id = $1", number, user_id), "user"));
  LB_TRY(count, db.one("SELECT COUNT(*) FROM workspace_members WHERE workspace_id = $1", number, workspace_id));
  if (count.value_or(0) >= kMostMembers) {
    return {Code::resource_exhausted, "The workspace has as many members as it can have: remove one first."};
  }
  LB_TRY(added, db.execute("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) "
                           "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                           workspace_id, user_id, to_string(role), now));
  if (added == 0) return {Code::already_exists, "This user is a member of the workspace already; nothing was changed."};
  return Ok{};
}

Result<std::vector<Turn>> cancel_open_turns(Connection& db, std::string_view workspace_id, std::string_view user_id,
                                            UnixMillis now) {
  LB_TRY(rows, db.all("UPDATE turns SET cancel_requested = 1, "
                      "finished_at = CASE WHEN status = 'queued' THEN $3 ELSE finished_at END, "
                      "status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END "
                      "WHERE workspace_id = $1 AND user_id = $2 AND finished_at IS NULL RETURNING " LB_TURN_COLUMNS,
                      turn_row, workspace_id, user_id, now));
  std::vector<Turn> ended;
  for (TurnRow& row : rows) {
    if (is_final(row.turn.status)) ended.push_back(std::move(row.turn));
  }
  return ended;
}

Status revoke_invitations_by(Connection& db, std::string_view workspace_id, std::string_view user_id, UnixMillis now) {
  LB_CHECK(
      db.execute("UPDATE invitations SET state = 'revoked', closed_at = $3 "
                 "WHERE workspace_id = $1 AND invited_by = $2 AND state = 'open'",
                 workspace_id, user_id, now));
  return Ok{};
}

}  // namespace librebird::storage
