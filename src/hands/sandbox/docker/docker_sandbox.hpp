#pragma once

// The sandbox of a container engine: every program is the child of our guard in a container of its own, which the
// engine removes when it ends.

#include "container.hpp"
#include "engine.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace librebird::docker {

struct Settings {
  std::vector<std::string> sockets;  // the first that is there is used
  bool configured = false;           // the operator named the socket
  std::string image;                 // the platform's own
  std::string runtime;               // OCI runtime; empty: the engine's
  std::string tool;                  // librebird-tool; empty: missing
};

class DockerSandbox final : public Sandbox {
 public:
  DockerSandbox(Executor executor, Settings settings);
  ~DockerSandbox() override;

  Task<Result<std::unique_ptr<SandboxProcess>>> start(SandboxSpec spec, std::stop_token stop) override;
  Task<Status> probe() override;

 private:
  // Finds the engine and what it can do, once; asks again after a failure. Whatever we left behind is removed.
  Task<Result<EngineFacts>> connect(std::stop_token stop);
  Task<Result<EngineFacts>> look(std::stop_token stop);
  Task<Status> sweep();
  Task<Result<ImageFacts>> image_for(SandboxSpec& spec, std::stop_token stop);
  Task<Result<ImageFacts>> empty_image(std::stop_token stop);
  Result<std::string> seccomp_for(const EngineFacts& facts, bool network);
  Result<ContainerPlan> plan_for(const SandboxSpec& spec, const EngineFacts& facts);
  Task<Result<std::unique_ptr<SandboxProcess>>> run(SandboxSpec spec, ContainerPlan plan, EngineFacts facts,
                                                    ImageFacts image, std::stop_token stop);
  Task<Result<std::unique_ptr<SandboxProcess>>> begin(std::string id, SandboxSpec spec, EngineFacts facts,
                                                      ImageFacts image, std::stop_token stop);

  Executor executor_;
  Settings settings_;
  std::unique_ptr<Engine> engine_;
  std::optional<EngineFacts> facts_;
  bool looking_ = false;  // one looks for the engine, the others wait
  Signal looked_;
  std::string profile_folder_;  // Podman reads filters from files
};

}  // namespace librebird::docker
