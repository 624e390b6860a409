// The plug-in `typescript` of kind runtime: skills in TypeScript, compiled when they are installed, run by Node.js.
#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/node/node_programs.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <string>
#include <string_view>

namespace librebird::plugins {
namespace {

using hands::node::NodePrograms;

constexpr const char* kEntry = "index.ts";
constexpr const char* kCompiled = "skill.mjs";
// The protocol moves away from standard input and output before node begins; prints are log then.
constexpr const char* kMoveProtocol = "exec 3<&0 4>&1 0</dev/null 1>&2; exec \"$@\"";

class TypescriptRuntime final : public ToolRuntime {
 public:
  explicit TypescriptRuntime(const RuntimeContext& context) : programs_(context) {}

  Result<SandboxSpec> plan(const SkillManifest& skill, const ToolSpec& /*tool*/) override {
    LB_CHECK(programs_.has_node());
    LB_CHECK(programs_.has_kit(false));
    if (access((skill.env_directory + "/" + kCompiled).c_str(), R_OK) != 0) {
      return make_error(Code::failed_precondition,
                        fmt::format("The skill {} is not compiled; install it again.", skill.name));
    }
    SandboxSpec spec = programs_.spec(skill.limits.memory_mb);
    programs_.offer(spec, skill, skill.directory);
    spec.argv = {"/bin/sh",
                 "-c",
                 kMoveProtocol,
                 "sh",
                 programs_.node(),
                 NodePrograms::heap_flag(spec.limits),
                 "--no-warnings",
                 fmt::format("{}/runner.mjs", hands::node::kKit),
                 compiled(),
                 "3",
                 "4"};
    return spec;
  }

  Task<Status> prepare(const SkillManifest& skill, const std::string& folder, SkillBuild& build,
                       std::stop_token stop) override {
    return prepare_in(skill, folder, build, std::move(stop));
  }

  [[nodiscard]] bool describes(const SkillManifest& skill) const override { return skill.tools.empty(); }

 private:
  static std::string compiled() { return fmt::format("{}/{}", hands::node::kEnvironment, kCompiled); }

  Task<Status> prepare_in(const SkillManifest& skill, std::string folder, SkillBuild& build, std::stop_token stop) {
    LB_CO_CHECK(programs_.has_node());
    LB_CO_CHECK(programs_.has_kit(true));
    LB_CO_CHECK(co_await programs_.install(skill, folder, skill.dependencies, build, stop));
    SandboxSpec spec = programs_.spec(1536);
    // The same places as at a call, but what is made can be written.
    programs_.offer(spec, skill, folder);
    for (SandboxMount& mount : spec.mounts) mount.writable = mount.path == hands::node::kEnvironment;
    spec.argv = {programs_.node(),    NodePrograms::heap_flag(spec.limits),
                 "--no-warnings",     fmt::format("{}/compile.mjs", hands::node::kKit),
                 hands::node::kSkill, skill.entrypoint.empty() ? kEntry : skill.entrypoint,
                 compiled()};
    spec.limits.wall_time = Millis(120'000);
    spec.limits.cpu_seconds = 120;
    LB_CO_TRY(run, co_await build.run(std::move(spec), {}, stop));
    if (run.end == SandboxEnd::exited && run.exit_code == 0) co_return Ok{};
    co_return hands::node::build_error(fmt::format("The skill {} does not compile", skill.name), run);
  }

  NodePrograms programs_;
};

Result<std::unique_ptr<ToolRuntime>> create(const RuntimeContext& context) {
  return std::unique_ptr<ToolRuntime>(std::make_unique<TypescriptRuntime>(context));
}

}  // namespace

RuntimePlugin runtime_typescript() {
  RuntimePlugin plugin;
  plugin.manifest.name = "typescript";
  plugin.manifest.description = "Tools in TypeScript, compiled when they are installed, run by Node.js.";
  plugin.manifest.config = NodePrograms::config();
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
