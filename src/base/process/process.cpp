#include <librebird/base/process/process.hpp>

#include "spawn.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

namespace librebird {
namespace {

using Descriptor = boost::asio::posix::basic_stream_descriptor<Executor>;

std::chrono::microseconds cpu_of(const rusage& usage) {
  const auto of = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

class LinuxProcess final : public Process {
 public:
  LinuxProcess(Executor executor, process::Spawned spawned, bool group)
      : pid_(spawned.pid), group_(group), pidfd_(executor, spawned.pidfd.release()) {}

  ~LinuxProcess() override {
    if (reaped_) return;
    kill(SIGKILL);
    reap(0);
  }

  Task<ExitStatus> wait() override {
    while (!reap(WNOHANG)) {
      boost::system::error_code error;
      co_await pidfd_.async_wait(Descriptor::wait_read, boost::asio::redirect_error(use_task, error));
      if (error) reap(0);
    }
    co_return status_;
  }

  bool running() override { return !reap(WNOHANG); }

  void kill(int signal) override {
    if (!reaped_) ::kill(group_ ? -pid_ : pid_, signal);
  }

  [[nodiscard]] int pid() const override { return pid_; }

 private:
  // True once the status is known.
  bool reap(int flags) {
    if (reaped_) return true;
    int status = 0;
    int got = 0;
    rusage usage{};
    do {
      got = wait4(pid_, &status, flags, &usage);
    } while (got < 0 && errno == EINTR);
    if (got == 0) return false;
    reaped_ = true;
    if (got < 0) {
      status_ = {true, SIGKILL, {}};  // somebody else reaped it: nothing is known
    } else if (WIFSIGNALED(status)) {
      status_ = {true, WTERMSIG(status), cpu_of(usage)};
    } else {
      status_ = {false, WEXITSTATUS(status), cpu_of(usage)};
    }
    return true;
  }

  int pid_;
  bool group_;
  bool reaped_ = false;
  ExitStatus status_;
  Descriptor pidfd_;
};

}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = other.release();
  }
  return *this;
}

void Fd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<PipeEnds> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    return make_error(Code::resource_exhausted, "No file descriptors are left; raise the limit of open files.");
  }
  return PipeEnds{Fd(ends[0]), Fd(ends[1])};
}

Result<std::unique_ptr<Process>> Process::spawn(Executor executor, SpawnOptions options) {
  LB_TRY(spawned, process::spawn(options));
  return std::unique_ptr<Process>(std::make_unique<LinuxProcess>(executor, std::move(spawned), options.new_session));
}

Task<void> write_pipe(Executor executor, Fd pipe, std::string data) {
  Descriptor descriptor(executor, pipe.release());
  boost::system::error_code error;
  // Most inputs fit the pipe's buffer: no trip through the loop then.
  descriptor.native_non_blocking(true, error);
  const ssize_t sent = ::write(descriptor.native_handle(), data.data(), data.size());
  const std::size_t done = sent > 0 ? static_cast<std::size_t>(sent) : 0;
  if (done == data.size() || (sent < 0 && errno != EAGAIN)) co_return;
  co_await boost::asio::async_write(descriptor, boost::asio::buffer(data.data() + done, data.size() - done),
                                    boost::asio::redirect_error(use_task, error));
}

Task<void> read_pipe(Executor executor, Fd pipe, std::function<bool(std::string_view)> sink) {
  Descriptor descriptor(executor, pipe.release());
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    boost::system::error_code error;
    const std::size_t got =
        co_await descriptor.async_read_some(boost::asio::buffer(buffer), boost::asio::redirect_error(use_task, error));
    if (got > 0 && !sink(std::string_view(buffer.data(), got))) co_return;
    if (error) co_return;
  }
}

Result<Fd> open_process(int pid) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return make_error(Code::not_found, "The process is gone.");
  return Fd(fd);
}

void kill_process(const Fd& process, int signal) {
  if (process) syscall(SYS_pidfd_send_signal, process.get(), signal, nullptr, 0);
}

Task<void> wait_process(Executor executor, const Fd& process) {
  if (!process) co_return;
  Descriptor descriptor(executor, fcntl(process.get(), F_DUPFD_CLOEXEC, 3));
  boost::system::error_code error;
  co_await descriptor.async_wait(Descriptor::wait_read, boost::asio::redirect_error(use_task, error));
}

}  // namespace librebird
