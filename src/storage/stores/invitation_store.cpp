#include <librebird/core/ports/workspace_stores.hpp>

#include "factories.hpp"
#include "membership.hpp"
#include "rows.hpp"

// As in workspace_store.cpp: memberships are the platform's own business, and every statement says whose.

#define LB_INVITATION_COLUMNS                                                                                \
  "i.id, i.workspace_id, w.name, i.role, i.email, u.display_name, i.state, i.created_at, i.expires_at FROM " \
  "invitations i JOIN workspaces w ON w.id = i.workspace_id JOIN users u ON u.id = i.invited_by"

namespace librebird::storage {
namespace {

using policy::Permission;

Result<Invitation> invitation_row(const Row& row) {
  Invitation out;
  out.id = row.string(0);
  out.workspace_id = row.string(1);
  out.workspace_name = row.string(2);
  LB_TRY(role, role_column(row, 3));
  out.role = role;
  out.email = row.optional_string(4);
  out.invited_by = row.string(5);
  const auto state = invitation_state_from_string(row.text(6));
  if (!state) return {Code::data_loss, "A stored invitation's state is unknown: restore the database from a backup."};
  out.state = *state;
  out.created_at = row.integer(7);
  out.expires_at = row.integer(8);
  return out;
}

Error unknown_invitation() {
  return make_error(Code::not_found, "This invitation is unknown, used, withdrawn or expired: ask for a new one.");
}

class SqlInvitationStore final : public InvitationStore {
 public:
  explicit SqlInvitationStore(Context context) : context_(context) {}

  Task<Result<Invitation>> create(Principal principal, std::string token_hash, Role role,
                                  std::optional<std::string> email, UnixMillis expires_at) override {
    const std::string id = context_.ids.next();
    const UnixMillis now = context_.clock.unix_now();
    if (email) email = clean_text(*std::move(email));
    auto work = [&](Connection& db) -> Result<Invitation> {
      LB_TRY(me, actor(db, principal, Permission::manage_members));
      LB_CHECK(permitted(policy::may_change_role(me.role, std::nullopt, role)));
      auto number = [](const Row& row) { return row.integer(0); };
      LB_TRY(open, db.one("SELECT COUNT(*) FROM invitations WHERE workspace_id = $1 AND state = 'open' AND "
                          "expires_at > $2",
                          number, principal.workspace_id, now));
      if (open.value_or(0) >= kMostOpenInvitations) {
        return {Code::resource_exhausted, "The workspace has as many open invitations as it can have: revoke some."};
      }
      LB_CHECK(db.execute(
          "INSERT INTO invitations (id, token_hash, workspace_id, invited_by, role, email, state, "
          "created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, 'open', $7, $8)",
          id, token_hash, principal.workspace_id, principal.user_id, to_string(role), email, now, expires_at));
      LB_CHECK(note(db, context_.audit, me, id, "invitation made, as " + std::string(to_string(role))));
      return found(db.one("SELECT " LB_INVITATION_COLUMNS " WHERE i.id = $1", invitation_row, id), "invitation");
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::vector<Invitation>>> list(Principal principal) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<std::vector<Invitation>> {
      LB_CHECK(actor(db, principal, Permission::manage_members));
      return db.all("SELECT " LB_INVITATION_COLUMNS
                    " WHERE i.workspace_id = $1 AND i.state = 'open' AND i.expires_at > $2 ORDER BY i.id DESC",
                    invitation_row, principal.workspace_id, now);
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Status> revoke(Principal principal, std::string id) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_TRY(me, actor(db, principal, Permission::manage_members));
      LB_TRY(revoked, db.execute("UPDATE invitations SET state = 'revoked', closed_at = $3 "
                                 "WHERE id = $1 AND workspace_id = $2 AND state = 'open'",
                                 id, principal.workspace_id, now));
      if (revoked == 0) return not_found("open invitation");
      return note(db, context_.audit, me, id, "invitation revoked");
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<Invitation>> find(std::string token_hash) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) { return open_invitation(db, token_hash, now); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<WorkspaceMembership>> accept(std::string token_hash, std::string user_id) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<WorkspaceMembership> {
      LB_TRY(invitation, open_invitation(db, token_hash, now));
      auto number = [](const Row& row) { return row.integer(0); };
      LB_TRY(meant,
             db.one("SELECT 1 FROM users WHERE id = $1 AND (CAST($2 AS TEXT) IS NULL OR LOWER(email) = LOWER($2))",
                    number, user_id, invitation.email));
      if (!meant) {
        return {Code::permission_denied,
                "This invitation is for another e-mail address: sign in with the account it was sent to, or ask for "
                "a new one."};
      }
      LB_CHECK(close(db, token_hash, InvitationState::accepted, user_id, now));
      LB_CHECK(insert_member(db, invitation.workspace_id, user_id, invitation.role, now));
      const Principal joined{user_id, invitation.workspace_id, invitation.role, ""};
      LB_CHECK(note(db, context_.audit, joined, invitation.id, "invitation accepted"));
      return membership(db, invitation.workspace_id, user_id);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> decline(std::string token_hash) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(open_invitation(db, token_hash, now));
      return close(db, token_hash, InvitationState::declined, std::nullopt, now);
    };
    co_return co_await context_.database.write(kService, work);
  }

 private:
  static Result<Invitation> open_invitation(Connection& db, std::string_view token_hash, UnixMillis now) {
    LB_TRY(invitation,
           db.one("SELECT " LB_INVITATION_COLUMNS " WHERE i.token_hash = $1 AND i.state = 'open' AND i.expires_at > $2",
                  invitation_row, token_hash, now));
    if (!invitation) return unknown_invitation();
    return *std::move(invitation);
  }

  // Of two at the same moment one is the first.
  static Status close(Connection& db, std::string_view token_hash, InvitationState state,
                      std::optional<std::string_view> user_id, UnixMillis now) {
    LB_TRY(closed, db.execute("UPDATE invitations SET state = $2, user_id = $3, closed_at = $4 "
                              "WHERE token_hash = $1 AND state = 'open'",
                              token_hash, to_string(state), user_id, now));
    return closed == 1 ? Status(Ok{}) : Status(unknown_invitation());
  }

  Context context_;
};

}  // namespace

std::unique_ptr<InvitationStore> make_invitation_store(Context context) {
  return std::make_unique<SqlInvitationStore>(context);
}

}  // namespace librebird::storage
