#include "guard.hpp"

#include "confine.hpp"
#include "tally.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

extern char** environ;

namespace librebird::runner {
namespace {

// Exit codes of the guard itself; the program's end is in the last words.
constexpr int kAbandoned = 2;
constexpr int kMisused = 3;
constexpr int kFarewell = 10'000;  // milliseconds

struct Setup {
  std::string nonce;
  bool keep_environment = false;
  std::string work_directory;
  std::vector<std::string> argv;
  std::vector<std::string> environment;
};

bool parse_setup(std::string_view payload, Setup& setup) {
  std::vector<std::string> texts;
  while (!payload.empty()) {
    const std::size_t end = payload.find('\0');
    if (end == std::string_view::npos) return false;
    texts.emplace_back(payload.substr(0, end));
    payload.remove_prefix(end + 1);
  }
  if (texts.size() < 5) return false;
  setup.nonce = texts[0];
  setup.keep_environment = texts[1] == "1";
  setup.work_directory = texts[2];
  char* end = nullptr;
  const unsigned long count = std::strtoul(texts[3].c_str(), &end, 10);
  if (*end != '\0' || count == 0 || count > texts.size() - 4) return false;
  const auto first = texts.begin() + 4;
  setup.argv.assign(first, first + static_cast<std::ptrdiff_t>(count));
  setup.environment.assign(first + static_cast<std::ptrdiff_t>(count), texts.end());
  return true;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = write(fd, text.data(), text.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string read_small_file(const char* path) {
  std::string text;
  std::array<char, 4096> buffer;
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  ssize_t got = 0;
  while (fd >= 0 && text.size() < 64 * 1024 && (got = read(fd, buffer.data(), buffer.size())) > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  if (fd >= 0) close(fd);
  return text;
}

// Our own control group's count of processes killed for want of memory (v2, then v1).
bool ran_out_of_memory() {
  for (const char* path : {"/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control"}) {
    const std::string text = "\n" + read_small_file(path);
    const std::size_t at = text.find("\noom_kill ");
    if (at != std::string::npos) return text[at + 10] != '0';
  }
  return false;
}

void close_from(unsigned first) {
#ifdef SYS_close_range
  if (syscall(SYS_close_range, first, ~0U, 0) == 0) return;
#endif
  for (unsigned fd = first; fd < 4096; ++fd) close(static_cast<int>(fd));
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

// The image's environment below ours.
std::vector<std::string> environment_of(const Setup& setup) {
  std::vector<std::string> all = setup.environment;
  const auto named = [&setup](std::string_view entry) {
    const std::string_view name = entry.substr(0, entry.find('=') + 1);
    for (const std::string& own : setup.environment) {
      if (std::string_view(own).starts_with(name)) return true;
    }
    return false;
  };
  for (char** entry = environ; setup.keep_environment && *entry != nullptr; ++entry) {
    if (!named(*entry)) all.emplace_back(*entry);
  }
  return all;
}

class Guard {
 public:
  explicit Guard(Bounds bounds) : tally_(bounds) {}
  int run();

 private:
  Tally tally_;
  bool read_setup();
  bool fill();
  bool take_frames();
  bool start();
  [[noreturn]] void become_program(int input, int report);
  void pump_input();
  bool collect();
  int finish();

  std::string buffer_;   // frames not yet taken
  std::string pending_;  // input the program has not read
  Setup setup_;
  int signals_ = -1;
  int input_ = -1;  // the program's standard input
  bool end_of_input_ = false;
  pid_t child_ = -1;
  int status_ = 0;
  int start_error_ = 0;
};

// One read of standard input; false at its end: nobody needs us any more.
bool Guard::fill() {
  std::array<char, 64 * 1024> bytes;
  const ssize_t got = read(STDIN_FILENO, bytes.data(), bytes.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  buffer_.append(bytes.data(), static_cast<std::size_t>(got));
  return got > 0;
}

// The next whole frame's payload length, or npos.
std::size_t frame_size(const std::string& buffer) {
  if (buffer.size() < 5) return std::string::npos;
  std::uint32_t size = 0;
  for (int i = 1; i < 5; ++i) size = size << 8 | static_cast<unsigned char>(buffer[static_cast<std::size_t>(i)]);
  return size;
}

bool Guard::read_setup() {
  for (;;) {
    const std::size_t size = frame_size(buffer_);
    if (size != std::string::npos) {
      if (buffer_[0] != kGuardSetup || size > kMaxGuardSetup) return false;
      if (buffer_.size() >= 5 + size) {
        const bool good = parse_setup(std::string_view(buffer_).substr(5, size), setup_);
        buffer_.erase(0, 5 + size);
        return good;
      }
    }
    if (!fill()) return false;
  }
}

// Whole frames in the buffer become input for the program.
bool Guard::take_frames() {
  for (;;) {
    const std::size_t size = frame_size(buffer_);
    if (size == std::string::npos) return true;
    const bool end = buffer_[0] == kGuardEnd && size == 0;
    if (!end && (buffer_[0] != kGuardInput || size > kMaxGuardInput)) return false;
    if (buffer_.size() < 5 + size) return true;
    if (end) {
      end_of_input_ = true;
    } else if (!end_of_input_) {
      pending_.append(buffer_, 5, size);
    }
    buffer_.erase(0, 5 + size);
  }
}

void Guard::become_program(int input, int report) {
  setsid();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  int error = 0;
  if (dup2(input, STDIN_FILENO) < 0) error = errno;
  if (error == 0 && dup2(report, 3) < 0) error = errno;
  if (error == 0 && fcntl(3, F_SETFD, FD_CLOEXEC) < 0) error = errno;
  close_from(4);
  if (error == 0 && chdir(setup_.work_directory.c_str()) != 0) error = errno;
  if (error == 0) {
    std::vector<std::string> environment = environment_of(setup_);
    std::vector<char*> variables = pointers(environment);
    std::vector<char*> words = pointers(setup_.argv);
    // The search for a name without a slash goes by the program's own PATH.
    environ = variables.data();
    execvp(words[0], words.data());
    error = errno;
  }
  (void)!write(3, &error, sizeof(error));
  _exit(127);
}

bool Guard::start() {
  std::array<int, 2> input{};
  std::array<int, 2> report{};
  if (pipe2(input.data(), O_CLOEXEC) != 0 || pipe2(report.data(), O_CLOEXEC) != 0) return false;
  child_ = fork();
  if (child_ == 0) become_program(input[0], report[1]);
  start_error_ = child_ < 0 ? errno : 0;
  close(input[0]);
  close(report[1]);
  if (child_ > 0) {
    int error = 0;
    ssize_t got = 0;
    while ((got = read(report[0], &error, sizeof(error))) < 0 && errno == EINTR) {
    }
    if (got == sizeof(error)) start_error_ = error;
  }
  close(report[0]);
  input_ = input[1];
  fcntl(input_, F_SETFL, O_NONBLOCK);
  return true;
}

// Gives the program what it takes; one that does not read is its own affair.
void Guard::pump_input() {
  while (input_ >= 0 && !pending_.empty()) {
    const ssize_t sent = write(input_, pending_.data(), pending_.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) {
      close(input_);
      input_ = -1;
      break;
    }
    pending_.erase(0, static_cast<std::size_t>(sent));
  }
  if (input_ < 0) pending_.clear();
  if (input_ >= 0 && end_of_input_ && pending_.empty()) {
    close(input_);
    input_ = -1;
  }
}

// Reaps whoever ended; true when the program itself did.
bool Guard::collect() {
  signalfd_siginfo info;
  (void)!read(signals_, &info, sizeof(info));
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid <= 0) return false;
    if (pid != child_) continue;
    status_ = status;
    return true;
  }
}

// The program is over: so is all it left behind. Then the last words, which nobody can contradict.
int Guard::finish() {
  kill(-1, SIGKILL);
  while (waitpid(-1, nullptr, 0) > 0 || errno == EINTR) {
  }
  std::string words = guard_marker(setup_.nonce);
  if (start_error_ != 0) {
    words += "x" + std::to_string(start_error_);
  } else if (WIFSIGNALED(status_)) {
    const bool starved = WTERMSIG(status_) == SIGKILL && ran_out_of_memory();
    words += (starved ? "m" : "s") + std::to_string(WTERMSIG(status_));
  } else {
    words += "e" + std::to_string(WEXITSTATUS(status_));
  }
  rusage used{};
  getrusage(RUSAGE_CHILDREN, &used);
  const auto milliseconds = [](const timeval& time) { return time.tv_sec * 1000 + time.tv_usec / 1000; };
  words += " " + std::to_string(milliseconds(used.ru_utime) + milliseconds(used.ru_stime));
  words += '\n';
  write_all(STDOUT_FILENO, words);
  write_all(STDERR_FILENO, words);
  // Whoever heard them lets us go.
  for (pollfd wait{STDIN_FILENO, POLLIN, 0}; poll(&wait, 1, kFarewell) > 0 || errno == EINTR;) {
    buffer_.clear();
    if (!fill()) break;
  }
  return 0;
}

int Guard::run() {
  if (getpid() != 1) {
    write_all(STDERR_FILENO, "librebird-tool guard runs as the first process of a container only.\n");
    return kMisused;
  }
  close_from(3);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL);
  sigset_t child_signals;
  sigemptyset(&child_signals);
  sigaddset(&child_signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &child_signals, nullptr);
  if (!read_setup()) return kAbandoned;
  signals_ = signalfd(-1, &child_signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals_ < 0 || !start()) return kMisused;
  if (start_error_ != 0) return finish();
  for (;;) {
    if (!take_frames()) return kAbandoned;
    pump_input();
    // Not more than a little ahead of the program; but our own end must be seen even while it does not read.
    const bool full = pending_.size() >= 2 * kMaxGuardInput;
    std::array<pollfd, 3> waits = {{{signals_, POLLIN, 0},
                                    {STDIN_FILENO, static_cast<short>(full ? 0 : POLLIN), 0},
                                    {pending_.empty() ? -1 : input_, POLLOUT, 0}}};
    constexpr int kLook = 50;  // milliseconds
    if (poll(waits.data(), waits.size(), kLook) < 0 && errno != EINTR) return kAbandoned;
    if (waits[0].revents != 0 && collect()) return finish();
    if (const char* what = tally_.exceeded()) {
      std::fprintf(stderr, "the sandbox ended it: %s\n", what);
      kill(child_, SIGKILL);
      while (waitpid(child_, &status_, 0) < 0 && errno == EINTR) {
      }
      return finish();
    }
    if (!full && waits[1].revents != 0 && !fill()) return kAbandoned;
    // With the input full we do not read, but a hang-up is told all the same.
    if (full && (waits[1].revents & (POLLHUP | POLLERR)) != 0) return kAbandoned;
  }
}

}  // namespace

int guard(std::span<char* const> arguments) {
  Bounds bounds;
  if (arguments.size() == 2 && std::string_view(arguments[0]) == "--files") {
    bounds.files = std::atoll(arguments[1]);
  } else if (!arguments.empty()) {
    return kMisused;
  }
  drop_privilege_paths();
  return Guard(bounds).run();
}

}  // namespace librebird::runner
