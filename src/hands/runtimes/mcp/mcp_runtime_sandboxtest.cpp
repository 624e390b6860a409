// Local MCP servers as skills, in the real sandbox: one made for the test, and those of the official SDK.
#include <librebird/hands/runtimes/testkit/runtime_world.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace librebird {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class McpRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = world_.unusable(); !why.empty()) GTEST_SKIP() << why;
  }
  SkillManifest server(std::vector<std::string> command, const std::map<std::string, std::string>& files = {}) {
    SkillManifest skill = world_.skill(files);
    skill.command = std::move(command);
    return skill;
  }

  testkit::RuntimeWorld world_{"mcp", {{"hands.node.registry", "http://registry.test/"}}};
};

TEST_F(McpRuntimeTest, InstallsWhatNpxNamesAndStartsItWithoutNpx) {
  world_.open_network();
  SkillManifest skill = server({"npx", "-y", "@scope/server@0.1.0", "one", "two words"});
  EXPECT_TRUE(world_.runtime().describes(skill));
  const Status prepared = world_.prepare(skill);
  ASSERT_TRUE(prepared.ok()) << prepared.error().message;
  EXPECT_THAT(world_.hosts, ElementsAre("http://registry.test"));
  EXPECT_THAT(world_.describe(skill).lines, ElementsAre(R"({"type":"ready"})", HasSubstr(R"("name":"look")")));
  EXPECT_THAT(
      world_.call(skill, "look").last(),
      HasSubstr(R"("value":{"arguments":["one","two words"],"key":null,"web":"hello from /hello","cwd":"/skill"})"));
  EXPECT_THAT(world_.call(skill, "look", R"({"url":"https://evil.test/"})").last(),
              HasSubstr("may not reach evil.test:443"));
  skill.settings.push_back({.name = "API_KEY", .type = SettingType::secret});
  EXPECT_THAT(world_.call(skill, "look", "{}", R"({"API_KEY":"placeholder-1"})").last(),
              HasSubstr(R"("key":"placeholder-1")"));
  EXPECT_THAT(world_.describe(skill).lines, ElementsAre(R"({"type":"ready"})", HasSubstr(R"("name":"look")")));
}

TEST_F(McpRuntimeTest, CommandsThatCannotBeAreInstallErrors) {
  world_.open_network();
  const auto refused = [this](std::vector<std::string> command) {
    const Status prepared = world_.prepare(server(std::move(command)));
    return prepared.ok() ? std::string("prepared") : prepared.error().message;
  };
  EXPECT_THAT(refused({}), HasSubstr("needs a \"command\""));
  EXPECT_THAT(refused({"npx"}), HasSubstr("must name an npm package"));
  EXPECT_THAT(refused({"npx", "-y", "--package=x", "y"}), HasSubstr("must name an npm package"));
  EXPECT_THAT(refused({"npx", "https://evil.test/x.tgz"}), HasSubstr("must name an npm package"));
  EXPECT_THAT(refused({"npx", "-y", "no-such-package"}), HasSubstr("cannot be installed"));
  EXPECT_THAT(refused({"npx", "-y", "programless"}), HasSubstr("has no program of its own"));
}

TEST_F(McpRuntimeTest, AProgramOfTheSkillsOwnFolder) {
  const std::string script = R"py(import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    answers = {"initialize": {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}},
               "tools/list": {"tools": [{"name": "who"}]},
               "tools/call": {"content": [{"type": "text", "text": "python"}]}}
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": answers[asked["method"]]}), flush=True)
)py";
  const SkillManifest skill = server({"python3", "server.py"}, {{"server.py", script}});
  ASSERT_TRUE(world_.prepare(skill).ok());
  EXPECT_THAT(world_.call(skill, "who").last(), HasSubstr(R"("value":"python")"));
}

