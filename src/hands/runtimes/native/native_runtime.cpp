// The plug-in `native` of kind runtime: programs. The platform's own tools are all in the one static runner
// `librebird-tool`; an installed skill brings an executable that speaks the tool protocol (sdk/cpp).
#include "executable.hpp"

#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/runner/locate.hpp>

#include <fmt/format.h>

#include <sys/stat.h>

#include <string>
#include <utility>

namespace librebird::plugins {
namespace {

constexpr const char* kPathKey = "hands.native.runner";
constexpr const char* kInside = "/librebird-tool";
constexpr const char* kSkill = "/skill";

class NativeRuntime final : public ToolRuntime {
 public:
  explicit NativeRuntime(std::string runner) : runner_(std::move(runner)) {}

  Result<SandboxSpec> plan(const SkillManifest& skill, const ToolSpec& tool) override {
    if (!skill.directory.empty()) return plan_installed(skill, tool);
    if (runner_.empty()) {
      return make_error(
          Code::failed_precondition,
          "The runner librebird-tool is missing beside the program; reinstall, or build the target librebird-tool.");
    }
    SandboxSpec spec;
    spec.argv = {kInside};
    spec.mounts = {{runner_, kInside, false}};
    for (const std::string& file : tool.host_files) spec.mounts.push_back({file, file, false});
    spec.limits.processes = 1;
    return spec;
  }

  Task<Status> prepare(const SkillManifest& skill, const std::string& folder, SkillBuild& /*build*/,
                       std::stop_token /*stop*/) override {
    return prepare_in(skill.entrypoint, folder);
  }

  [[nodiscard]] bool describes(const SkillManifest& skill) const override {
    return !skill.directory.empty() && skill.tools.empty();
  }

 private:
  static Result<SandboxSpec> plan_installed(const SkillManifest& skill, const ToolSpec& tool) {
    LB_TRY(kind, native::inspect_executable(skill.directory, skill.entrypoint));
    SandboxSpec spec;
    spec.argv = {fmt::format("{}/{}", kSkill, skill.entrypoint)};
    spec.mounts = {{skill.directory, kSkill, false}};
    for (const std::string& file : tool.host_files) spec.mounts.push_back({file, file, false});
    spec.system = kind != native::Executable::fixed;
    // One process is the tighter form. Scripts start others; with the network there is the forwarder beside it.
    const bool alone = kind != native::Executable::script && tool.network.empty();
    if (skill.limits.processes > 0) {
      spec.limits.processes = skill.limits.processes;
    } else if (alone) {
      spec.limits.processes = 1;
    }
    return spec;
  }

  // Archives may lose what makes a file a program.
  static Task<Status> prepare_in(std::string entrypoint, std::string folder) {
    if (auto kind = native::inspect_executable(folder, entrypoint); !kind) co_return std::move(kind).error();
    if (chmod((folder + "/" + entrypoint).c_str(), 0755) != 0) {
      co_return make_error(Code::internal, fmt::format("The entrypoint {} cannot be made executable.", entrypoint));
    }
    co_return Ok{};
  }

  std::string runner_;
};

Result<std::unique_ptr<ToolRuntime>> create(const RuntimeContext& context) {
  return std::unique_ptr<ToolRuntime>(std::make_unique<NativeRuntime>(
      hands::runner::find_runner(context.config.text(kPathKey), context.tool_directory)));
}

}  // namespace

RuntimePlugin runtime_native() {
  RuntimePlugin plugin;
  plugin.manifest.name = "native";
  plugin.manifest.description = "Programs: the platform's own tools in C++, and executables of installed skills.";
  plugin.manifest.config = {{.name = kPathKey,
                             .type = ConfigType::text,
                             .default_value = std::string(),
                             .help = "Path of librebird-tool; empty: beside the program, or in ../libexec."}};
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
