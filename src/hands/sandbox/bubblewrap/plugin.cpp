// The plug-in `bubblewrap` of kind sandbox.
#include "bubblewrap_sandbox.hpp"
#include "seccomp_filter.hpp"

#include <librebird/hands/runner/locate.hpp>

#include <unistd.h>

#include <array>

namespace librebird::plugins {
namespace {

constexpr const char* kPathKey = "sandbox.bubblewrap.path";

std::string find_bwrap(const Config& config) {
  const std::string& configured = config.text(kPathKey);
  if (!configured.empty()) return access(configured.c_str(), X_OK) == 0 ? configured : std::string();
  // Not through PATH: what contains the tools must not depend on the environment.
  for (const char* path : std::array{"/usr/bin/bwrap", "/bin/bwrap", "/usr/local/bin/bwrap"}) {
    if (access(path, X_OK) == 0) return path;
  }
  return {};
}

Result<std::unique_ptr<Sandbox>> create(const SandboxContext& context) {
  LB_TRY(single, bubblewrap::compile_seccomp_filter(bubblewrap::Processes::single));
  LB_TRY(many, bubblewrap::compile_seccomp_filter(bubblewrap::Processes::many));
  LB_TRY(network, bubblewrap::compile_seccomp_filter(bubblewrap::Processes::networked));
  return std::unique_ptr<Sandbox>(std::make_unique<bubblewrap::BubblewrapSandbox>(
      context.executor, find_bwrap(context.config), hands::runner::find_runner({}, context.tool_directory),
      bubblewrap::Filters{std::move(single), std::move(many), std::move(network)}, bubblewrap::ControlGroups::find()));
}

}  // namespace

SandboxPlugin sandbox_bubblewrap() {
  SandboxPlugin plugin;
  plugin.manifest.name = "bubblewrap";
  plugin.manifest.description = "Linux user namespaces through bubblewrap; needs no daemon and no root.";
  plugin.manifest.config = {{.name = kPathKey,
                             .type = ConfigType::text,
                             .default_value = std::string(),
                             .help = "Absolute path of bwrap; empty: the usual places."}};
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
