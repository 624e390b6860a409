#include "terminal.hpp"

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>

namespace librebird::cli {
namespace {

// Echo off while it lives.
class Silence {
 public:
  Silence() {
    if (::tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios quiet = before_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    silent_ = ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet) == 0;
  }
  ~Silence() {
    if (silent_) ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;
  [[nodiscard]] bool silent() const { return silent_; }

 private:
  termios before_{};
  bool silent_ = false;
};

Result<std::string> read_input(std::size_t limit, bool one_line) {
  std::string text;
  text.reserve(limit + 2);  // never moved: no copy is left behind
  char c = 0;
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return {Code::unavailable, "The secret cannot be read from standard input."};
    if (got == 0 || (one_line && c == '\n')) break;
    if (text.size() > limit) return {Code::too_large, fmt::format("A secret has at most {} bytes.", limit)};
    text += c;
  }
  if (!one_line && text.ends_with('\n')) {
    text.pop_back();
    if (text.ends_with('\r')) text.pop_back();
  }
  return text;
}

}  // namespace

std::string printable(std::string_view text) {
  std::string out = is_utf8(text) ? std::string(text) : to_valid_utf8(text);
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto byte = static_cast<unsigned char>(out[i]);
    if (byte < 0x20 || byte == 0x7f) out[i] = ' ';
    // C1 control characters, two bytes in UTF-8.
    if (byte == 0xc2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xa0) out.replace(i, 2, " ");
  }
  return out;
}

Result<std::string> read_secret(const std::string& prompt, std::size_t limit) {
  if (::isatty(STDIN_FILENO) != 1) return read_input(limit, false);
  fmt::print(stderr, "{}: ", prompt);
  const Silence silence;
  if (!silence.silent()) {
    return {Code::failed_precondition, "The terminal cannot be kept from showing the secret: pipe it in instead."};
  }
  auto text = read_input(limit, true);
  fmt::print(stderr, "\n");
  return text;
}

}  // namespace librebird::cli
