#include "forward.hpp"

#include "confine.hpp"
#include "joiner.hpp"
#include "tally.hpp"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::runner {
namespace {

constexpr const char* kFence = "/run/egress/fence.sock";
constexpr int kUsage = 64;
constexpr int kCannotRun = 126;

struct Options {
  bool network = true;
  bool confine = false;
  std::vector<std::string> writable;
  Bounds bounds;
  std::vector<char*> argv;  // ends with a null pointer
};

bool parse(std::span<char* const> arguments, Options& options) {
  std::size_t i = 0;
  for (; i < arguments.size() && std::string_view(arguments[i]) != "--"; ++i) {
    const std::string_view word = arguments[i];
    const bool more = i + 1 < arguments.size();
    if (word == "--no-network") {
      options.network = false;
    } else if (word == "--confine") {
      options.confine = true;
    } else if (word == "--writable" && more) {
      options.writable.emplace_back(arguments[++i]);
    } else if (word == "--processes" && more) {
      options.bounds.processes = std::atol(arguments[++i]);
    } else if (word == "--memory" && more) {
      options.bounds.memory = std::atoll(arguments[++i]);
    } else if (word == "--files" && more) {
      options.bounds.files = std::atoll(arguments[++i]);
    } else {
      return false;
    }
  }
  for (++i; i < arguments.size(); ++i) options.argv.push_back(arguments[i]);
  if (options.argv.empty()) return false;
  options.argv.push_back(nullptr);
  return true;
}

[[noreturn]] void become(const Options& options, const sigset_t& mask, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(kCannotRun);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (options.confine) restrict_programs(options.writable);
  execv(options.argv[0], options.argv.data());
  std::fprintf(stderr, "%s cannot be run: %s\n", options.argv[0], std::strerror(errno));
  _exit(kCannotRun);
}

// Whatever is left inside goes; new ones cannot be made meanwhile, because the kernel does this in one go.
[[noreturn]] void end_with(int code) {
  kill(-1, SIGKILL);
  _exit(code);
}

// Reaps; the code to end with once the child itself is done, else -1.
int reap(pid_t child) {
  int code = -1;
  for (;;) {
    int status = 0;
    const pid_t ended = waitpid(-1, &status, WNOHANG);
    if (ended <= 0) return code;
    if (ended == child) code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  }
}

bool watch(int epoll, int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

int ticking(bool often) {
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  const timespec period{0, often ? 2'000'000 : 50'000'000};
  const itimerspec times{period, period};
  timerfd_settime(timer, 0, &times, nullptr);
  return timer;
}

int serve(const Options& options, Joiner& joiner, int signals, pid_t child) {
  const int epoll = joiner.epoll();
  if (!watch(epoll, signals)) end_with(kCannotRun);
  // Errors only; a file cannot be watched and need not be.
  epoll_event reader{};
  reader.data.fd = STDOUT_FILENO;
  epoll_ctl(epoll, EPOLL_CTL_ADD, STDOUT_FILENO, &reader);
  const bool counts = options.bounds.processes > 0 || options.bounds.memory > 0 || options.bounds.files > 0;
  const int timer = counts ? ticking(options.bounds.processes > 0) : -1;
  if (counts && !watch(epoll, timer)) end_with(kCannotRun);
  Tally tally(options.bounds);
  for (;;) {
    std::array<epoll_event, 64> events;
    const int got = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
    if (got < 0 && errno != EINTR) end_with(kCannotRun);
    for (int i = 0; i < got; ++i) {
      const int fd = events[static_cast<std::size_t>(i)].data.fd;
      if (fd == signals) {
        signalfd_siginfo info;
        while (read(signals, &info, sizeof(info)) == sizeof(info)) {
        }
        if (const int code = reap(child); code >= 0) end_with(code);
      } else if (fd == STDOUT_FILENO) {
        if (reader_is_gone()) end_with(128 + SIGPIPE);
        epoll_ctl(epoll, EPOLL_CTL_DEL, STDOUT_FILENO, nullptr);
      } else if (fd == timer) {
        std::uint64_t ticks = 0;
        (void)!read(timer, &ticks, sizeof(ticks));
        if (const char* what = tally.exceeded()) {
          std::fprintf(stderr, "the sandbox ended it: %s\n", what);
          end_with(128 + SIGKILL);
        }
      } else {
        joiner.handle(events[static_cast<std::size_t>(i)]);
      }
    }
    joiner.sweep();
  }
}

}  // namespace

int forward(std::span<char* const> arguments) {
  Options options;
  if (!parse(arguments, options)) {
    std::fprintf(stderr, "usage: librebird-tool forward [options] -- argv...\n");
    return kUsage;
  }
  sigset_t mask;
  sigprocmask(SIG_SETMASK, nullptr, &mask);
  // Who started us may have been killed before the kernel was told to take us along.
  if (reader_is_gone()) return kCannotRun;
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigprocmask(SIG_BLOCK, &watched, nullptr);
  signal(SIGPIPE, SIG_IGN);
  const int signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
  Joiner joiner(kFence);
  if (signals < 0 || !joiner.start(options.network ? kProxyPort : 0)) {
    std::fprintf(stderr, "the way to the network cannot be set up: %s\n", std::strerror(errno));
    return kCannotRun;
  }
  const pid_t self = getpid();
  const pid_t child = fork();
  if (child < 0) return kCannotRun;
  if (child == 0) {
    signal(SIGPIPE, SIG_DFL);
    become(options, mask, self);
  }
  // The child's input is its own. Its output stays open here as well: it tells us when nobody reads any more.
  close(STDIN_FILENO);
  return serve(options, joiner, signals, child);
}

}  // namespace librebird::runner
