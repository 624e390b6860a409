#include <librebird/core/ports/workspace_stores.hpp>

#include "factories.hpp"
#include "membership.hpp"
#include "rows.hpp"

// WorkspaceMembership decides what an engine's row-level security shows, so it is read and changed as the platform
// itself; every statement names user and workspace, and each change looks the caller's role up first.

namespace librebird::storage {
namespace {

using policy::Permission;

class SqlWorkspaceStore final : public WorkspaceStore {
 public:
  explicit SqlWorkspaceStore(Context context) : context_(context) {}

  Task<Result<WorkspaceMembership>> create(Principal principal, std::string name) override {
    const std::string id = context_.ids.next();
    const UnixMillis now = context_.clock.unix_now();
    name = clean_text(std::move(name));
    auto work = [&](Connection& db) -> Result<WorkspaceMembership> {
      LB_CHECK(actor(db, principal, Permission::create_workspaces));
      LB_TRY(owned, owned_by(db, principal.user_id));
      if (owned >= kMostWorkspaces) {
        return {Code::resource_exhausted, "You own as many workspaces as one user can: delete or transfer one first."};
      }
      LB_CHECK(db.execute("INSERT INTO workspaces (id, name, owner_id, created_at) VALUES ($1, $2, $3, $4)", id, name,
                          principal.user_id, now));
      LB_CHECK(insert_member(db, id, principal.user_id, Role::owner, now));
      const Principal owner{principal.user_id, id, Role::owner, principal.credential_id};
      LB_CHECK(note(db, context_.audit, owner, "workspace", "made"));
      return membership(db, id, principal.user_id);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::vector<WorkspaceMembership>>> list(Principal principal) override {
    auto work = [&](Connection& db) {
      return db.all("SELECT " LB_MEMBERSHIPS " WHERE m.user_id = $1 ORDER BY w.name, w.id", membership_row,
                    principal.user_id);
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<WorkspaceMembership>> get(Principal principal) override {
    auto work = [&](Connection& db) { return membership(db, principal.workspace_id, principal.user_id); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<WorkspaceMembership>> rename(Principal principal, std::string name) override {
    name = clean_text(std::move(name));
    auto work = [&](Connection& db) -> Result<WorkspaceMembership> {
      LB_TRY(me, actor(db, principal, Permission::manage_workspace));
      LB_CHECK(db.execute("UPDATE workspaces SET name = $2 WHERE id = $1", principal.workspace_id, name));
      LB_CHECK(note(db, context_.audit, me, "workspace", "renamed"));
      return membership(db, principal.workspace_id, principal.user_id);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> remove(Principal principal) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(me, actor(db, principal, Permission::own_workspace));
      LB_TRY(owned, owned_by(db, principal.user_id));
      if (owned < 2) {
        return {Code::failed_precondition,
                "This is the only workspace its owner has: make another one before this one is deleted."};
      }
      auto id = [](const Row& row) { return row.string(0); };
      LB_TRY(conversations, db.all("SELECT id FROM conversations WHERE workspace_id = $1", id, principal.workspace_id));
      for (const std::string& conversation : conversations) LB_CHECK(context_.search.removing(db, conversation));
      // What was asked about stays on record, like the audit log; what it was about goes.
      LB_CHECK(db.execute("UPDATE approvals SET arguments = '{}' WHERE workspace_id = $1", principal.workspace_id));
      LB_CHECK(note(db, context_.audit, me, "workspace", "deleted"));
      LB_CHECK(db.execute("DELETE FROM usage_limits WHERE workspace_id = $1", principal.workspace_id));
      LB_CHECK(db.execute("DELETE FROM workspaces WHERE id = $1", principal.workspace_id));
      return context_.search.removed(db);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> transfer(Principal principal, std::string user_id) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(me, actor(db, principal, Permission::own_workspace));
      if (user_id == principal.user_id) {
        return {Code::invalid_argument, "You are the owner already: name the member who is to be it."};
      }
      LB_CHECK(member(db, principal.workspace_id, user_id));
      LB_TRY(owned, owned_by(db, user_id));
      if (owned >= kMostWorkspaces) {
        return {Code::resource_exhausted, "This member owns as many workspaces as one user can."};
      }
      // In this order: there is never a second owner.
      LB_CHECK(put_role(db, principal.workspace_id, principal.user_id, Role::owner, Role::admin));
      LB_TRY(role, found(find_role(db, principal.workspace_id, user_id), "member"));
      LB_CHECK(put_role(db, principal.workspace_id, user_id, role, Role::owner));
      LB_CHECK(db.execute("UPDATE workspaces SET owner_id = $2 WHERE id = $1", principal.workspace_id, user_id));
      return note(db, context_.audit, me, user_id, "made the owner");
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::vector<Member>>> list_members(Principal principal) override {
    auto work = [&](Connection& db) -> Result<std::vector<Member>> {
      LB_CHECK(actor(db, principal, Permission::see_members));
      return db.all("SELECT " LB_MEMBERS " WHERE m.workspace_id = $1 ORDER BY m.joined_at, m.user_id", member_row,
                    principal.workspace_id);
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<Member>> add_member(Principal principal, std::string user_id, Role role) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<Member> {
      LB_TRY(me, actor(db, principal, Permission::manage_members));
      LB_CHECK(permitted(policy::may_change_role(me.role, std::nullopt, role)));
      LB_CHECK(insert_member(db, principal.workspace_id, user_id, role, now));
      LB_CHECK(note(db, context_.audit, me, user_id, "added as " + std::string(to_string(role))));
      return member(db, principal.workspace_id, user_id);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<MemberChange>> set_role(Principal principal, std::string user_id, Role role) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<MemberChange> {
      LB_TRY(me, actor(db, principal, Permission::manage_members));
      LB_TRY(target, member(db, principal.workspace_id, user_id));
      LB_CHECK(permitted(policy::may_change_role(me.role, target.role, role)));
      LB_CHECK(put_role(db, principal.workspace_id, user_id, target.role, role));
      LB_CHECK(note(db, context_.audit, me, user_id,
                    std::string(to_string(target.role)) + " becomes " + std::string(to_string(role))));
      MemberChange change;
      change.fewer_rights = role < target.role;
      if (change.fewer_rights) {
        LB_TRY(ended, cancel_open_turns(db, principal.workspace_id, user_id, now));
        change.ended = std::move(ended);
        LB_CHECK(revoke_invitations_by(db, principal.workspace_id, user_id, now));
      }
      LB_TRY(after, member(db, principal.workspace_id, user_id));
      change.member = std::move(after);
      return change;
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<MemberChange>> remove_member(Principal principal, std::string user_id) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<MemberChange> {
      LB_TRY(me, actor(db, principal, Permission::manage_members));
      if (user_id == principal.user_id) {
        return {Code::invalid_argument, "Nobody removes himself: leave the workspace instead."};
      }
      LB_TRY(target, member(db, principal.workspace_id, user_id));
      LB_CHECK(permitted(policy::may_change_role(me.role, target.role, std::nullopt)));
      LB_CHECK(note(db, context_.audit, me, user_id, "removed"));
      return part_with(db, principal.workspace_id, user_id, now);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<MemberChange>> leave(Principal principal) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<MemberChange> {
      LB_TRY(me, actor(db, principal, Permission::use_account));
      if (me.role == Role::owner) {
        return {Code::failed_precondition,
                "The owner cannot leave: transfer the workspace to another member first, or delete it."};
      }
      LB_CHECK(note(db, context_.audit, me, principal.user_id, "left"));
      return part_with(db, principal.workspace_id, principal.user_id, now);
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::optional<Role>>> role_of(std::string user_id, std::string workspace_id) override {
    auto work = [&](Connection& db) { return find_role(db, workspace_id, user_id); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::vector<WorkspaceMembership>>> list_all() override {
    auto work = [](Connection& db) {
      return db.all("SELECT " LB_MEMBERSHIPS " WHERE m.role = 'owner' ORDER BY w.created_at, w.id", membership_row);
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<Principal>> owner_of(std::string workspace_id) override {
    auto work = [&](Connection& db) -> Result<Principal> {
      auto owner = [](const Row& row) { return Principal{row.string(0), row.string(1), Role::owner, ""}; };
      return found(db.one("SELECT owner_id, id FROM workspaces WHERE id = $1", owner, workspace_id), "workspace");
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<User>> find_user(std::string id_or_email) override {
    auto work = [&](Connection& db) -> Result<User> {
      auto user = [](const Row& row) {
        return User{row.string(0), row.optional_string(1), row.string(2), row.integer(3)};
      };
      return found(db.one("SELECT id, email, display_name, created_at FROM users WHERE id = $1 OR "
                          "LOWER(email) = LOWER($1) ORDER BY id LIMIT 1",
                          user, id_or_email),
                   "user");
    };
    co_return co_await context_.database.read(kService, work);
  }

 private:
  static Result<std::int64_t> owned_by(Connection& db, std::string_view user_id) {
    auto number = [](const Row& row) { return row.integer(0); };
    LB_TRY(count,
           db.one("SELECT COUNT(*) FROM workspace_members WHERE user_id = $1 AND role = 'owner'", number, user_id));
    return count.value_or(0);
  }

  // From the role that was read: a change in between is not overwritten.
  static Status put_role(Connection& db, std::string_view workspace_id, std::string_view user_id, Role from, Role to) {
    LB_TRY(changed, db.execute("UPDATE workspace_members SET role = $4 WHERE workspace_id = $1 AND user_id = $2 AND "
                               "role = $3",
                               workspace_id, user_id, to_string(from), to_string(to)));
    if (changed == 1) return Ok{};
    return {Code::failed_precondition, "This member's role was changed at the same moment: look again."};
  }

  // What becomes of what they made: see the port.
  static Result<MemberChange> part_with(Connection& db, std::string_view workspace_id, std::string_view user_id,
                                        UnixMillis now) {
    MemberChange change;
    change.fewer_rights = true;
    LB_TRY(ended, cancel_open_turns(db, workspace_id, user_id, now));
    change.ended = std::move(ended);
    LB_CHECK(revoke_invitations_by(db, workspace_id, user_id, now));
    LB_CHECK(
        db.execute("UPDATE approvals SET state = 'withdrawn', decided_at = $3 WHERE workspace_id = $1 AND user_id = $2 "
                   "AND state = 'open'",
                   workspace_id, user_id, now));
    LB_CHECK(
        db.execute("UPDATE conversations SET user_id = (SELECT owner_id FROM workspaces WHERE id = $1) "
                   "WHERE workspace_id = $1 AND user_id = $2 AND (workspace_access <> 'none' OR EXISTS "
                   "(SELECT 1 FROM conversation_shares s WHERE s.conversation_id = conversations.id))",
                   workspace_id, user_id));
    // Whoever owns one needs no share of it.
    LB_CHECK(
        db.execute("DELETE FROM conversation_shares WHERE workspace_id = $1 AND EXISTS "
                   "(SELECT 1 FROM conversations c WHERE c.id = conversation_shares.conversation_id AND "
                   "c.user_id = conversation_shares.user_id)",
                   workspace_id));
    // No row refers to the membership: what opens other servers for this person goes by hand.
    LB_CHECK(db.execute("DELETE FROM secrets WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id));
    // Keys, sessions, links, standing answers and shares go with the membership.
    LB_TRY(gone,
           db.execute("DELETE FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id));
    if (gone == 0) return not_found("member");
    return change;
  }

  Context context_;
};

}  // namespace

std::unique_ptr<WorkspaceStore> make_workspace_store(Context context) {
  return std::make_unique<SqlWorkspaceStore>(context);
}

}  // namespace librebird::storage
