#include <librebird/core/policy/permissions.hpp>

#include <gtest/gtest.h>

namespace librebird::policy {
namespace {

Principal as(Role role) { return Principal{"u", "w", role, "c"}; }

TEST(Permissions, NobodyMayDoNothing) {
  EXPECT_FALSE(may_chat(Principal{"", "w", Role::owner, ""}));
  EXPECT_FALSE(may_call_tool(Principal{"u", "", Role::owner, ""}, ToolSpec{}));
  EXPECT_FALSE(may_operate(Principal{}));
}

TEST(Permissions, GuestsOnlyRead) {
  EXPECT_FALSE(may_chat(as(Role::guest)));
  EXPECT_TRUE(may_chat(as(Role::member)));
  EXPECT_FALSE(may_call_tool(as(Role::guest), ToolSpec{}));
  EXPECT_TRUE(may_call_tool(as(Role::member), ToolSpec{}));
}

TEST(Permissions, DeviceToolsNeedAnAdmin) {
  ToolSpec tool;
  tool.name = "open_app";
  tool.runs_on = RunsOn::device;
  const Decision refused = may_call_tool(as(Role::member), tool);
  EXPECT_FALSE(refused);
  EXPECT_NE(refused.reason.find("open_app"), std::string::npos);
  EXPECT_NE(refused.reason.find("admin"), std::string::npos);
  EXPECT_TRUE(may_call_tool(as(Role::admin), tool));
}

TEST(Permissions, AdminsManageSkills) {
  EXPECT_FALSE(may_see_skills(as(Role::guest)));
  EXPECT_TRUE(may_see_skills(as(Role::member)));
  EXPECT_FALSE(may_manage_skills(as(Role::member)));
  EXPECT_TRUE(may_manage_skills(as(Role::admin)));
}

TEST(Permissions, OnlyOwnersOperate) {
  EXPECT_FALSE(may_operate(as(Role::admin)));
  EXPECT_TRUE(may_operate(as(Role::owner)));
}

}  // namespace
}  // namespace librebird::policy
