#include "tend.hpp"

#include "confine.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <vector>

namespace librebird::runner {
namespace {

constexpr int kUsage = 64;
constexpr int kCannotRun = 126;

// The parent of a process, from the fourth field of its stat; 0 if it is gone.
long parent_of(long pid) {
  std::array<char, 64> path{};
  std::snprintf(path.data(), path.size(), "/proc/%ld/stat", pid);
  const int fd = open(path.data(), O_RDONLY | O_CLOEXEC);
  std::array<char, 512> text{};
  const ssize_t got = fd >= 0 ? read(fd, text.data(), text.size() - 1) : 0;
  if (fd >= 0) close(fd);
  // The name may hold anything, a closing parenthesis too: the last one ends it.
  const char* end = got > 0 ? std::strrchr(text.data(), ')') : nullptr;
  return end != nullptr && std::strlen(end) > 4 ? std::atol(end + 4) : 0;
}

// Ends every child, and those that become ours by that, until there is none.
void end_all() {
  for (;;) {
    // Most leave nobody behind: then there is nothing to look for among all the processes of this machine.
    int status = 0;
    pid_t ended = 0;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0) {
    }
    if (ended < 0 && errno == ECHILD) return;
    if (DIR* directory = opendir("/proc")) {
      while (const dirent* entry = readdir(directory)) {
        const long pid = std::atol(entry->d_name);
        if (pid > 1 && parent_of(pid) == getpid()) kill(static_cast<pid_t>(pid), SIGKILL);
      }
      closedir(directory);
    }
    (void)poll(nullptr, 0, 1);
  }
}

int wait_for(pid_t child, int signals) {
  bool watching = true;
  for (;;) {
    std::array<pollfd, 2> sources = {{{signals, POLLIN, 0}, {watching ? STDOUT_FILENO : -1, 0, 0}}};
    (void)poll(sources.data(), sources.size(), -1);
    if (sources[1].revents != 0) {
      if (reader_is_gone()) {
        end_all();
        return kCannotRun;
      }
      watching = false;
    }
    signalfd_siginfo info;
    while (read(signals, &info, sizeof(info)) == sizeof(info)) {
    }
    for (int status = 0;;) {
      const pid_t ended = waitpid(-1, &status, WNOHANG);
      if (ended <= 0) break;
      if (ended != child) continue;
      end_all();
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
  }
}

}  // namespace

int tend(std::span<char* const> arguments) {
  if (arguments.size() < 2 || std::string_view(arguments[0]) != "--") {
    std::fprintf(stderr, "usage: librebird-tool tend -- argv...\n");
    return kUsage;
  }
  std::vector<char*> argv(arguments.begin() + 1, arguments.end());
  argv.push_back(nullptr);
  sigset_t before;
  sigset_t watched;
  sigemptyset(&watched);
  sigaddset(&watched, SIGCHLD);
  sigprocmask(SIG_BLOCK, &watched, &before);
  const int signals = signalfd(-1, &watched, SFD_NONBLOCK | SFD_CLOEXEC);
  if (signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0) return kCannotRun;
  const pid_t child = fork();
  if (child < 0) return kCannotRun;
  if (child == 0) {
    sigprocmask(SIG_SETMASK, &before, nullptr);
    execv(argv[0], argv.data());
    std::fprintf(stderr, "%s cannot be run: %s\n", argv[0], std::strerror(errno));
    _exit(kCannotRun);
  }
  return wait_for(child, signals);
}

}  // namespace librebird::runner
