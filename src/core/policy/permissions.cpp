#include <librebird/core/policy/permissions.hpp>

namespace librebird::policy {
namespace {

Decision decide(const Principal& principal, Permission permission, std::string_view what) {
  const PermissionRow& row = row_of(permission);
  if (!row.least) return {true, {}};
  if (principal.user_id.empty()) return {false, "Nobody is signed in; sign in first."};
  if (principal.workspace_id.empty() && permission != Permission::use_account) {
    return {false, "You are in no workspace: accept an invitation into one."};
  }
  const KeyScope scope = scope_of(permission);
  if (!principal.scopes.has(scope)) {
    return {false, std::string(what) + " needs the scope " + std::string(to_string(scope)) +
                       (scope == KeyScope::account ? ", which no API key has: sign in instead."
                                                   : ", which this API key was not given: make one that has it.")};
  }
  if (allows(principal.role, permission)) return {true, {}};
  return {false, std::string(what) + " needs the role " + std::string(to_string(*row.least)) + " or above; yours is " +
                     std::string(to_string(principal.role)) + ". Ask an owner of the workspace."};
}

}  // namespace

KeyScope scope_of(Permission permission) {
  switch (permission) {
    case Permission::sign_in:
    case Permission::use_account:
    case Permission::read_conversations:
    case Permission::see_skills:
    case Permission::see_members: return KeyScope::read;
    case Permission::chat:
    case Permission::share_conversations: return KeyScope::chat;
    case Permission::use_tools:
    case Permission::use_device_tools:
    case Permission::answer_approvals: return KeyScope::tools;
    case Permission::create_workspaces:
    case Permission::set_tool_mode:
    case Permission::manage_skills:
    case Permission::manage_members:
    case Permission::manage_workspace:
    case Permission::own_workspace:
    case Permission::operate: return KeyScope::admin;
    case Permission::connect_skills:
    case Permission::manage_account: return KeyScope::account;
  }
  return KeyScope::account;
}

Decision may(const Principal& principal, Permission permission) {
  return decide(principal, permission, row_of(permission).what);
}

Status require(const Principal& principal, Permission permission) {
  if (Decision decision = may(principal, permission); !decision) {
    return make_error(Code::permission_denied, std::move(decision.reason));
  }
  return Ok{};
}

Decision may_call_tool(const Principal& principal, const ToolSpec& tool) {
  const bool device = tool.runs_on == RunsOn::device;
  return decide(principal, device ? Permission::use_device_tools : Permission::use_tools, "The tool " + tool.name);
}

Decision may_change_role(Role actor, std::optional<Role> target, std::optional<Role> wanted) {
  if (!allows(actor, Permission::manage_members)) {
    return {false, "Inviting, changing and removing members needs the role admin or above; yours is " +
                       std::string(to_string(actor)) + "."};
  }
  if (target == Role::owner) return {false, "The owner stays the owner until the workspace is transferred."};
  if (wanted == Role::owner) return {false, "There is one owner: the owner transfers the workspace instead."};
  if (target && *target >= actor) {
    return {false, "Nobody changes the role of somebody who stands as high; ask the owner of the workspace."};
  }
  if (wanted && *wanted > actor) return {false, "Nobody gives a role above his own; ask the owner of the workspace."};
  return {true, {}};
}

}  // namespace librebird::policy
