#pragma once

// Port: how the tools of one kind of skill (native, python, ...) are run inside a sandbox. One plug-in folder each:
// src/hands/runtimes/<name>. A runtime only plans: the broker alone executes. Thread rule: loop only.

#include <librebird/base/result.hpp>
#include <librebird/core/model/tool.hpp>
#include <librebird/core/ports/plugin.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace librebird {

class ToolRuntime {
 public:
  virtual ~ToolRuntime() = default;
  // The command, mounts and input that run this call. The broker adds limits, work folder and egress.
  virtual Result<SandboxSpec> plan(const ToolSpec& tool, const ToolCall& call) = 0;
  // Turns what the program wrote into the JSON result; an error becomes {"error": ...} for the model.
  virtual Result<std::string> parse_result(const ToolSpec& tool, const SandboxRun& run) = 0;
};

struct RuntimeContext {
  const Config& config;
  std::string tool_directory;  // where the runner executables are (beside the `librebird` executable)
};

struct RuntimePlugin {
  PluginManifest manifest;
  std::function<Result<std::unique_ptr<ToolRuntime>>(const RuntimeContext&)> create;
};

// The generated registry of src/hands/runtimes.
std::vector<RuntimePlugin> runtime_plugins();

}  // namespace librebird
