#pragma once

// The sandbox of bubblewrap: every program gets a fresh set of namespaces that ends with it.

#include "bubblewrap_process.hpp"
#include "control_group.hpp"

#include <librebird/core/ports/sandbox.hpp>

#include <memory>
#include <string>

namespace librebird::bubblewrap {

struct Filters {
  std::string single;
  std::string many;
};

class BubblewrapSandbox final : public Sandbox {
 public:
  // `bwrap`: absolute path; empty: not installed, and every start says so.
  BubblewrapSandbox(Executor executor, std::string bwrap, Filters filters, ControlGroups groups);

  Task<Result<std::unique_ptr<SandboxProcess>>> start(SandboxSpec spec, std::stop_token stop) override;
  Task<Status> probe() override;

 private:
  Result<Started> spawn(const std::vector<std::string>& command, const SandboxSpec& spec);

  Executor executor_;
  std::string bwrap_;
  Filters filters_;
  ControlGroups groups_;
};

// Why bubblewrap could not set up its containment, and what to do: from what it said and what the system says.
Error explain_failure(std::string_view said);
Error not_installed();

}  // namespace librebird::bubblewrap
