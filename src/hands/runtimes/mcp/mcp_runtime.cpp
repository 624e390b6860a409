// The plug-in `mcp` of kind runtime: local MCP servers, run inside the sandbox behind `librebird-tool mcp`, and servers
// on the web, asked by `librebird-tool mcp-http`.
#include "server_command.hpp"

#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/node/node_programs.hpp>
#include <librebird/hands/runner/locate.hpp>

#include <fmt/format.h>

#include <string>
#include <utility>

namespace librebird::plugins {
namespace {

using hands::node::NodePrograms;

constexpr const char* kRunner = "/librebird-tool";
constexpr const char* kRunnerKey = "hands.native.runner";

class McpRuntime final : public ToolRuntime {
 public:
  explicit McpRuntime(const RuntimeContext& context)
      : programs_(context),
        runner_(hands::runner::find_runner(context.config.text(kRunnerKey), context.tool_directory)) {}

  Result<SandboxSpec> plan(const SkillManifest& skill, const ToolSpec& /*tool*/) override {
    if (runner_.empty()) {
      return make_error(
          Code::failed_precondition,
          "The runner librebird-tool is missing beside the program; reinstall, or build the target librebird-tool.");
    }
    if (!skill.url.empty()) return plan_remote(skill);
    LB_TRY(command, mcp::read_command(skill));
    LB_TRY(argv, mcp::server_argv(command, skill.env_directory, programs_.node()));
    SandboxSpec spec = programs_.spec(skill.limits.memory_mb);
    programs_.offer(spec, skill, skill.directory);
    spec.mounts.push_back({runner_, kRunner, false});
    spec.argv = {kRunner, "mcp"};
    // Settings are known at the call only: without them the server can be started before it.
    if (!skill.settings.empty()) spec.argv.emplace_back("--settings");
    spec.argv.insert(spec.argv.end(), {"--path", programs_.program_path(), "--"});
    spec.argv.insert(spec.argv.end(), argv.begin(), argv.end());
    if (programs_.has_node() && programs_.has_kit(false)) {
      spec.environment.push_back(fmt::format("NODE_OPTIONS=--require={}/preload.cjs {}", hands::node::kKit,
                                             NodePrograms::heap_flag(spec.limits)));
    }
    spec.work_directory = hands::node::kSkill;
    return spec;
  }

  Task<Status> prepare(const SkillManifest& skill, const std::string& folder, SkillBuild& build,
                       std::stop_token stop) override {
    return prepare_in(skill, folder, build, std::move(stop));
  }

  [[nodiscard]] bool describes(const SkillManifest& skill) const override {
    // A server on the web may want a token before it says its tools: then the manifest lists them.
    return skill.url.empty() || skill.tools.empty();
  }

 private:
  // Nothing of the skill runs: the runner speaks with the server, through the fence.
  [[nodiscard]] SandboxSpec plan_remote(const SkillManifest& skill) const {
    SandboxSpec spec;
    spec.argv = {kRunner, "mcp-http", skill.url};
    spec.mounts = {{runner_, kRunner, false}};
    spec.limits.processes = 1;
    return spec;
  }

  Task<Status> prepare_in(const SkillManifest& skill, std::string folder, SkillBuild& build, std::stop_token stop) {
    if (!skill.url.empty()) {
      if (skill.dependencies.empty()) co_return Ok{};
      co_return make_error(Code::invalid_argument, "A server on the web has no dependencies here; leave them out.");
    }
    LB_CO_TRY(command, mcp::read_command(skill));
    std::vector<std::string> packages = skill.dependencies;
    if (!command.package.empty()) packages.push_back(command.package);
    LB_CO_CHECK(co_await programs_.install(skill, std::move(folder), std::move(packages), build, stop));
    // Says now, not at the first call, that the package has no program.
    LB_CO_TRY(argv, mcp::server_argv(command, skill.env_directory, programs_.node()));
    co_return Ok{};
  }

  NodePrograms programs_;
  std::string runner_;
};

Result<std::unique_ptr<ToolRuntime>> create(const RuntimeContext& context) {
  return std::unique_ptr<ToolRuntime>(std::make_unique<McpRuntime>(context));
}

}  // namespace

RuntimePlugin runtime_mcp() {
  RuntimePlugin plugin;
  plugin.manifest.name = "mcp";
  plugin.manifest.description = "The tools of an MCP server: a local one, run inside the sandbox, or one on the web.";
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
