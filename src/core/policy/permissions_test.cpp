#include <librebird/core/policy/permissions.hpp>

#include <gtest/gtest.h>

#include <set>

namespace librebird::policy {
namespace {

constexpr Role kRoles[] = {Role::guest, Role::member, Role::admin, Role::owner};

Principal as(Role role) { return Principal{"u", "w", role, "c"}; }

// Written out once more, by hand: whoever changes the table changes a decision, and says so here.
TEST(Permissions, AreWhatWasDecided) {
  std::set<std::string_view> of[4];
  std::set<std::string_view> anyone;
  for (const PermissionRow& row : kPermissions) {
    if (!row.least) anyone.insert(row.name);
    for (const Role role : kRoles) {
      if (row.least == role) of[static_cast<int>(role)].insert(row.name);
    }
  }
  using Names = std::set<std::string_view>;
  EXPECT_EQ(anyone, (Names{"sign_in"}));
  EXPECT_EQ(of[0], (Names{"use_account", "manage_account", "read_conversations", "see_members"}));
  EXPECT_EQ(of[1], (Names{"create_workspaces", "chat", "share_conversations", "use_tools", "answer_approvals",
                          "connect_skills", "see_skills"}));
  EXPECT_EQ(of[2], (Names{"use_device_tools", "set_tool_mode", "manage_skills", "manage_members", "manage_workspace"}));
  EXPECT_EQ(of[3], (Names{"own_workspace", "operate"}));
}

TEST(Permissions, NobodyMayDoNothing) {
  for (const PermissionRow& row : kPermissions) {
    const Principal nobody{"", "w", Role::owner, ""};
    EXPECT_EQ(may(nobody, row.permission).allowed, !row.least.has_value()) << row.name;
    EXPECT_EQ(require(nobody, row.permission).ok(), !row.least.has_value()) << row.name;
    // In no workspace, one has an account and nothing else.
    const bool account = !row.least || row.permission == Permission::use_account;
    EXPECT_EQ(may(Principal{"u", "", Role::owner, ""}, row.permission).allowed, account) << row.name;
  }
  EXPECT_FALSE(may_call_tool(Principal{"u", "", Role::owner, ""}, ToolSpec{}));
}

TEST(Permissions, AHigherRoleMayDoMore) {
  for (const PermissionRow& row : kPermissions) {
    bool before = false;
    for (const Role role : kRoles) {
      const bool now = allows(role, row.permission);
      EXPECT_TRUE(now || !before) << row.name;
      EXPECT_EQ(may(as(role), row.permission).allowed, now);
      before = now;
    }
    EXPECT_TRUE(before) << "an owner may do everything: " << row.name;
  }
}

TEST(Permissions, ARefusalSaysWhyAndWhatWouldAllowIt) {
  const Status refused = require(as(Role::guest), Permission::chat);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::permission_denied);
  EXPECT_EQ(refused.error().message,
            "Sending messages needs the role member or above; yours is guest. Ask an owner of the workspace.");
}

TEST(Permissions, AKeyDoesWhatItsScopesSayAndNoMore) {
  for (const PermissionRow& row : kPermissions) {
    if (!row.least) continue;
    for (const KeyScope scope : {KeyScope::read, KeyScope::chat, KeyScope::tools, KeyScope::admin, KeyScope::account}) {
      Principal key = as(Role::owner);
      key.scopes = ScopeSet{scope};
      EXPECT_EQ(may(key, row.permission).allowed, scope_of(row.permission) == scope) << row.name;
    }
    Principal everything = as(Role::owner);
    everything.scopes = ScopeSet{};
    for (const KeyScope scope : api_key_scopes()) everything.scopes.add(scope);
    const bool persons_own =
        row.permission == Permission::manage_account || row.permission == Permission::connect_skills;
    EXPECT_EQ(may(everything, row.permission).allowed, !persons_own) << row.name;
  }
  // A scope does not make up for a role.
  Principal guest = as(Role::guest);
  guest.scopes = ScopeSet{KeyScope::admin};
  EXPECT_FALSE(may(guest, Permission::manage_skills));
}

TEST(Permissions, ScopesAreStoredByName) {
  EXPECT_EQ(to_string(ScopeSet{KeyScope::chat, KeyScope::read}), "read chat");
  EXPECT_EQ(scopes_from_string("read chat"), (ScopeSet{KeyScope::read, KeyScope::chat}));
  EXPECT_EQ(scopes_from_string("  chat unheard-of Read"), ScopeSet{KeyScope::chat});
  EXPECT_TRUE(scopes_from_string("").empty());
  EXPECT_EQ(scopes_from_string(to_string(ScopeSet::all())), ScopeSet::all());
}

TEST(Permissions, DeviceToolsNeedAnAdmin) {
  EXPECT_FALSE(may_call_tool(as(Role::guest), ToolSpec{}));
  EXPECT_TRUE(may_call_tool(as(Role::member), ToolSpec{}));
  ToolSpec tool;
  tool.name = "open_app";
  tool.runs_on = RunsOn::device;
  const Decision refused = may_call_tool(as(Role::member), tool);
  EXPECT_FALSE(refused);
  EXPECT_NE(refused.reason.find("open_app"), std::string::npos);
  EXPECT_NE(refused.reason.find("admin"), std::string::npos);
  EXPECT_TRUE(may_call_tool(as(Role::admin), tool));
}

TEST(Permissions, RolesAreChangedDownwardsOnly) {
  for (const Role actor : kRoles) {
    for (const Role target : kRoles) {
      const bool above = actor >= Role::admin && target < actor;
      EXPECT_EQ(may_change_role(actor, target, std::nullopt).allowed, above);
      for (const Role wanted : kRoles) {
        const Decision change = may_change_role(actor, target, wanted);
        EXPECT_EQ(change.allowed, above && wanted != Role::owner && wanted <= actor);
        EXPECT_EQ(change.allowed, change.reason.empty());
      }
    }
    for (const Role wanted : kRoles) {
      EXPECT_EQ(may_change_role(actor, std::nullopt, wanted).allowed,
                actor >= Role::admin && wanted != Role::owner && wanted <= actor);
    }
  }
}

}  // namespace
}  // namespace librebird::policy
