#include "mcp_adapter.hpp"

#include "mcp_lines.hpp"
#include "mcp_translator.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace librebird::runner {
namespace {

constexpr std::size_t kMaxQueued = 64 << 20;
constexpr auto kFarewell = std::chrono::milliseconds(50);

void set_nonblocking(int fd) { fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK); }

class Adapter {
 public:
  Adapter(std::vector<char*> command, bool waits_for_settings)
      : command_(std::move(command)), waits_for_settings_(waits_for_settings) {}

  int run() {
    if (!waits_for_settings_) start();
    while (!done()) {
      if (!exchange()) return 3;
      if (const int code = translator_.broken(); code != 0) {
        flush();
        return end(code);
      }
    }
    flush();
    return end(0);
  }

 private:
  [[nodiscard]] bool done() const {
    return input_ended_ && !translator_.busy() && (child_ > 0 || !waits_for_settings_);
  }

  void start() {
    waits_for_settings_ = false;
    int to[2];
    int from[2];
    if (pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0) return translator_.server_failed(cannot_start(errno));
    // The child says through this pipe why it could not become the server.
    int report[2];
    if (pipe2(report, O_CLOEXEC) != 0) return translator_.server_failed(cannot_start(errno));
    child_ = fork();
    if (child_ < 0) return translator_.server_failed(cannot_start(errno));
    if (child_ == 0) become_server(to[0], from[1], report[1]);
    close(to[0]);
    close(from[1]);
    close(report[1]);
    int why = 0;
    const bool failed = read(report[0], &why, sizeof(why)) == sizeof(why);
    close(report[0]);
    to_server_ = to[1];
    from_server_ = from[0];
    set_nonblocking(to_server_);
    if (failed) return translator_.server_failed(cannot_start(why));
    translator_.begin();
  }

  [[noreturn]] void become_server(int input, int output, int report) {
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    signal(SIGPIPE, SIG_DFL);
    for (const std::string& variable : translator_.environment()) putenv(strdup(variable.c_str()));
    execvp(command_[0], command_.data());
    const int why = errno;
    (void)!write(report, &why, sizeof(why));
    _exit(127);
  }

  [[nodiscard]] std::string cannot_start(int why) const {
    return std::string("The MCP server ") + command_[0] + " cannot be started: " + std::strerror(why) + ".";
  }

  // One round: waits, reads, writes. False when the host is gone.
  bool exchange() {
    queued_ += translator_.take_for_server();
    if (queued_.size() > kMaxQueued) translator_.server_failed("The MCP server does not read what it is sent.");
    if (!flush()) return false;
    std::array<pollfd, 3> watched = {{{input_ended_ ? -1 : STDIN_FILENO, POLLIN, 0},
                                      {from_server_, POLLIN, 0},
                                      {queued_.empty() ? -1 : to_server_, POLLOUT, 0}}};
    if (done()) return true;
    if (poll(watched.data(), watched.size(), -1) < 0) return errno == EINTR;
    if (watched[0].revents != 0) read_host();
    if (watched[1].revents != 0) read_server();
    if (watched[2].revents != 0) write_server();
    return true;
  }

  bool flush() {
    write_all(STDERR_FILENO, translator_.take_log());
    return write_all(STDOUT_FILENO, translator_.take_for_host());
  }

  void read_host() {
    const auto use = [this](std::string_view line) { translator_.from_host(line); };
    if (!host_lines_.read_from(STDIN_FILENO, use)) input_ended_ = true;
    if (waits_for_settings_ && (translator_.busy() || input_ended_)) start();
  }

  void read_server() {
    const auto use = [this](std::string_view line) { translator_.from_server(line); };
    if (server_lines_.read_from(from_server_, use)) return;
    close(from_server_);
    from_server_ = -1;
    translator_.server_failed(explain_end());
  }

  void write_server() {
    const ssize_t sent = write(to_server_, queued_.data(), queued_.size());
    if (sent > 0) {
      queued_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      // Its end is seen where it is read.
      close(to_server_);
      to_server_ = -1;
      queued_.clear();
    }
  }

  std::string explain_end() {
    int status = 0;
    // It closed its output: it is ending, or it is no use any more.
    for (int i = 0; i < 20 && waitpid(child_, &status, WNOHANG) == 0; ++i) usleep(5'000);
    if (kill(child_, 0) == 0) return "The MCP server closed its output before it answered.";
    if (WIFSIGNALED(status)) {
      return "The MCP server was ended by signal " + std::to_string(WTERMSIG(status)) + " before it answered.";
    }
    return "The MCP server ended with code " + std::to_string(WEXITSTATUS(status)) + " before it answered.";
  }

  // Closing its input is how a server is told to end; what does not is killed with the sandbox.
  int end(int code) {
    if (child_ <= 0) return code;
    if (to_server_ >= 0) close(to_server_);
    const auto until = std::chrono::steady_clock::now() + kFarewell;
    while (waitpid(child_, nullptr, WNOHANG) == 0 && std::chrono::steady_clock::now() < until) usleep(2'000);
    kill(child_, SIGKILL);
    return code;
  }

  std::vector<char*> command_;  // ends with a null
  bool waits_for_settings_;
  McpTranslator translator_;
  LineReader host_lines_;
  LineReader server_lines_;
  bool input_ended_ = false;
  pid_t child_ = -1;
  int to_server_ = -1;
  int from_server_ = -1;
  std::string queued_;
};

}  // namespace

int run_mcp_adapter(std::span<char* const> arguments) {
  bool settings = false;
  std::size_t at = 0;
  for (; at < arguments.size() && std::string_view(arguments[at]) != "--"; ++at) {
    const std::string_view word = arguments[at];
    if (word == "--settings") {
      settings = true;
    } else if (word == "--path" && at + 1 < arguments.size()) {
      const char* path = std::getenv("PATH");
      setenv("PATH", (std::string(arguments[++at]) + ":" + (path != nullptr ? path : "/usr/bin:/bin")).c_str(), 1);
    } else {
      break;
    }
  }
  if (at + 1 >= arguments.size() || std::string_view(arguments[at]) != "--") {
    std::fputs("usage: librebird-tool mcp [--settings] [--path FOLDERS] -- argv...\n", stderr);
    return 64;
  }
  signal(SIGPIPE, SIG_IGN);
  const auto words = arguments.subspan(at + 1);
  std::vector<char*> command(words.begin(), words.end());
  command.push_back(nullptr);
  return Adapter(std::move(command), settings).run();
}

}  // namespace librebird::runner
