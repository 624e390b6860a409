#include "secret_stage.hpp"
#include "network_stage.hpp"

#include <librebird/hands/egress/inspector.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gtest/gtest.h>

namespace librebird::hands {
namespace {

class SecretStageTest : public testing::Test {
 protected:
  SecretStageTest() {
    skill_.name = "weather";
    SkillSetting key;
    key.name = "api_key";
    key.type = SettingType::secret;
    key.required = true;
    key.hosts = {"api.example.org"};
    SkillSetting unit;
    unit.name = "unit";
    skill_.settings = {key, unit};
    call_.call_id = "call";
    call_.principal = me_;
    call_.tool = "forecast";
  }

  Loop loop_;
  testkit::MemorySecretStore store_;
  testkit::MemoryAuditStore audit_;
  SecretStage stage_{&store_, audit_};
  Principal me_{"u", "w", Role::member, ""};
  SkillManifest skill_;
  AuditEntry call_;
};

TEST_F(SecretStageTest, ASkillSeesPlaceholdersOnly) {
  store_.values[{"skill/weather", "api_key"}] = "the-value";
  const auto secrets = testkit::run_on(loop_, stage_.begin(me_, &skill_));
  ASSERT_TRUE(secrets.ok());
  ASSERT_EQ(secrets->leases.size(), 1U);
  const std::string settings = with_placeholders(R"({"unit":"C","api_key":"stale"})", secrets->leases);
  EXPECT_EQ(settings, R"({"unit":"C","api_key":")" + secrets->leases[0].placeholder + "\"}");
  EXPECT_EQ(with_placeholders("", {}), "{}");
  const egress::CallPolicy policy = network_policy({"api.example.org"}, *secrets, Millis(30'000));
  ASSERT_EQ(policy.secrets.size(), 1U);
  EXPECT_EQ(policy.secrets[0].value, "the-value");
  EXPECT_EQ(policy.secrets[0].hosts, std::vector<std::string>{"api.example.org"});
  const auto scan = policy.inspector->scan(egress::Direction::out);
  EXPECT_FALSE(scan->feed("x the-va"));
  const auto found = scan->feed("lue");
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(found->known);
}

TEST_F(SecretStageTest, WhatRegistersAClientIsForNoServerOfTools) {
  SkillSetting client;
  client.name = "client_secret";
  client.type = SettingType::secret;
  client.hosts = {"api.example.org"};
  skill_.settings = {client};
  store_.values[{"skill/weather", "client_secret"}] = "the-value";
  const auto own = testkit::run_on(loop_, stage_.begin(me_, &skill_));
  ASSERT_TRUE(own.ok());
  EXPECT_EQ(own->leases.size(), 1U);  // a skill's own secret, whatever its name
  skill_.url = "https://api.example.org/mcp";
  const auto lent = testkit::run_on(loop_, stage_.begin(me_, &skill_));
  ASSERT_TRUE(lent.ok());
  EXPECT_TRUE(lent->leases.empty());
}

TEST_F(SecretStageTest, AMissingSecretSaysHowToSetIt) {
  const auto secrets = testkit::run_on(loop_, stage_.begin(me_, &skill_));
  ASSERT_FALSE(secrets.ok());
  EXPECT_NE(secrets.error().message.find("librebird secret set skill/weather api_key"), std::string::npos);
  SecretStage without(nullptr, audit_);
  EXPECT_FALSE(testkit::run_on(loop_, without.begin(me_, &skill_)).ok());
  EXPECT_TRUE(testkit::run_on(loop_, without.begin(me_, nullptr)).ok());
}

TEST_F(SecretStageTest, WhatIsKeptBackIsNotedWithoutBeingRepeated) {
  store_.values[{"skill/other", "token"}] = "other-value";
  store_.values[{"skill/weather", "api_key"}] = "the-value";
  auto secrets = testkit::run_on(loop_, stage_.begin(me_, &skill_));
  ASSERT_TRUE(secrets.ok());
  std::string heard;
  const auto say = secrets->guard->wrap([&](std::string_view text) { heard += text; });
  say("the-va");
  say("lue");
  Outcome outcome{ToolStatus::error, R"({"error":"other-value AKIAIOSFODNN7EXAMPLE"})", "failed with the-value"};
  testkit::run_on(loop_, [](SecretStage& stage, CallSecrets& s, Outcome& o, const AuditEntry& c) -> Task<int> {
    co_await stage.end(s, o, c);
    co_return 0;
  }(stage_, *secrets, outcome, call_));
  EXPECT_EQ(heard, "[secret:api_key]");
  EXPECT_EQ(outcome.content_json, R"({"error":"[secret:token] [aws_access_key_id removed]"})");
  EXPECT_EQ(outcome.detail, "failed with [secret:api_key]");
  EXPECT_TRUE(secrets->leases.empty());
  ASSERT_EQ(audit_.events.size(), 1U);
  EXPECT_EQ(audit_.events[0].kind, AuditKind::leak);
  EXPECT_EQ(audit_.events[0].call_id, "call");
  EXPECT_EQ(audit_.events[0].detail, "known secrets kept back: 3; aws_access_key_id kept back: 1");
}

}  // namespace
}  // namespace librebird::hands