TEST_F(McpRuntimeTest, AServerThatDoesNotStartSaysSo) {
  const SkillManifest skill = server({"no-such-program"});
  ASSERT_TRUE(world_.prepare(skill).ok());
  EXPECT_THAT(world_.call(skill, "x").last(), HasSubstr("no-such-program cannot be started"));
  const SkillManifest ends = server({"/bin/sh", "-c", "echo why >&2; exit 7"});
  const testkit::Spoken spoken = world_.call(ends, "x");
  EXPECT_THAT(spoken.last(), HasSubstr("ended with code 7 before it answered"));
  EXPECT_THAT(spoken.log, HasSubstr("why"));
}

// The official servers; tests/mcp installs them by lock file.
class OfficialServers : public McpRuntimeTest {
 protected:
  void SetUp() override {
    McpRuntimeTest::SetUp();
    if (!std::filesystem::exists(LIBREBIRD_MCP_PACKAGES "/node_modules")) {
      GTEST_SKIP() << "the packages of tests/mcp are not installed: npm ci --ignore-scripts";
    }
  }
  SkillManifest official(std::vector<std::string> command) {
    SkillManifest skill = server(std::move(command));
    skill.env_directory = LIBREBIRD_MCP_PACKAGES;
    return skill;
  }
};

TEST_F(OfficialServers, Everything) {
  const SkillManifest skill = official({"npx", "-y", "@modelcontextprotocol/server-everything", "stdio"});
  const testkit::Spoken described = world_.describe(skill);
  ASSERT_EQ(described.lines.size(), 2U) << described.log;
  EXPECT_THAT(described.lines[1], AllOf(HasSubstr(R"("name":"echo")"), HasSubstr(R"("name":"get-sum")")));

  EXPECT_THAT(world_.call(skill, "get-sum", R"({"a":2,"b":40})").last(),
              HasSubstr(R"("value":"The sum of 2 and 40 is 42.")"));
  EXPECT_THAT(world_.call(skill, "echo", R"({"message":"grüße \u0001 \"x\""})").last(),
              HasSubstr(R"(grüße \u0001 \"x\")"));
  EXPECT_THAT(world_.call(skill, "get-structured-content", R"({"location":"New York"})").last(),
              HasSubstr(R"("value":{"temperature":)"));
  EXPECT_THAT(world_.call(skill, "get-tiny-image").last(), HasSubstr(R"({"type":"image","data":"iVBOR)"));
  EXPECT_THAT(world_.call(skill, "get-sum", R"({"a":"x"})").last(),
              AllOf(HasSubstr(R"("type":"error")"), HasSubstr("expected number")));
  const testkit::Spoken slow = world_.call(skill, "trigger-long-running-operation", R"({"duration":0.2,"steps":2})");
  EXPECT_THAT(slow.lines, ElementsAre(R"({"type":"ready"})", R"({"type":"progress","id":"c1","fraction":0.5})",
                                      R"({"type":"progress","id":"c1","fraction":1})", HasSubstr("completed")));
}

TEST_F(OfficialServers, AFileServerSeesWhatIsMountedAndNothingElse) {
  const SkillManifest skill = official({"npx", "-y", "@modelcontextprotocol/server-filesystem", "/"});
  EXPECT_THAT(world_.call(skill, "list_directory", R"({"path":"/"})").last(),
              AllOf(HasSubstr("[DIR] skill"), Not(HasSubstr("home")), Not(HasSubstr("root"))));
  EXPECT_THAT(world_.call(skill, "write_file", R"({"path":"/skill/x","content":"x"})").last(),
              HasSubstr(R"("type":"error")"));
  EXPECT_THAT(world_.call(skill, "read_text_file", R"({"path":"/etc/shadow"})").last(), HasSubstr(R"("type":"error")"));
}

TEST_F(OfficialServers, CanBeStopped) {
  const SkillManifest skill = official({"npx", "-y", "@modelcontextprotocol/server-everything", "stdio"});
  const testkit::Spoken spoken = world_.speak(
      skill,
      R"({"type":"call","id":"c1","tool":"trigger-long-running-operation","arguments":{"duration":600,"steps":2}})"
      "\n{\"type\":\"cancel\",\"id\":\"c1\"}\n");
  EXPECT_THAT(spoken.last(), HasSubstr("The call was stopped."));
  EXPECT_LT(spoken.run.duration, Millis(10'000));
}

}  // namespace
}  // namespace librebird
