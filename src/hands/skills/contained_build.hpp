#pragma once

// Programs that an install runs, contained: package tools, compilers, git. A sandbox of its own for each, network
// through the egress fence to the named hosts only. Private. Loop only.

#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/egress/fence.hpp>

#include <functional>
#include <stop_token>
#include <string>
#include <vector>

namespace librebird::hands {

// Fails when there is none: nothing runs outside of it.
using FindSandbox = std::function<Result<Sandbox*>()>;

class ContainedBuild final : public SkillBuild {
 public:
  ContainedBuild(FindSandbox sandbox, egress::Fence& fence) : sandbox_(std::move(sandbox)), fence_(fence) {}
  // Adds the usual environment; names that `spec` sets stay as they are. Wall time is bounded to ten minutes.
  Task<Result<SandboxRun>> run(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) override;
  // Packages are many and large: more requests and bytes than a call has.
  Task<Result<SandboxRun>> run_with_index(SandboxSpec spec, std::vector<std::string> hosts,
                                          std::stop_token stop) override;
  // As `run`, with something on standard input and a policy of one's own.
  Task<Result<SandboxRun>> run_with_input(SandboxSpec spec, egress::CallPolicy policy, std::string input,
                                          std::stop_token stop);

 private:
  Task<Result<SandboxRun>> run_fenced(SandboxSpec spec, egress::CallPolicy policy, std::string input,
                                      std::stop_token stop);
  Task<Result<SandboxRun>> start(SandboxSpec spec, std::string input, std::stop_token stop);

  FindSandbox sandbox_;
  egress::Fence& fence_;
};

// What a run that did not end well says, in one sentence: why it ended, and the last of what it wrote.
[[nodiscard]] Error explain(std::string_view what, const SandboxRun& run);

}  // namespace librebird::hands
