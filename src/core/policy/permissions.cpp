#include <librebird/core/policy/permissions.hpp>

namespace librebird::policy {
namespace {

Decision decide(const Principal& principal, Permission permission, std::string_view what) {
  const PermissionRow& row = row_of(permission);
  if (!row.least) return {true, {}};
  if (principal.user_id.empty() || principal.workspace_id.empty()) {
    return {false, "Nobody is signed in; sign in first."};
  }
  if (allows(principal.role, permission)) return {true, {}};
  return {false, std::string(what) + " needs the role " + std::string(to_string(*row.least)) +
                     " or above; yours is " + std::string(to_string(principal.role)) +
                     ". Ask an owner of the workspace."};
}

}  // namespace

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
