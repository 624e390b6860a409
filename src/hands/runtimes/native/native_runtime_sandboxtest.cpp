// Installed native skills in the real sandbox.
#include <librebird/hands/runtimes/testkit/runtime_world.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace librebird {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class NativeRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = world_.unusable(); !why.empty()) GTEST_SKIP() << why;
  }

  testkit::RuntimeWorld world_{"native"};
};

TEST_F(NativeRuntimeTest, AStaticExecutableSeesNothingButItself) {
  SkillManifest skill = world_.skill({});
  skill.entrypoint = "example-skill";
  fs::copy_file(LIBREBIRD_EXAMPLE, skill.directory + "/example-skill");
  fs::permissions(skill.directory + "/example-skill", fs::perms(0644));  // as out of some archives
  ASSERT_TRUE(world_.prepare(skill).ok());
  EXPECT_TRUE(world_.runtime().describes(skill));
  const auto spec = world_.runtime().plan(skill, {});
  ASSERT_TRUE(spec.ok());
  EXPECT_FALSE(spec->system);
  EXPECT_EQ(spec->limits.processes, 1);
  EXPECT_THAT(world_.describe(skill).lines,
              ElementsAre(R"({"type":"ready"})", AllOf(HasSubstr("word_count"), HasSubstr("next_prime"))));
  const testkit::Spoken spoken = world_.call(skill, "next_prime", R"({"after":100})");
  EXPECT_THAT(spoken.last(), HasSubstr(R"("value":{"prime":101})"));
  EXPECT_EQ(spoken.log, "searching after 100\n");
  EXPECT_THAT(world_.call(skill, "next_prime", R"({"after":-1})").last(), HasSubstr(R"("after\" must be from 0)"));
  // With the network it runs beside the forwarder.
  ToolSpec reaching;
  reaching.network = {"example.org"};
  EXPECT_GT(world_.runtime().plan(skill, reaching)->limits.processes, 1);
}

TEST_F(NativeRuntimeTest, ADynamicExecutableHasItsLibraries) {
  SkillManifest skill = world_.skill({});
  skill.entrypoint = "bin/cat";
  fs::create_directory(skill.directory + "/bin");
  fs::copy_file("/bin/cat", skill.directory + "/bin/cat");
  ASSERT_TRUE(world_.prepare(skill).ok());
  EXPECT_TRUE(world_.runtime().plan(skill, {})->system);
  EXPECT_THAT(world_.speak(skill, "{\"type\":\"result\"}\n").lines, ElementsAre(R"({"type":"result"})"));
}

TEST_F(NativeRuntimeTest, AScriptHasItsInterpreterAndItsFolder) {
  SkillManifest skill = world_.skill({{"run", R"sh(#!/bin/sh
read line
printf '{"type":"result","id":"c1","value":"%s %s"}\n' "$(cat "${0%/*}/data")" "$(echo x > /skill/data 2>&1 || echo refused)"
)sh"},
                                      {"data", "mine"}});
  skill.entrypoint = "run";
  ASSERT_TRUE(world_.prepare(skill).ok());
  EXPECT_THAT(world_.call(skill, "x").last(), HasSubstr(R"("value":"mine)"));
  EXPECT_THAT(world_.call(skill, "x").last(), HasSubstr("refused"));
}

TEST_F(NativeRuntimeTest, WhatIsNoProgramIsNotInstalled) {
  SkillManifest skill = world_.skill({{"notes.txt", "hello"}});
  for (const char* entry : {"", "notes.txt", "absent", "../x"}) {
    skill.entrypoint = entry;
    EXPECT_FALSE(world_.prepare(skill).ok()) << entry;
    EXPECT_FALSE(world_.runtime().plan(skill, {}).ok()) << entry;
  }
}

}  // namespace
}  // namespace librebird
