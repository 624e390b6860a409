#pragma once

// Runs one call of a sandboxed tool, after everybody has agreed to it: plan → work folder, network → process → the call
// in the tool protocol → its output, its progress, its last word → the end. Every way in which a program can fail to
// answer becomes one sentence that names the tool. Loop only.

#include "outcome.hpp"
#include "plugins.hpp"
#include "secret_stage.hpp"
#include "warm_pool.hpp"

#include <librebird/base/async/task.hpp>
#include <librebird/core/ports/hands_service.hpp>
#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/hands.hpp>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::hands {

struct CallObserver {
  std::function<void(std::string_view text)> output;
  std::function<void(double fraction, std::string_view message)> progress;
};

class Workers;

class CallRunner {
 public:
  // The references must outlive it.
  CallRunner(Executor executor, const Clock& clock, Plugins& plugins, egress::Fence& fence, std::string data_directory,
             PoolLimits pool, std::function<void(WorkerEvent)> on_worker_event);
  ~CallRunner();

  // Ends what stays between calls.
  Task<void> close();

  // `request.call.arguments_json` fits the tool's schema; `settings_json` is an object; `tool` outlives the call.
  // `secrets` are the caller's leases: inside there are only their placeholders, and the fence puts the values in their
  // place. They outlive the call.
  Task<Outcome> run(const ToolSpec& tool, std::shared_ptr<const SkillManifest> skill, std::string settings_json,
                    const CallSecrets& secrets, ToolRequest request, CallObserver observer, std::stop_token stop);

 private:
  // The program as the runtime plans it, with the workspace's folder and the environment every program gets.
  Result<SandboxSpec> plan(const ToolSpec& tool, const SkillManifest& skill, const Principal& principal);
  // One program of a plan, fresh.
  Task<Result<Warm>> make(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop);
  Task<Outcome> ask_worker(const SkillManifest& skill, std::string settings_json, const CallSecrets& secrets,
                           ToolRequest request, CallObserver observer, std::stop_token stop);
  Task<Outcome> converse(const ToolSpec& tool, SandboxProcess& process, SandboxLimits limits,
                         std::string arguments_json, std::string settings_json, CallObserver observer,
                         std::stop_token stop);

  Executor executor_;
  Plugins& plugins_;
  egress::Fence& fence_;
  std::string data_directory_;
  WarmPool pool_;
  std::unique_ptr<Workers> workers_;
};

}  // namespace librebird::hands
