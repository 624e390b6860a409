#pragma once

// Lines over pipes. POSIX only; one thread.

#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>
#include <string_view>

namespace librebird::runner {

// Whole lines out of pieces.
class LineReader {
 public:
  static constexpr std::size_t kMaxLine = 16 << 20;

  // False at the end, or when a line is too long.
  template <typename Use>
  bool read_from(int fd, const Use& use) {
    std::array<char, 64 * 1024> buffer;
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0) return errno == EINTR || errno == EAGAIN;
    if (got == 0) {
      if (!pending_.empty()) use(std::string_view(pending_));
      return false;
    }
    std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    for (std::size_t end = piece.find('\n'); end != std::string_view::npos; end = piece.find('\n')) {
      pending_ += piece.substr(0, end);
      use(std::string_view(pending_));
      pending_.clear();
      piece.remove_prefix(end + 1);
    }
    pending_ += piece;
    return pending_.size() <= kMaxLine;
  }

 private:
  std::string pending_;
};

// False on a broken pipe.
inline bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = write(fd, text.data(), text.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

}  // namespace librebird::runner
