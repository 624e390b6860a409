#pragma once

// Port: how the tools of one kind of skill (native, python, ...) are run inside a sandbox. One plug-in folder each:
// src/hands/runtimes/<name>. A runtime only plans: the broker alone executes. Every program speaks the tool protocol
// (docs/tool-protocol.md). Thread rule: loop only.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/tool.hpp>
#include <librebird/core/ports/plugin.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace librebird {

// A contained run with network to the named hosts only (a package index): how a skill is made ready. Given by the
// registry of skills.
class SkillBuild {
 public:
  virtual ~SkillBuild() = default;
  virtual Task<Result<SandboxRun>> run(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) = 0;
  // The same for hosts that the operator's settings name (a package index), which may have private addresses.
  virtual Task<Result<SandboxRun>> run_with_index(SandboxSpec spec, std::vector<std::string> hosts,
                                                  std::stop_token stop) {
    return run(std::move(spec), std::move(hosts), std::move(stop));
  }
};

class ToolRuntime {
 public:
  virtual ~ToolRuntime() = default;
  // The program that serves this skill's tools: command, mounts, limits, system. The broker adds the work folder and
  // the network.
  virtual Result<SandboxSpec> plan(const SkillManifest& skill, const ToolSpec& tool) = 0;
  // Makes an unpacked skill at `folder` ready, once, when it is installed (dependencies, compilation). Programs run
  // through `build` only.
  virtual Task<Status> prepare(const SkillManifest& skill, const std::string& folder, SkillBuild& build,
                               std::stop_token stop);
  // Whether the manifest leaves it to the program to say, when it is installed, which tools there are
  // ({"type":"describe"}).
  [[nodiscard]] virtual bool describes(const SkillManifest& skill) const;
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
