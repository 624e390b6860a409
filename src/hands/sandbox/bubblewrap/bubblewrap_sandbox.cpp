#include "bubblewrap_sandbox.hpp"

#include "command.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/process/process.hpp>

#include <fmt/format.h>

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <csignal>
#include <optional>

namespace librebird::bubblewrap {
namespace {

constexpr std::int64_t kMaxStatusBytes = 4096;
constexpr std::uint64_t kOpenFiles = 256;

// The number after `"key":` in bubblewrap's status documents; they are flat objects of numbers.
std::optional<int> number_of(std::string_view status, std::string_view key) {
  std::size_t at = status.find(fmt::format("\"{}\":", key));
  if (at == std::string_view::npos) return std::nullopt;
  at += key.size() + 3;
  while (at < status.size() && status[at] == ' ') ++at;
  int value = 0;
  const auto [end, error] = std::from_chars(status.data() + at, status.data() + status.size(), value);
  // A number at the very end may be cut short.
  if (error != std::errc{} || end == status.data() + status.size()) return std::nullopt;
  return value;
}

struct Pipes {
  PipeEnds input, output, error, status, filter, block;
};

Result<Pipes> make_pipes() {
  Pipes pipes;
  for (PipeEnds* pipe : {&pipes.input, &pipes.output, &pipes.error, &pipes.status, &pipes.filter, &pipes.block}) {
    LB_TRY(made, make_pipe());
    *pipe = std::move(made);
  }
  return pipes;
}

// Everything that makes one sandbox like another, but its input.
std::string shape_of(const std::vector<std::string>& command, const SandboxSpec& spec) {
  std::string shape;
  for (const auto* words : {&command, &spec.environment}) {
    for (const std::string& word : *words) shape.append(word).push_back('\0');
    shape.push_back('\0');
  }
  const SandboxLimits& limits = spec.limits;
  return shape +
         fmt::format("{} {} {} {}", limits.memory_bytes, limits.cpu_seconds, limits.file_bytes, limits.processes);
}

// One program on its way. Lives in the frame of run(); its tasks are joined there.
class Run {
 public:
  Run(Executor executor, Started started, SandboxSpec& spec, std::function<void(std::string_view)>& sink,
      ControlGroup group)
      : executor_(executor),
        spec_(spec),
        sink_(sink),
        group_(std::move(group)),
        scope_(executor),
        process_(std::move(started.process)),
        block_(std::move(started.block)) {
    scope_.spawn(write_pipe(executor_, std::move(started.input), std::move(spec_.input)), "sandbox input");
    scope_.spawn(read_pipe(executor_, std::move(started.output), bind(&Run::on_output)), "sandbox output");
    scope_.spawn(read_pipe(executor_, std::move(started.error), bind(&Run::on_error)), "sandbox error output");
    scope_.spawn(read_pipe(executor_, std::move(started.status), bind(&Run::on_status)), "sandbox status");
  }

  Task<void> finish() {
    scope_.spawn(watch_wall_time(), "sandbox wall time");
    status_ = co_await process_->wait();
    ended_ = true;
    // Ends the clock; the pipes end by themselves, because nothing that could hold them is alive.
    scope_.cancel();
    co_await scope_.join();
  }

  void kill(SandboxEnd why) {
    if (end_ || ended_) return;
    end_ = why;
    // Killing the first process inside takes the whole process namespace with it, before bubblewrap itself ends.
    if (inside_) {
      kill_process(inside_, SIGKILL);
    } else {
      process_->kill(SIGKILL);
    }
  }

  Result<SandboxRun> result() {
    SandboxRun run;
    run.output = std::move(output_);
    run.error_output = std::move(error_output_);
    run.duration = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - began_);
    if (setup_error_) return *setup_error_;
    if (end_) {
      run.end = *end_;
      run.exit_code = SIGKILL;
      return run;
    }
    const std::optional<int> exit = number_of(status_text_, "exit-code");
    // Without that document bubblewrap never came as far as the program.
    if (!exit) return explain_failure(run.error_output);
    run.exit_code = *exit;
    if (*exit > 128) {
      run.end = group_.ran_out_of_memory() ? SandboxEnd::out_of_memory : SandboxEnd::signalled;
      run.exit_code = *exit - 128;
      // The kernel's own limit on processor time.
      if (run.exit_code == SIGXCPU) run.end = SandboxEnd::timed_out;
    }
    return run;
  }

