#pragma once

// Who may do what: the one table of permissions and roles, and pure functions of it. Every edge (a route, a frame, a
// call of the hands) names the Permission it needs and asks here; docs/permissions.md is generated from this table.
// A permission says what a role may do at all; whose rows it may do it to is a matter of the stores.

#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/tool.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace librebird::policy {

enum class Permission {
  sign_in,
  use_account,
  manage_account,
  create_workspaces,
  read_conversations,
  chat,
  share_conversations,
  use_tools,
  use_device_tools,
  answer_approvals,
  set_tool_mode,
  see_skills,
  connect_skills,
  manage_skills,
  see_members,
  manage_members,
  manage_workspace,
  own_workspace,
  operate,
};

// Each role may do all that the roles below it may, so a row is its least role; none: nobody needs to be signed in.
struct PermissionRow {
  Permission permission;
  std::string_view name;
  std::string_view what;  // begins a sentence: "<what> needs the role ..."
  std::optional<Role> least;
};

inline constexpr std::array<PermissionRow, 19> kPermissions{{
    {Permission::sign_in, "sign_in", "Signing in, and looking at an invitation one holds", std::nullopt},
    {Permission::use_account, "use_account", "Using an account, its keys and its workspaces", Role::guest},
    {Permission::manage_account, "manage_account", "Changing an account, its password, sessions and keys", Role::guest},
    {Permission::create_workspaces, "create_workspaces", "Making a workspace", Role::member},
    {Permission::read_conversations, "read_conversations", "Reading conversations", Role::guest},
    {Permission::chat, "chat", "Sending messages", Role::member},
    {Permission::share_conversations, "share_conversations", "Sharing a conversation", Role::member},
    {Permission::use_tools, "use_tools", "Calling a tool", Role::member},
    {Permission::use_device_tools, "use_device_tools", "Calling a tool that acts on the server's desktop", Role::admin},
    {Permission::answer_approvals, "answer_approvals", "Answering questions about tool calls", Role::member},
    {Permission::set_tool_mode, "set_tool_mode", "Setting the workspace's tool mode", Role::admin},
    {Permission::see_skills, "see_skills", "Seeing skills", Role::member},
    {Permission::connect_skills, "connect_skills", "Connecting to the server of a skill", Role::member},
    {Permission::manage_skills, "manage_skills", "Changing skills", Role::admin},
    {Permission::see_members, "see_members", "Seeing the members", Role::guest},
    {Permission::manage_members, "manage_members", "Inviting, changing and removing members", Role::admin},
    {Permission::manage_workspace, "manage_workspace", "Changing the workspace", Role::admin},
    {Permission::own_workspace, "own_workspace", "Giving away or deleting the workspace", Role::owner},
    {Permission::operate, "operate", "Reading metrics, in the first workspace", Role::owner},
}};

[[nodiscard]] constexpr const PermissionRow& row_of(Permission permission) {
  return kPermissions[static_cast<std::size_t>(permission)];
}
// The table is in the order of the enumeration; this file does not compile otherwise.
static_assert([] {
  for (std::size_t i = 0; i < kPermissions.size(); ++i) {
    if (static_cast<std::size_t>(kPermissions[i].permission) != i) return false;
  }
  return kPermissions.back().permission == Permission::operate;
}());

[[nodiscard]] constexpr bool allows(Role role, Permission permission) {
  const auto least = row_of(permission).least;
  return !least || role >= *least;
}

// What a credential must be good for. An API key has some scopes, everything else has all.
[[nodiscard]] KeyScope scope_of(Permission permission);

struct Decision {
  bool allowed = false;
  std::string reason;  // if not: why, and what would allow it

  explicit operator bool() const { return allowed; }
};

[[nodiscard]] Decision may(const Principal& principal, Permission permission);
// The same as an error: permission_denied with the reason.
[[nodiscard]] Status require(const Principal& principal, Permission permission);
// use_tools, or use_device_tools for those that act on the machine of `serve`; the reason names the tool.
[[nodiscard]] Decision may_call_tool(const Principal& principal, const ToolSpec& tool);

// What a member may do about another's role: up to one's own, to those below, never to oneself and never "owner",
// which is transferred. `target`: the role there is (none: somebody new); `wanted`: the one to be (none: out).
[[nodiscard]] Decision may_change_role(Role actor, std::optional<Role> target, std::optional<Role> wanted);

}  // namespace librebird::policy
