#pragma once

// One program in a container, behind its guard (src/hands/runner/guard.hpp).

#include "engine.hpp"
#include "stream_frames.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

namespace librebird::docker {

class DockerProcess final : public SandboxProcess {
 public:
  // `attached`: started, and its setup is queued.
  DockerProcess(Executor executor, Engine engine, std::string id, std::unique_ptr<Engine::Attached> attached,
                SandboxLimits limits, const std::string& nonce);
  ~DockerProcess() override;

  Status write(std::string text) override;
  void close_input() override;
  Task<Result<SandboxRun>> wait(SandboxIo io, std::stop_token stop) override;
  [[nodiscard]] bool running() const override { return !ended_ && !attached_->connection.ended(); }

 private:
  void kill(SandboxEnd why);
  Task<Status> read_all();
  Task<void> kill_container();
  Task<void> watch_wall_time(std::stop_token done);
  bool count(std::string_view text);
  void on_text(Stream stream, std::string_view text);
  void on_output_text(std::string_view text);
  void on_error_text(std::string_view text);
  [[nodiscard]] bool heard_all() const { return output_end_.verdict() && verdict_.verdict(); }
  Result<SandboxRun> result();

  Executor executor_;
  Engine engine_;
  std::string id_;
  std::unique_ptr<Engine::Attached> attached_;
  SandboxLimits limits_;
  Demultiplexer demultiplexer_;
  VerdictFilter output_end_;
  VerdictFilter verdict_;
  SandboxIo io_;
  Scope* scope_ = nullptr;  // while wait() runs
  std::string output_;
  std::string error_output_;
  std::int64_t written_ = 0;
  bool closed_ = false;  // its input
  bool ended_ = false;
  std::optional<SandboxEnd> end_;  // why we killed it, if we did
  std::chrono::steady_clock::time_point began_;
};

}  // namespace librebird::docker