 private:
  std::function<bool(std::string_view)> bind(bool (Run::*member)(std::string_view)) {
    return [this, member](std::string_view text) { return (this->*member)(text); };
  }

  bool count(std::string_view text) {
    if (end_ == SandboxEnd::output_limit) return false;
    written_ += static_cast<std::int64_t>(text.size());
    if (written_ <= spec_.limits.output_bytes) return true;
    kill(SandboxEnd::output_limit);
    return false;
  }

  bool on_output(std::string_view text) {
    if (!count(text)) return false;
    output_ += text;
    return true;
  }

  bool on_error(std::string_view text) {
    if (!count(text)) return false;
    error_output_ += text;
    if (sink_) sink_(text);
    return true;
  }

  bool on_status(std::string_view text) {
    if (static_cast<std::int64_t>(status_text_.size() + text.size()) > kMaxStatusBytes) return false;
    status_text_ += text;
    if (!seen_inside_) {
      if (const std::optional<int> pid = number_of(status_text_, "child-pid")) {
        seen_inside_ = true;
        on_inside(*pid);
      }
    }
    return true;
  }

  void on_inside(int pid) {
    auto held = open_process(pid);
    if (!held) return;
    inside_ = std::move(held).value();
    if (end_) {
      kill_process(inside_, SIGKILL);
      return;
    }
    if (!is_single(spec_)) release(pid);
  }

  // The program has not begun: bubblewrap waits for a byte. Now the limits over all its processes are laid on.
  void release(int pid) {
    group_.join(pid);
    // Two more than asked for: bubblewrap's reaper, and the process that becomes the program.
    const auto most = static_cast<rlim_t>(spec_.limits.processes + 1);
    const rlimit limit{most, most};
    const bool counted = prlimit(pid, RLIMIT_NPROC, &limit, nullptr) == 0;
    // The kernel does not count the processes of root, whatever the namespace.
    if (!group_.limits_processes() && (!counted || getuid() == 0)) {
      setup_error_ = make_error(Code::failed_precondition,
                                "The number of processes cannot be limited for root on this machine; run Libre Bird "
                                "as an ordinary user, or let it use the pids control group.");
      kill(SandboxEnd::cancelled);
      return;
    }
    // If nobody reads it, bubblewrap has given up by itself and says why.
    (void)!::write(block_.get(), "x", 1);
    block_.reset();
  }

  Task<void> watch_wall_time() {
    if (co_await sleep_for(spec_.limits.wall_time, scope_.token())) kill(SandboxEnd::timed_out);
    if (ended_) co_return;
    // If the kill did not end it (bubblewrap still setting up), the group goes.
    if (co_await sleep_for(Millis(500), scope_.token())) process_->kill(SIGKILL);
  }

  Executor executor_;
  SandboxSpec& spec_;
  std::function<void(std::string_view)>& sink_;
  ControlGroup group_;
  Scope scope_;
  std::unique_ptr<Process> process_;
  Fd block_;
  Fd inside_;  // the first process of the sandbox
  bool seen_inside_ = false;
  std::string output_;
  std::string error_output_;
  std::string status_text_;
  std::int64_t written_ = 0;
  std::optional<SandboxEnd> end_;  // why we killed it, if we did
  std::optional<Error> setup_error_;
  bool ended_ = false;
  ExitStatus status_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
};

}  // namespace

BubblewrapSandbox::BubblewrapSandbox(Executor executor, std::string bwrap, Filters filters, ControlGroups groups)
    : executor_(executor), bwrap_(std::move(bwrap)), filters_(std::move(filters)), groups_(std::move(groups)) {}

