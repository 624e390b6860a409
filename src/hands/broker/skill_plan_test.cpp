#include "skill_plan.hpp"

#include <gmock/gmock.h>

namespace librebird::hands {
namespace {

TEST(SkillPlan, SettingsBecomeEnvironmentOnlyWhenAllowed) {
  SkillManifest skill;
  SandboxSpec spec;
  spec.environment = {"PATH=/usr/bin"};
  apply_skill(skill, R"({"a":"x"})", spec);
  EXPECT_EQ(spec.environment.size(), 1U);
  skill.permissions = {"env_vars"};
  apply_skill(skill, R"({"a":"x","n":5,"PATH":"/evil","LD_PRELOAD":"x","HTTPS_PROXY":"x"})", spec);
  EXPECT_THAT(spec.environment, testing::ElementsAre("PATH=/usr/bin", "a=x", "n=5"));
}

TEST(SkillPlan, LimitsReplaceTheDefaults) {
  SkillManifest skill;
  skill.limits.wall_seconds = 5;
  skill.limits.memory_mb = 64;
  SandboxSpec spec;
  const SandboxLimits usual;
  apply_skill(skill, "{}", spec);
  EXPECT_EQ(spec.limits.wall_time, Millis(5000));
  EXPECT_EQ(spec.limits.memory_bytes, 64 << 20);
  EXPECT_EQ(spec.limits.processes, usual.processes);
}

}  // namespace
}  // namespace librebird::hands
