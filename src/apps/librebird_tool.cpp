// librebird-tool: runs one native tool inside the sandbox. One JSON request on standard input
// ({"tool","arguments","now","zone"}), one JSON answer on standard output, then it ends. Statically linked, because
// nothing but this file is there inside.
#include <librebird/skills/tool.hpp>

#include "../hands/runner/confine.hpp"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

namespace {

constexpr std::size_t kMaxRequest = 1 << 20;

// False past the limit or on a broken pipe.
bool read_request(std::string& request) {
  std::array<char, 16 * 1024> buffer;
  for (;;) {
    const ssize_t got = read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got == 0) return true;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 || request.size() + static_cast<std::size_t>(got) > kMaxRequest) return false;
    request.append(buffer.data(), static_cast<std::size_t>(got));
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

}  // namespace

int main() {
  librebird::runner::drop_privilege_paths();
  librebird::runner::restrict_files({"/"}, {"/tmp", "/work"});
  std::string request;
  if (!read_request(request)) return 2;
  return write_answer(librebird::skills::answer(request)) ? 0 : 3;
}
