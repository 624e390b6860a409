#pragma once

// Part of store_suite.hpp: the skills of a workspace.

#include <librebird/core/ports/skill_store.hpp>

namespace librebird::testkit {

inline SkillVersion skill_version(const std::string& hash, const std::string& version = "1.0.0") {
  return {hash, version, "skill.json", R"({"name":"a"})", "[]", "folder:/a", "", 0};
}

TEST_P(StoreSuite, SkillsAreAddedOnce) {
  SkillStore& skills = set_->skills();
  EXPECT_EQ(ok(skills.revision(me_)), 0);
  ok(skills.add(me_, "a", skill_version("h1"), {"network:x.example"}));
  fails(Code::already_exists, skills.add(me_, "a", skill_version("h2"), {}));
  EXPECT_EQ(ok(skills.revision(me_)), 1);
  const InstalledSkill skill = ok(skills.get(me_, "a"));
  EXPECT_TRUE(skill.enabled);
  EXPECT_FALSE(skill.pinned);
  EXPECT_EQ(skill.current, "h1");
  EXPECT_EQ(skill.origin, "folder:/a");
  EXPECT_EQ(skill.granted, std::vector<std::string>{"network:x.example"});
  ASSERT_EQ(skill.versions.size(), 1U);
  EXPECT_EQ(skill.versions[0].manifest, R"({"name":"a"})");
  EXPECT_EQ(skill.versions[0].installed_by, me_.user_id);
}

TEST_P(StoreSuite, SkillsOfOthersAreNotSeenOrChanged) {
  SkillStore& skills = set_->skills();
  ok(skills.add(me_, "a", skill_version("h1"), {}));
  fails(Code::not_found, skills.get(stranger_, "a"));
  EXPECT_TRUE(ok(skills.load(stranger_)).skills.empty());
  fails(Code::not_found, skills.add_version(stranger_, "a", skill_version("h2"), {}));
  fails(Code::not_found, skills.use_version(stranger_, "a", "h1"));
  fails(Code::not_found, skills.change(stranger_, "a", false, false, std::nullopt));
  fails(Code::not_found, skills.remove(stranger_, "a"));
  EXPECT_EQ(ok(skills.revision(stranger_)), 0);
  ok(skills.add(stranger_, "a", skill_version("h9"), {}));
  ok(skills.set_setting(stranger_, "a", "x", "1"));
  EXPECT_EQ(ok(skills.get(me_, "a")).current, "h1");
  EXPECT_TRUE(ok(skills.load(me_)).settings.empty());
  EXPECT_EQ(ok(skills.folders()).size(), 2U);
}

TEST_P(StoreSuite, SecretsMoveTheRevisionOfSkills) {
  SkillStore& skills = set_->skills();
  ok(set_->secrets().put(me_, "skill/a", "token", "value"));
  const std::int64_t before = ok(skills.revision(me_));
  EXPECT_GT(before, 0);
  ok(set_->secrets().remove(me_, "skill/a", "token"));
  EXPECT_GT(ok(skills.revision(me_)), before);
  EXPECT_EQ(ok(skills.revision(stranger_)), 0);
}

TEST_P(StoreSuite, SkillToolsMayBeToldLater) {
  SkillStore& skills = set_->skills();
  ok(skills.add(me_, "a", skill_version("h1"), {}));
  ok(skills.add(stranger_, "a", skill_version("h1"), {}));
  ok(skills.set_tools(me_, "a", "h1", R"([{"name":"later"}])"));
  fails(Code::not_found, skills.set_tools(me_, "a", "h2", "[]"));
  fails(Code::not_found, skills.set_tools(me_, "b", "h1", "[]"));
  EXPECT_EQ(ok(skills.get(me_, "a")).versions[0].tools_json, R"([{"name":"later"}])");
  EXPECT_EQ(ok(skills.get(stranger_, "a")).versions[0].tools_json, "[]");
  EXPECT_EQ(ok(skills.revision(me_)), 2);
}

TEST_P(StoreSuite, SkillVersionsComeGoBackAndAreBounded) {
  SkillStore& skills = set_->skills();
  ok(skills.add(me_, "a", skill_version("h1"), {}));
  ok(skills.add_version(me_, "a", skill_version("h2", "2.0.0"), {"worker"}));
  InstalledSkill skill = ok(skills.get(me_, "a"));
  EXPECT_EQ(skill.current, "h2");
  EXPECT_EQ(skill.granted, std::vector<std::string>{"worker"});
  ASSERT_EQ(skill.versions.size(), 2U);
  EXPECT_EQ(skill.versions[0].hash, "h2");
  ok(skills.use_version(me_, "a", "h1"));
  fails(Code::not_found, skills.use_version(me_, "a", "h3"));
  SkillShelf shelf = ok(skills.load(me_));
  EXPECT_EQ(ok(skills.revision(me_)), 3);
  EXPECT_EQ(shelf.skills[0].current, "h1");
  EXPECT_EQ(shelf.skills[0].versions[0].manifest, "");
  EXPECT_EQ(shelf.skills[0].versions[1].manifest, R"({"name":"a"})");
  ok(skills.add_version(me_, "a", skill_version("h2", "ignored"), {}));  // known already
  EXPECT_EQ(ok(skills.get(me_, "a")).versions[0].version, "2.0.0");
  for (int i = 3; i < 20; ++i) ok(skills.add_version(me_, "a", skill_version("h" + std::to_string(i)), {}));
  skill = ok(skills.get(me_, "a"));
  EXPECT_EQ(skill.versions.size(), 10U);
  EXPECT_EQ(skill.versions[0].hash, "h19");
  EXPECT_EQ(ok(skills.folders()).size(), 10U);
}

TEST_P(StoreSuite, PinnedSkillsStay) {
  SkillStore& skills = set_->skills();
  ok(skills.add(me_, "a", skill_version("h1"), {}));
  ok(skills.change(me_, "a", false, std::nullopt, true));
  fails(Code::failed_precondition, skills.add_version(me_, "a", skill_version("h2"), {}));
  EXPECT_EQ(ok(skills.get(me_, "a")).versions.size(), 1U);
  ok(skills.change(me_, "a", false, false, false));
  ok(skills.add_version(me_, "a", skill_version("h2"), {}));
  EXPECT_FALSE(ok(skills.get(me_, "a")).enabled);
}

TEST_P(StoreSuite, OfficialSkillsAreSwitched) {
  SkillStore& skills = set_->skills();
  fails(Code::not_found, skills.change(me_, "core", false, false, std::nullopt));
  ok(skills.change(me_, "core", true, false, std::nullopt));
  const SkillShelf shelf = ok(skills.load(me_));
  ASSERT_EQ(shelf.skills.size(), 1U);
  EXPECT_EQ(shelf.skills[0].origin, kOfficialOrigin);
  EXPECT_FALSE(shelf.skills[0].enabled);
  ok(skills.change(me_, "core", true, true, std::nullopt));
  EXPECT_TRUE(ok(skills.get(me_, "core")).enabled);
  EXPECT_TRUE(ok(skills.folders()).empty());
}

TEST_P(StoreSuite, SkillSettingsGoWithTheSkill) {
  SkillStore& skills = set_->skills();
  ok(skills.add(me_, "a", skill_version("h1"), {}));
  ok(skills.set_setting(me_, "a", "x", "1"));
  ok(skills.set_setting(me_, "a", "x", "2"));
  ok(skills.set_setting(me_, "a", "y", "\"t\""));
  ok(skills.set_setting(me_, "a", "y", std::nullopt));
  SkillShelf shelf = ok(skills.load(me_));
  ASSERT_EQ(shelf.settings.size(), 1U);
  EXPECT_EQ(shelf.settings[0].value_json, "2");
  EXPECT_EQ(ok(skills.revision(me_)), 5);
  ok(skills.remove(me_, "a"));
  fails(Code::not_found, skills.remove(me_, "a"));
  shelf = ok(skills.load(me_));
  EXPECT_TRUE(shelf.settings.empty());
  EXPECT_EQ(ok(skills.revision(me_)), 6);
  ok(skills.add(me_, "a", skill_version("h1"), {}));
}

}  // namespace librebird::testkit
