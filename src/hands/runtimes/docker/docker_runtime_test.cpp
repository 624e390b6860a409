#include <librebird/core/ports/tool_runtime.hpp>

#include <librebird/hands/testkit/run_on.hpp>

#include <gtest/gtest.h>

#include <optional>

namespace librebird {
namespace {

std::unique_ptr<ToolRuntime> runtime() {
  const auto config = Config::load({}, "", [](std::string_view) { return std::optional<std::string>(); });
  for (const RuntimePlugin& plugin : runtime_plugins()) {
    if (plugin.manifest.name == "docker") return std::move(plugin.create({*config, ""})).value();
  }
  return nullptr;
}

SkillManifest skill(std::string image) {
  SkillManifest skill;
  skill.name = "painter";
  skill.runtime = "docker";
  skill.image = std::move(image);
  skill.directory = "/data/skills/painter";
  return skill;
}

TEST(DockerRuntime, PlansTheImageWithTheSkillReadOnly) {
  SkillManifest painter = skill("registry.example:5000/team/painter:1.2@sha256:abc");
  painter.command = {"python3", "-u", "/skill/serve.py"};
  const auto spec = runtime()->plan(painter, {});
  ASSERT_TRUE(spec.ok()) << spec.error().message;
  EXPECT_EQ(spec->image, painter.image);
  EXPECT_EQ(spec->argv, painter.command);
  ASSERT_EQ(spec->mounts.size(), 1U);
  EXPECT_EQ(spec->mounts[0].path, "/skill");
  EXPECT_FALSE(spec->mounts[0].writable);
  EXPECT_FALSE(spec->system);
}

TEST(DockerRuntime, LeavesTheCommandToTheImage) {
  const auto spec = runtime()->plan(skill("painter"), {});
  ASSERT_TRUE(spec.ok());
  EXPECT_TRUE(spec->argv.empty());
}

TEST(DockerRuntime, AsksTheProgramForItsToolsWhereTheManifestNamesNone) {
  SkillManifest painter = skill("painter");
  EXPECT_TRUE(runtime()->describes(painter));
  painter.tools.emplace_back();
  EXPECT_FALSE(runtime()->describes(painter));
}

TEST(DockerRuntime, RefusesWhatIsNoImageName) {
  for (const char* image : {"", " ", "-x", "painter ", "a b", "a/../b", "a//b", "a\nb", "a?fromImage=evil", "a%2fb",
                            "a#b", "http://x\\y", "painter:", "/etc/passwd"}) {
    const auto spec = runtime()->plan(skill(image), {});
    ASSERT_FALSE(spec.ok()) << image;
    EXPECT_EQ(spec.error().code, Code::invalid_argument);
    EXPECT_NE(spec.error().message.find("painter"), std::string::npos);
  }
  EXPECT_FALSE(runtime()->plan(skill(std::string(600, 'a')), {}).ok());
  SkillManifest both = skill("painter");
  both.dependencies = {"numpy"};
  EXPECT_FALSE(runtime()->plan(both, {}).ok());
}

class FakeBuild final : public SkillBuild {
 public:
  Task<Result<SandboxRun>> run(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token) override {
    asked = std::move(spec);
    hosts_asked = hosts.size();
    co_return answer;
  }
  SandboxSpec asked;
  std::size_t hosts_asked = 99;
  Result<SandboxRun> answer = SandboxRun{};
};

TEST(DockerRuntime, TriesTheImageWhenTheSkillIsInstalled) {
  Loop loop;
  FakeBuild build;
  const auto made = runtime();
  EXPECT_TRUE(testkit::run_on(loop, made->prepare(skill("painter"), "/x", build, {})).ok());
  EXPECT_EQ(build.asked.image, "painter");
  EXPECT_EQ(build.hosts_asked, 0U);

  build.answer = SandboxRun{.exit_code = 127};
  EXPECT_FALSE(testkit::run_on(loop, made->prepare(skill("painter"), "/x", build, {})).ok());
  build.answer = make_error(Code::failed_precondition, "The image painter is not on this machine.");
  const auto missing = testkit::run_on(loop, made->prepare(skill("painter"), "/x", build, {}));
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().message, "The image painter is not on this machine.");
}

}  // namespace
}  // namespace librebird
