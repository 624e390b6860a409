// librebird-tool: serves the native tools inside the sandbox: one line of the tool protocol on standard input
// (docs/tool-protocol.md), one line on standard output, then it ends. Statically linked, because nothing but this file
// is there inside. With a first argument it is something else that is needed inside: see kCommands.
#include <librebird/skills/tool.hpp>

#include "../hands/runner/confine.hpp"
#include "../hands/runner/forward.hpp"
#include "../hands/runner/guard.hpp"
#include "../hands/runner/mcp/mcp_adapter.hpp"
#include "../hands/runner/mcp/mcp_http.hpp"
#include "../hands/runner/tend.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <span>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t kMaxRequest = 4 << 20;

// One line, or what came before the end. False past the limit or on a broken pipe.
bool read_line(std::string& line) {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got == 0) return true;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || line.size() + static_cast<std::size_t>(got) > kMaxRequest) return false;
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t end = piece.find('\n');
    line.append(piece.substr(0, end));
    if (end != std::string_view::npos) return true;
  }
}

bool write_answer(std::string_view answer) {
  while (!answer.empty()) {
    const ssize_t sent = write(STDOUT_FILENO, answer.data(), answer.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    answer.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void confine() {
  librebird::runner::drop_privilege_paths();
  librebird::runner::restrict_files({"/"}, {"/tmp", "/work"});
}

int run_mcp_http(std::span<char* const> arguments) {
  if (librebird::runner::reader_is_gone()) return 3;
  confine();
  return librebird::runner::run_mcp_http(arguments);
}

struct Command {
  std::string_view name;
  int (*run)(std::span<char* const> arguments);
};
constexpr std::array kCommands = {
    Command{"forward", librebird::runner::forward},
    Command{"tend", librebird::runner::tend},
    Command{"guard", librebird::runner::guard},
    Command{"mcp", librebird::runner::run_mcp_adapter},
    Command{"mcp-http", run_mcp_http},
};

}  // namespace

int main(int count, char** arguments) {
  if (count > 1) {
    for (const Command& command : kCommands) {
      if (command.name == arguments[1]) return command.run({arguments + 2, static_cast<std::size_t>(count - 2)});
    }
    return 64;
  }
  if (librebird::runner::reader_is_gone()) return 3;
  confine();
  std::string line;
  if (!read_line(line)) return 2;
  std::string answer = librebird::skills::serve_line(line);
  if (answer.empty()) return 0;
  answer += '\n';
  return write_answer(answer) ? 0 : 3;
}
