#pragma once

// The sandbox of bubblewrap: every call starts a fresh set of namespaces around one program and tears it down.

#include "control_group.hpp"

#include <librebird/core/ports/sandbox.hpp>

#include <string>

namespace librebird::bubblewrap {

struct Filters {
  std::string single;
  std::string many;
};

class BubblewrapSandbox final : public Sandbox {
 public:
  // `bwrap`: absolute path; empty: not installed, and every run says so.
  BubblewrapSandbox(Executor executor, std::string bwrap, Filters filters, ControlGroups groups);

  Task<Result<SandboxRun>> run(SandboxSpec spec, std::function<void(std::string_view)> on_error_output,
                               std::stop_token stop) override;
  Task<Status> probe() override;

 private:
  Executor executor_;
  std::string bwrap_;
  Filters filters_;
  ControlGroups groups_;
};

// Why bubblewrap could not set up its containment, and what to do: from what it said and what the system says.
Error explain_failure(std::string_view said);
Error not_installed();

}  // namespace librebird::bubblewrap
