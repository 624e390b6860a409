#pragma once

// The sandbox of bubblewrap: every program gets a fresh set of namespaces that ends with it.

#include "bubblewrap_process.hpp"
#include "control_group.hpp"

#include <librebird/core/ports/sandbox.hpp>

#include <memory>
#include <string>
#include <vector>

namespace librebird::bubblewrap {

struct Filters {
  std::string single;
  std::string many;
  std::string network;  // many, with the forwarder
};

class BubblewrapSandbox final : public Sandbox {
 public:
  // `bwrap`: absolute path; empty: not installed, and every start says so. `runner`: librebird-tool; without it
  // programs with many processes are refused.
  BubblewrapSandbox(Executor executor, std::string bwrap, std::string runner, Filters filters, ControlGroups groups);

  Task<Result<std::unique_ptr<SandboxProcess>>> start(SandboxSpec spec, std::stop_token stop) override;
  Task<Status> probe() override;
  std::vector<std::string> remarks() override;

 private:
  [[nodiscard]] const std::string& filter_of(const SandboxSpec& spec) const;
  Result<Started> spawn(const std::vector<std::string>& command, const SandboxSpec& spec);

  Executor executor_;
  std::string bwrap_;
  std::string runner_;
  Filters filters_;
  ControlGroups groups_;
  std::vector<Fd> etc_;  // the files of etc_files(), in memory
};

// Why bubblewrap could not set up its containment, and what to do: from what it said and what the system says.
Error explain_failure(std::string_view said);
Error not_installed();

}  // namespace librebird::bubblewrap