Result<Started> BubblewrapSandbox::start(const std::vector<std::string>& command, const SandboxSpec& spec) {
  const bool single = is_single(spec);
  const std::string& filter = single ? filters_.single : filters_.many;
  LB_TRY(pipes, make_pipes());
  // The filter is a few kilobytes: it fits the pipe, and bubblewrap reads it to the end.
  if (::write(pipes.filter.write.get(), filter.data(), filter.size()) != static_cast<ssize_t>(filter.size())) {
    return make_error(Code::internal, "The system-call filter cannot be handed over; tools will not run.");
  }
  pipes.filter.write.reset();
  SpawnOptions options{.argv = command, .environment = spec.environment};
  options.working_directory = "/";
  options.fds = {{pipes.input.read.get(), 0},
                 {pipes.output.write.get(), 1},
                 {pipes.error.write.get(), 2},
                 {pipes.status.write.get(), kStatusFd},
                 {pipes.filter.read.get(), kFilterFd}};
  if (!single) options.fds.push_back({pipes.block.read.get(), kBlockFd});
  const SandboxLimits& limits = spec.limits;
  options.limits = {{ProcessLimit::address_space, static_cast<std::uint64_t>(limits.memory_bytes)},
                    {ProcessLimit::cpu_seconds, static_cast<std::uint64_t>(limits.cpu_seconds)},
                    {ProcessLimit::file_size, static_cast<std::uint64_t>(limits.file_bytes)},
                    {ProcessLimit::open_files, kOpenFiles},
                    {ProcessLimit::core_size, 0}};
  auto process = Process::spawn(executor_, std::move(options));
  if (!process) {
    // A missing or forbidden bubblewrap is a missing sandbox, not a fault of the call.
    const Code code = process.error().code;
    const bool missing = code == Code::not_found || code == Code::permission_denied;
    return make_error(missing ? Code::failed_precondition : code, process.error().message);
  }
  return Started{std::move(process).value(),  std::move(pipes.input.write), std::move(pipes.output.read),
                 std::move(pipes.error.read), std::move(pipes.status.read), std::move(pipes.block.write)};
}

Result<Started> BubblewrapSandbox::take_or_start(const std::vector<std::string>& command, const SandboxSpec& spec) {
  if (spare_ && spare_->shape == shape_of(command, spec)) {
    const std::unique_ptr<Spare> spare = std::move(spare_);
    if (spare->started.process->running()) return std::move(spare->started);
  }
  return start(command, spec);
}

void BubblewrapSandbox::prepare_spare(std::vector<std::string> command, SandboxSpec spec) {
  std::string shape = shape_of(command, spec);
  if (spare_ && spare_->shape == shape && spare_->started.process->running()) return;
  spare_.reset();
  if (auto started = start(command, spec)) {
    spare_ = std::make_unique<Spare>(Spare{std::move(shape), std::move(started).value()});
  }
}

Task<Result<SandboxRun>> BubblewrapSandbox::run(SandboxSpec spec, std::function<void(std::string_view)> on_error_output,
                                                std::stop_token stop) {
  if (bwrap_.empty()) co_return not_installed();
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool was stopped before it began.");
  const bool single = is_single(spec);
  LB_CO_TRY(command, make_command(bwrap_, spec));
  LB_CO_TRY(started, take_or_start(command, spec));
  Run run(executor_, std::move(started), spec, on_error_output,
          single ? ControlGroup() : ControlGroup::create(groups_, spec.limits));
  const auto kill = [&run] { run.kill(SandboxEnd::cancelled); };
  const std::stop_callback on_stop(stop, kill);
  co_await run.finish();
  Result<SandboxRun> result = run.result();
  // Only a shape that just worked and belongs to no one call: no workspace's folder, no call's socket.
  if (single && result && spec.mounts.size() == 1 && spec.egress_socket.empty()) {
    boost::asio::post(executor_, [this, alive = std::weak_ptr<bool>(alive_), command = std::move(command),
                                  spec = std::move(spec)]() mutable {
      if (!alive.expired()) prepare_spare(std::move(command), std::move(spec));
    });
  }
  co_return result;
}

}  // namespace librebird::bubblewrap
