#pragma once

// One program contained by bubblewrap: what was started, its pipes, and how it ends.

#include "control_group.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/base/process/process.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace librebird::bubblewrap {

struct Started {
  std::unique_ptr<Process> process;
  Fd input, output, error, status, block;
};

class BubblewrapProcess final : public SandboxProcess {
 public:
  BubblewrapProcess(Executor executor, Started started, const SandboxLimits& limits, ControlGroup group);
  ~BubblewrapProcess() override;

  // Of a program with many processes: waits until bubblewrap has made the first one, lays the limits over it and lets
  // it begin. If bubblewrap failed, wait() says why.
  Task<Status> release(std::stop_token stop);

  Status write(std::string text) override;
  void close_input() override;
  Task<Result<SandboxRun>> wait(SandboxIo io, std::stop_token stop) override;
  Task<void> first_words(Millis limit, std::stop_token stop) override;
  [[nodiscard]] bool running() const override { return !ended_ && process_->running(); }
  [[nodiscard]] std::int64_t memory_bytes() const override;

 private:
  void kill(SandboxEnd why);
  Result<SandboxRun> result();
  bool count(std::string_view text);
  bool on_output(std::string_view text);
  bool on_error(std::string_view text);
  bool on_status(std::string_view text);
  void read_errors_now();
  // False: bubblewrap says no more.
  bool read_status_now();
  // False if the number of processes cannot be limited.
  bool lay_limits(int pid);
  void flush();
  Task<void> write_rest(std::stop_token done);
  Task<void> watch_wall_time(std::stop_token done);

  Executor executor_;
  SandboxLimits limits_;
  ControlGroup group_;
  std::unique_ptr<Process> process_;
  Fd input_, output_pipe_, error_pipe_, status_pipe_, block_;
  Fd inside_;  // the first process of the sandbox
  int inside_pid_ = 0;
  SandboxIo io_;
  Signal written_to_;
  Signal killed_;
  std::string pending_;
  bool closing_ = false;
  std::string output_;
  std::string error_output_;
  std::string status_text_;
  std::int64_t written_ = 0;
  std::optional<SandboxEnd> end_;  // why we killed it, if we did
  bool ended_ = false;
  Millis cpu_{0};
  std::chrono::steady_clock::time_point began_;
};

}  // namespace librebird::bubblewrap
