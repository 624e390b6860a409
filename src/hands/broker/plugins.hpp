#pragma once

// The sandbox and the runtimes in use, made from their plug-ins. What cannot be made says why when it is needed:
// nothing weaker takes its place.

#include <librebird/base/config.hpp>
#include <librebird/core/ports/sandbox.hpp>
#include <librebird/core/ports/tool_runtime.hpp>

#include <map>
#include <memory>
#include <string>

namespace librebird::hands {

struct Plugins {
  std::string sandbox_name;
  std::unique_ptr<Sandbox> sandbox;  // none: `broken` says why
  Error broken;
  std::map<std::string, std::unique_ptr<ToolRuntime>, std::less<>> runtimes;

  // Errors: failed_precondition.
  Result<Sandbox*> usable_sandbox() const;
  Result<ToolRuntime*> runtime_of(const SkillManifest& skill) const;
};

Plugins load_plugins(const Config& config, Executor executor, const Clock& clock, const std::string& tool_directory);

}  // namespace librebird::hands
