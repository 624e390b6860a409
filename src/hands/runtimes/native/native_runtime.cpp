// The plug-in `native` of kind runtime: tools written in C++, all of them in the one static runner `librebird-tool`.
#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/runner/locate.hpp>

#include <string>

namespace librebird::plugins {
namespace {

constexpr const char* kPathKey = "hands.native.runner";
constexpr const char* kInside = "/librebird-tool";

class NativeRuntime final : public ToolRuntime {
 public:
  explicit NativeRuntime(std::string runner) : runner_(std::move(runner)) {}

  Result<SandboxSpec> plan(const SkillManifest& /*skill*/, const ToolSpec& tool) override {
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

 private:
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
  plugin.manifest.description = "Tools in C++, run by the static librebird-tool.";
  plugin.manifest.config = {{.name = kPathKey,
                             .type = ConfigType::text,
                             .default_value = std::string(),
                             .help = "Path of librebird-tool; empty: beside the program, or in ../libexec."}};
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
