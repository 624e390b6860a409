// `librebird workspace …`, `member …`, `invite …`. The operator acts as the owner of the workspace that is meant.
#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>
#include <librebird/core/credentials/invite.hpp>

#include <fmt/format.h>

#include "terminal.hpp"

namespace librebird::cli {
namespace {

void print(const WorkspaceMembership& it, bool json) {
  if (!json) {
    fmt::print("{}  owner {}  made {}  {}\n", it.workspace.id, it.workspace.owner_id,
               to_rfc3339(it.workspace.created_at), printable(it.workspace.name));
    return;
  }
  JsonWriter line;
  line.begin_object().field("id", it.workspace.id).field("name", it.workspace.name);
  line.field("owner_id", it.workspace.owner_id).field("created_at", to_rfc3339(it.workspace.created_at)).end_object();
  fmt::print("{}\n", line.text());
}

void print(const Member& it, bool json) {
  if (!json) {
    fmt::print("{}  {:<6}  since {}  {}{}\n", it.user_id, to_string(it.role), to_rfc3339(it.joined_at),
               printable(it.display_name), it.email ? " <" + printable(*it.email) + ">" : "");
    return;
  }
  JsonWriter line;
  line.begin_object().field("user_id", it.user_id).field("display_name", it.display_name).field("email", it.email);
  line.field("role", to_string(it.role)).field("joined_at", to_rfc3339(it.joined_at)).end_object();
  fmt::print("{}\n", line.text());
}

void put(JsonWriter& line, const Invitation& it) {
  line.field("id", it.id).field("role", to_string(it.role)).field("email", it.email).field("invited_by", it.invited_by);
  line.field("workspace_id", it.workspace_id).field("created_at", to_rfc3339(it.created_at));
  line.field("expires_at", to_rfc3339(it.expires_at));
}

void print(const Invitation& it, bool json) {
  if (!json) {
    fmt::print("{}  {:<6}  until {}  by {}{}\n", it.id, to_string(it.role), to_rfc3339(it.expires_at),
               printable(it.invited_by), it.email ? "  for " + printable(*it.email) : "");
    return;
  }
  JsonWriter line;
  line.begin_object();
  put(line, it);
  line.end_object();
  fmt::print("{}\n", line.text());
}

template <class T>
int print_all(const Result<std::vector<T>>& all, bool json) {
  if (!all) return fail(all.error());
  for (const T& one : *all) print(one, json);
  return 0;
}

template <class T>
int print_one(const Result<T>& one, bool json) {
  if (!one) return fail(one.error());
  print(*one, json);
  return 0;
}

Result<Role> read_role(const std::string& name) {
  if (const auto role = role_from_string(name)) return *role;
  return make_error(Code::invalid_argument, "The role must be guest, member or admin.");
}

// Of the workspace that was named, else of the installation's first.
Task<Result<Principal>> owner(Operator op, std::string workspace) {
  if (workspace.empty()) co_return co_await op.identities.ensure_owner();
  co_return co_await op.workspaces.owner_of(std::move(workspace));
}

Task<Result<WorkspaceMembership>> create(Operator op, WorkspaceCommand command) {
  LB_CO_TRY(principal, co_await op.identities.ensure_owner());
  if (!command.user.empty()) {
    LB_CO_TRY(user, co_await op.workspaces.find_user(command.user));
    principal.user_id = user.id;
    LB_CO_TRY(role, co_await op.workspaces.role_of(principal.user_id, principal.workspace_id));
    if (!role) {
      // Somebody who is not in the first workspace is in one of his own, or in another.
      LB_CO_TRY(theirs, co_await op.workspaces.list(principal));
      if (theirs.empty())
        co_return make_error(Code::failed_precondition, "This user is in no workspace: add him first.");
      principal.workspace_id = theirs.front().workspace.id;
    }
  }
  co_return co_await op.workspaces.create(std::move(principal), command.name);
}

Task<Result<Member>> change_member(Operator op, Principal principal, WorkspaceCommand command, bool add) {
  LB_CO_TRY(role, read_role(command.role));
  LB_CO_TRY(user, co_await op.workspaces.find_user(command.user));
  if (add) co_return co_await op.workspaces.add_member(std::move(principal), user.id, role);
  LB_CO_TRY(change, co_await op.workspaces.set_role(std::move(principal), user.id, role));
  co_return *change.member;
}

Task<Status> remove_member(Operator op, Principal principal, std::string name) {
  LB_CO_TRY(user, co_await op.workspaces.find_user(std::move(name)));
  LB_CO_CHECK(co_await op.workspaces.remove_member(std::move(principal), user.id));
  co_return Ok{};
}

Task<Status> transfer(Operator op, Principal principal, std::string name) {
  LB_CO_TRY(user, co_await op.workspaces.find_user(std::move(name)));
  co_return co_await op.workspaces.transfer(std::move(principal), user.id);
}

Task<int> invite(Operator op, Principal principal, WorkspaceCommand command) {
  const auto role = read_role(command.role);
  if (!role) co_return fail(role.error());
  std::optional<std::string> email;
  if (!command.email.empty()) email = command.email;
  const auto issued =
      co_await issue_invitation(op.invitations, op.clock, op.random, std::move(principal), *role, email);
  if (!issued) co_return fail(issued.error());
  const std::string link = invitation_link(command.base_url, issued->token);
  if (command.json) {
    JsonWriter line;
    line.begin_object();
    put(line, issued->invitation);
    line.field("link", link).end_object();
    fmt::print("{}\n", line.text());
  } else {
    fmt::print(stderr, "Good once, until {}. Revoke it with: librebird invite revoke {}\n",
               to_rfc3339(issued->invitation.expires_at), issued->invitation.id);
    fmt::print("{}\n", link);
  }
  co_return 0;
}

int done(const Status& status) { return status ? 0 : fail(status.error()); }

}  // namespace

Task<int> run_workspace(Operator op, WorkspaceCommand command) {
  using Verb = WorkspaceCommand::Verb;
  const bool json = command.json;
  if (command.verb == Verb::list) {
    const auto first = co_await op.identities.ensure_owner();
    if (!first) co_return fail(first.error());
    co_return print_all(co_await op.workspaces.list_all(), json);
  }
  if (command.verb == Verb::create) co_return print_one(co_await create(op, command), json);
  const auto principal = co_await owner(op, command.workspace);
  if (!principal) co_return fail(principal.error());
  switch (command.verb) {
    case Verb::show: co_return print_one(co_await op.workspaces.get(*principal), json);
    case Verb::rename: co_return print_one(co_await op.workspaces.rename(*principal, command.name), json);
    case Verb::remove: co_return done(co_await op.workspaces.remove(*principal));
    case Verb::transfer: co_return done(co_await transfer(op, *principal, command.user));
    case Verb::list_members: co_return print_all(co_await op.workspaces.list_members(*principal), json);
    case Verb::add_member: co_return print_one(co_await change_member(op, *principal, command, true), json);
    case Verb::set_role: co_return print_one(co_await change_member(op, *principal, command, false), json);
    case Verb::remove_member: co_return done(co_await remove_member(op, *principal, command.user));
    case Verb::invite: co_return co_await invite(op, *principal, command);
    case Verb::list_invitations: co_return print_all(co_await op.invitations.list(*principal), json);
    case Verb::revoke_invitation: co_return done(co_await op.invitations.revoke(*principal, command.id));
    case Verb::list:
    case Verb::create: break;  // above
  }
  co_return 1;
}

}  // namespace librebird::cli
