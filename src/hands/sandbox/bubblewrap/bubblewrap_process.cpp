#include "bubblewrap_process.hpp"

#include "bubblewrap_sandbox.hpp"

#include <librebird/base/async/scope.hpp>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>

#include <fmt/format.h>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>

namespace librebird::bubblewrap {
namespace {

using Descriptor = boost::asio::posix::basic_stream_descriptor<Executor>;

constexpr std::size_t kMaxStatusBytes = 4096;
constexpr std::size_t kMaxPendingBytes = 8 << 20;
constexpr Millis kSetUpTime{10'000};
constexpr std::size_t kMaxErrorOutput = 256 * 1024;
constexpr int kDeathMillis = 200;

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

void set_nonblocking(const Fd& fd) {
  if (fd) fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
}

// Also when it has ended, the time is over, or somebody stops it.
Task<void> readable(Executor executor, Fd pipe, Millis limit, std::stop_token stop) {
  if (!pipe || stop.stop_requested()) co_return;
  Descriptor descriptor(executor, pipe.release());
  const auto cancel = [&descriptor] { descriptor.cancel(); };
  const std::stop_callback on_stop(stop, cancel);
  Timer timer(executor, std::chrono::steady_clock::now() + limit);
  timer.async_wait([&descriptor](const boost::system::error_code& error) {
    if (!error) descriptor.cancel();
  });
  boost::system::error_code error;
  co_await descriptor.async_wait(Descriptor::wait_read, boost::asio::redirect_error(use_task, error));
}

}  // namespace

BubblewrapProcess::BubblewrapProcess(Executor executor, Started started, const SandboxLimits& limits,
                                     ControlGroup group)
    : executor_(executor),
      limits_(limits),
      group_(std::move(group)),
      process_(std::move(started.process)),
      input_(std::move(started.input)),
      output_pipe_(std::move(started.output)),
      error_pipe_(std::move(started.error)),
      status_pipe_(std::move(started.status)),
      block_(std::move(started.block)),
      written_to_(executor),
      killed_(executor) {
  set_nonblocking(input_);
  set_nonblocking(error_pipe_);
  set_nonblocking(status_pipe_);
}

// Nothing is left behind when it returns: no process, so that the control group can go too.
BubblewrapProcess::~BubblewrapProcess() {
  if (ended_ || !process_->running()) return;
  pollfd status{.fd = status_pipe_.get(), .events = POLLIN, .revents = 0};
  if (!inside_ && status_pipe_) (void)poll(&status, 1, kDeathMillis);
  read_status_now();
  if (inside_) {
    kill_process(inside_, SIGKILL);
    pollfd inside{.fd = inside_.get(), .events = POLLIN, .revents = 0};
    (void)poll(&inside, 1, kDeathMillis);
  } else {
    process_->kill(SIGKILL);
  }
  // Bubblewrap ends by itself then, and reaps what it started.
  for (int i = 0; i < kDeathMillis && process_->running(); ++i) (void)poll(nullptr, 0, 1);
}

// Killing the first process inside takes the whole process namespace with it, before bubblewrap itself ends. Bubblewrap
// is never killed before it has said which that is: what it had made by then would stay.
void BubblewrapProcess::kill(SandboxEnd why) {
  if (end_ || ended_) return;
  end_ = why;
  if (inside_) kill_process(inside_, SIGKILL);
  killed_.notify_all();
}

bool BubblewrapProcess::read_status_now() {
  if (!status_pipe_) return false;
  std::array<char, 1024> buffer;
  const ssize_t got = ::read(status_pipe_.get(), buffer.data(), buffer.size());
  if (got > 0) on_status(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

Task<Status> BubblewrapProcess::release(std::stop_token stop) {
  Descriptor status(executor_, fcntl(status_pipe_.get(), F_DUPFD_CLOEXEC, 3));
  const auto deadline = std::chrono::steady_clock::now() + kSetUpTime;
  Timer timer(executor_, deadline);
  const auto cancel = [&status] { status.cancel(); };
  const std::stop_callback on_stop(stop, cancel);
  timer.async_wait([&status](const boost::system::error_code& error) {
    if (!error) status.cancel();
  });
  while (!inside_) {
    boost::system::error_code error;
    co_await status.async_wait(Descriptor::wait_read, boost::asio::redirect_error(use_task, error));
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool was stopped before it began.");
    if (error) co_return make_error(Code::deadline_exceeded, "The sandbox was not set up in time; try again.");
    if (!read_status_now()) co_return Ok{};  // bubblewrap gave up
  }
  // The program has not begun: bubblewrap waits for a byte. Now the limits over all its processes are laid on.
  if (!lay_limits(inside_pid_)) {
    co_return make_error(Code::internal, "The limits could not be laid on the sandbox; the tool did not run.");
  }
  // If nobody reads it, bubblewrap has given up by itself and says why.
  (void)!::write(block_.get(), "x", 1);
  block_.reset();
  co_return Ok{};
}

bool BubblewrapProcess::lay_limits(int pid) {
  // What no group counts, the forwarder was told to count (root) or the kernel does by the process limit.
  if (!group_.join(pid)) return false;
  // More than asked for: bubblewrap's reaper, the forwarder, and the process that becomes the program.
  const auto most = static_cast<rlim_t>(limits_.processes + kOwnProcesses);
  const rlimit limit{most, most};
  return prlimit(pid, RLIMIT_NPROC, &limit, nullptr) == 0;
}

void BubblewrapProcess::flush() {
  while (input_ && !pending_.empty()) {
    const ssize_t sent = ::write(input_.get(), pending_.data(), pending_.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {  // nobody will read it: how the program ended says why
      pending_.clear();
      closing_ = true;
    } else {
      pending_.erase(0, static_cast<std::size_t>(sent));
    }
  }
  if (closing_) input_.reset();
}

Status BubblewrapProcess::write(std::string text) {
  if (closing_ || !running()) return make_error(Code::unavailable, "The tool's program has ended.");
  if (pending_.size() + text.size() > kMaxPendingBytes) {
    return make_error(Code::resource_exhausted, "The tool's program does not read what it is given.");
  }
  pending_ += text;
  flush();
  written_to_.notify_all();
  return Ok{};
}

void BubblewrapProcess::close_input() {
  closing_ = true;
  flush();
  written_to_.notify_all();
}

Task<void> BubblewrapProcess::write_rest(std::stop_token done) {
  while (input_ && !done.stop_requested()) {
    if (pending_.empty()) {
      co_await written_to_.wait(done);
      continue;
    }
    Descriptor descriptor(executor_, fcntl(input_.get(), F_DUPFD_CLOEXEC, 3));
    const auto cancel = [&descriptor] { descriptor.cancel(); };
    const std::stop_callback on_done(done, cancel);
    boost::system::error_code error;
    co_await descriptor.async_wait(Descriptor::wait_write, boost::asio::redirect_error(use_task, error));
    flush();
  }
}

bool BubblewrapProcess::count(std::string_view text) {
  if (end_ == SandboxEnd::output_limit) return false;
  written_ += static_cast<std::int64_t>(text.size());
  if (written_ <= limits_.output_bytes) return true;
  kill(SandboxEnd::output_limit);
  return false;
}

bool BubblewrapProcess::on_output(std::string_view text) {
  read_errors_now();
  if (!count(text)) return false;
  if (io_.on_output) {
    io_.on_output(text);
  } else {
    output_ += text;
  }
  return true;
}

bool BubblewrapProcess::on_error(std::string_view text) {
  if (!count(text)) return false;
  error_output_ += text;
  // Who listens needs only the end of it afterwards; it may run for days.
  if (io_.on_error_output && error_output_.size() > kMaxErrorOutput)
    error_output_.erase(0, error_output_.size() - kMaxErrorOutput / 2);
  if (io_.on_error_output) io_.on_error_output(text);
  return true;
}

// What it printed before the output that was just read is in the pipe by now: nobody is to hear the answer first.
void BubblewrapProcess::read_errors_now() {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t got = ::read(error_pipe_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || !on_error(std::string_view(buffer.data(), static_cast<std::size_t>(got)))) return;
  }
}

bool BubblewrapProcess::on_status(std::string_view text) {
  if (status_text_.size() + text.size() > kMaxStatusBytes) return false;
  status_text_ += text;
  if (inside_pid_ != 0) return true;
  if (const std::optional<int> pid = number_of(status_text_, "child-pid")) {
    inside_pid_ = *pid;
    if (auto held = open_process(*pid)) inside_ = std::move(held).value();
    if (end_) kill_process(inside_, SIGKILL);
  }
  return true;
}

Task<void> BubblewrapProcess::watch_wall_time(std::stop_token done) {
  if (!end_) co_await killed_.wait(done, limits_.wall_time);
  if (ended_ || done.stop_requested()) co_return;
  kill(SandboxEnd::timed_out);
  // If it hangs in setting up, it goes as it is.
  if (co_await sleep_for(Millis(2000), done)) process_->kill(SIGKILL);
}

Task<Result<SandboxRun>> BubblewrapProcess::wait(SandboxIo io, std::stop_token stop) {
  Fd errors(fcntl(error_pipe_.get(), F_DUPFD_CLOEXEC, 3));
  if (!errors) {
    co_return make_error(Code::resource_exhausted, "No file descriptors are left; raise the limit of open files.");
  }
  began_ = std::chrono::steady_clock::now();
  group_.serve();
  io_ = std::move(io);
  Scope scope(executor_);
  const auto sink = [this](bool (BubblewrapProcess::*member)(std::string_view)) {
    return [this, member](std::string_view text) { return (this->*member)(text); };
  };
  scope.spawn(write_rest(scope.token()), "sandbox input");
  scope.spawn(read_pipe(executor_, std::move(output_pipe_), sink(&BubblewrapProcess::on_output)), "sandbox output");
  scope.spawn(read_pipe(executor_, std::move(errors), sink(&BubblewrapProcess::on_error)), "sandbox errors");
  scope.spawn(read_pipe(executor_, std::move(status_pipe_), sink(&BubblewrapProcess::on_status)), "sandbox status");
  scope.spawn(watch_wall_time(scope.token()), "sandbox wall time");
  {
    const auto kill_it = [this] { kill(SandboxEnd::cancelled); };
    const std::stop_callback on_stop(stop, kill_it);
    const ExitStatus status = co_await process_->wait();
    cpu_ = std::chrono::duration_cast<Millis>(status.cpu);
    ended_ = true;
  }
  // Bubblewrap may end before the process namespace has: what is still in there was killed with it.
  if (inside_) {
    kill_process(inside_, SIGKILL);
    co_await wait_process(executor_, inside_);
  }
  // Ends the clock; the pipes end by themselves, because nothing that could hold them is alive.
  scope.cancel();
  co_await scope.join();
  io_ = {};
  co_return result();
}

Result<SandboxRun> BubblewrapProcess::result() {
  SandboxRun run;
  run.output = std::move(output_);
  run.error_output = std::move(error_output_);
  run.duration = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - began_);
  run.cpu = cpu_;
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

Task<void> BubblewrapProcess::first_words(Millis limit, std::stop_token stop) {
  return readable(executor_, Fd(fcntl(output_pipe_.get(), F_DUPFD_CLOEXEC, 3)), limit, std::move(stop));
}

std::int64_t BubblewrapProcess::memory_bytes() const {
  if (const std::int64_t used = group_.memory_bytes(); used > 0) return used;
  if (inside_pid_ == 0) return 0;
  std::ifstream file(fmt::format("/proc/{}/statm", inside_pid_));
  std::int64_t size = 0;
  std::int64_t resident = 0;
  file >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace librebird::bubblewrap
