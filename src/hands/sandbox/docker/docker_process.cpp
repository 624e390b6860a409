#include "docker_process.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/base/log.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <fmt/format.h>

#include <csignal>
#include <cstring>
#include <utility>

namespace librebird::docker {
namespace {

// How long a killed container may take to be gone.
constexpr Millis kDeath{15'000};

Task<void> bury(Engine engine, std::string id) {
  if (auto removed = co_await engine.remove(id); !removed) {
    log::warn("a container could not be removed", {{"container", id}, {"cause", removed.error().message}});
  }
}

}  // namespace

DockerProcess::DockerProcess(Executor executor, Engine engine, std::string id,
                             std::unique_ptr<Engine::Attached> attached, SandboxLimits limits, const std::string& nonce)
    : executor_(executor),
      engine_(std::move(engine)),
      id_(std::move(id)),
      attached_(std::move(attached)),
      limits_(limits),
      output_end_(nonce),
      verdict_(nonce) {}

DockerProcess::~DockerProcess() {
  if (ended_) return;
  // The guard's life line: with it everything inside ends. The engine is told as well, should it not have noticed.
  attached_->connection.close();
  boost::asio::co_spawn(executor_, bury(engine_, id_), boost::asio::detached);
}

Status DockerProcess::write(std::string text) {
  if (closed_ || !running()) return make_error(Code::unavailable, "The tool's program has ended.");
  if (text.empty() || attached_->connection.queue(input_frames(text))) return Ok{};
  return make_error(Code::resource_exhausted, "The tool's program does not read what it is given.");
}

void DockerProcess::close_input() {
  if (closed_) return;
  closed_ = true;
  // Not the connection: that is the guard's life line.
  attached_->connection.queue(end_frame());
}

void DockerProcess::kill(SandboxEnd why) {
  if (end_ || ended_ || scope_ == nullptr) return;
  end_ = why;
  attached_->connection.shut();
  scope_->spawn(kill_container(), "container kill");
}

Task<void> DockerProcess::kill_container() {
  // The guard, whose input has ended, is mostly faster: then there is nothing left to kill, and the engine says so.
  if (auto killed = co_await engine_.kill(id_); !killed) {
    log::debug("a container was not killed by the engine", {{"container", id_}, {"cause", killed.error().message}});
  }
}

Task<void> DockerProcess::watch_wall_time(std::stop_token done) {
  if (co_await sleep_for(limits_.wall_time, done)) kill(SandboxEnd::timed_out);
}

bool DockerProcess::count(std::string_view text) {
  if (end_ == SandboxEnd::output_limit) return false;
  written_ += static_cast<std::int64_t>(text.size());
  if (written_ <= limits_.output_bytes) return true;
  kill(SandboxEnd::output_limit);
  return false;
}

void DockerProcess::on_error_text(std::string_view text) {
  if (text.empty() || !count(text)) return;
  error_output_ += text;
  if (io_.on_error_output) io_.on_error_output(text);
}

void DockerProcess::on_output_text(std::string_view text) {
  if (text.empty() || !count(text)) return;
  if (io_.on_output) {
    io_.on_output(text);
  } else {
    output_ += text;
  }
}

void DockerProcess::on_text(Stream stream, std::string_view text) {
  if (stream == Stream::output) {
    on_output_text(output_end_.feed(text));
  } else {
    on_error_text(verdict_.feed(text));
  }
}

Task<Status> DockerProcess::read_all() {
  const auto sink = [this](Stream stream, std::string_view text) { on_text(stream, text); };
  LB_CO_CHECK(demultiplexer_.feed(std::exchange(attached_->first, {}), sink));
  while (!heard_all()) {
    // Nothing is owed to us at any time but the end, and that only once we have killed.
    auto bytes = co_await attached_->connection.read(in(limits_.wall_time + kDeath), {});
    if (!bytes) co_return std::move(bytes).error();
    if (bytes->empty()) co_return Ok{};
    LB_CO_CHECK(demultiplexer_.feed(*bytes, sink));
  }
  co_return Ok{};
}

Task<Result<SandboxRun>> DockerProcess::wait(SandboxIo io, std::stop_token stop) {
  began_ = std::chrono::steady_clock::now();
  io_ = std::move(io);
  Scope scope(executor_);
  scope_ = &scope;
  scope.spawn(watch_wall_time(scope.token()), "sandbox wall time");
  Status read = Ok{};
  {
    const auto kill_it = [this] { kill(SandboxEnd::cancelled); };
    const std::stop_callback on_stop(stop, kill_it);
    read = co_await read_all();
  }
  // After the guard's last words it is alone inside, and ends with our connection. Without them the engine has to see
  // to the end.
  on_output_text(output_end_.held());
  on_error_text(verdict_.held());
  const bool told = read.ok() && heard_all();
  ended_ = true;
  attached_->connection.close();
  Status gone = Ok{};
  if (!told) gone = co_await engine_.remove(id_);
  scope.cancel();
  co_await scope.join();
  scope_ = nullptr;
  io_ = {};
  if (!gone) {
    co_return make_error(Code::internal, fmt::format("The container {} may still run: {} Look at the container engine.",
                                                     id_.substr(0, 12), gone.error().message));
  }
  if (!read && !end_) co_return std::move(read).error();
  co_return result();
}

Result<SandboxRun> DockerProcess::result() {
  SandboxRun run;
  run.output = std::move(output_);
  run.error_output = std::move(error_output_);
  run.duration = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - began_);
  const std::optional<GuardVerdict> verdict = verdict_.verdict();
  if (end_ || !verdict) {
    // Without last words the guard itself was killed: by us, by the kernel or by an operator.
    run.end = end_.value_or(SandboxEnd::signalled);
    run.exit_code = SIGKILL;
    return run;
  }
  run.exit_code = verdict->value;
  run.cpu = Millis(verdict->cpu_milliseconds);
  switch (verdict->kind) {
    case GuardVerdict::Kind::exited:
      // A shell, or a runtime in between, says a signal so.
      if (run.exit_code > 128) {
        run.end = SandboxEnd::signalled;
        run.exit_code -= 128;
      }
      break;
    case GuardVerdict::Kind::signalled:
      run.end = verdict->value == SIGXCPU ? SandboxEnd::timed_out : SandboxEnd::signalled;
      break;
    case GuardVerdict::Kind::out_of_memory: run.end = SandboxEnd::out_of_memory; break;
    case GuardVerdict::Kind::not_started:
      return make_error(
          Code::failed_precondition,
          fmt::format("The tool's program could not be started in its container: {}.", std::strerror(verdict->value)));
  }
  return run;
}

}  // namespace librebird::docker
