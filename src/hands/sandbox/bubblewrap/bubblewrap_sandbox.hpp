#pragma once

// The sandbox of bubblewrap: every call starts a fresh set of namespaces around one program and tears it down.

#include "control_group.hpp"

#include <librebird/base/process/process.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <memory>
#include <string>

namespace librebird::bubblewrap {

struct Filters {
  std::string single;
  std::string many;
};

// A sandbox that was started and has got no input yet: its program waits on its standard input.
struct Started {
  std::unique_ptr<Process> process;
  Fd input, output, error, status, block;
};

class BubblewrapSandbox final : public Sandbox {
 public:
  // `bwrap`: absolute path; empty: not installed, and every run says so.
  BubblewrapSandbox(Executor executor, std::string bwrap, Filters filters, ControlGroups groups);

  Task<Result<SandboxRun>> run(SandboxSpec spec, std::function<void(std::string_view)> on_error_output,
                               std::stop_token stop) override;
  Task<Status> probe() override;

 private:
  Result<Started> start(const std::vector<std::string>& command, const SandboxSpec& spec);
  Result<Started> take_or_start(const std::vector<std::string>& command, const SandboxSpec& spec);

  // Setting up a sandbox takes milliseconds, so after a call one fresh sandbox of the same shape (program, mounts,
  // limits) is set up beforehand. It runs one call, as any other: nothing is ever used twice.
  struct Spare {
    std::string shape;
    Started started;
  };
  void prepare_spare(std::vector<std::string> command, SandboxSpec spec);

  Executor executor_;
  std::string bwrap_;
  Filters filters_;
  ControlGroups groups_;
  std::unique_ptr<Spare> spare_;
  // Work posted to the loop asks this whether we are still there.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// Why bubblewrap could not set up its containment, and what to do: from what it said and what the system says.
Error explain_failure(std::string_view said);
Error not_installed();

}  // namespace librebird::bubblewrap
