#include "plugins.hpp"

#include <librebird/base/log.hpp>

#include <fmt/format.h>

#include <utility>
#include <vector>

namespace librebird::hands {

Result<Sandbox*> Plugins::usable_sandbox() const {
  if (!sandbox) return broken;
  return sandbox.get();
}

Result<ToolRuntime*> Plugins::runtime_of(const SkillManifest& skill) const {
  const auto found = runtimes.find(skill.runtime);
  if (found == runtimes.end()) {
    return make_error(Code::failed_precondition,
                      fmt::format("The skill {} needs the runtime {}, which is not there.", skill.name, skill.runtime));
  }
  return found->second.get();
}

Plugins load_plugins(const Config& config, Executor executor, const Clock& clock, const std::string& tool_directory) {
  Plugins plugins;
  plugins.sandbox_name = config.text("hands.sandbox");
  const std::vector<SandboxPlugin> known = sandbox_plugins();
  if (plugins.sandbox_name.empty() && !known.empty()) plugins.sandbox_name = known.front().manifest.name;
  plugins.broken = make_error(
      Code::failed_precondition,
      fmt::format("There is no sandbox named {}; set hands.sandbox to one that exists.", plugins.sandbox_name));
  for (const SandboxPlugin& plugin : known) {
    if (plugin.manifest.name != plugins.sandbox_name) continue;
    auto made = plugin.create({config, executor, clock, tool_directory});
    if (made) {
      plugins.sandbox = std::move(made).value();
    } else {
      plugins.broken = made.error();
    }
  }
  for (const RuntimePlugin& plugin : runtime_plugins()) {
    auto made = plugin.create({config, tool_directory});
    if (made) {
      plugins.runtimes[plugin.manifest.name] = std::move(made).value();
    } else {
      log::error("a tool runtime is unusable", {{"runtime", plugin.manifest.name}, {"cause", made.error().message}});
    }
  }
  return plugins;
}

}  // namespace librebird::hands
