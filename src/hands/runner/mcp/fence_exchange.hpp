#pragma once

// One request to the egress fence, on a connection of its own, without blocking: the caller polls. Private.

#include "mcp_http_answer.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace librebird::runner {

class HttpExchange {
 public:
  HttpExchange(const std::string& socket_path, std::string request)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), unsent_(std::move(request)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (fd_ < 0 || socket_path.size() >= sizeof(address.sun_path)) return;
    std::memcpy(address.sun_path, socket_path.data(), socket_path.size());
    open_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
    fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
  }
  ~HttpExchange() {
    if (fd_ >= 0) close(fd_);
  }
  HttpExchange(const HttpExchange&) = delete;
  HttpExchange& operator=(const HttpExchange&) = delete;

  [[nodiscard]] bool open() const { return open_; }
  [[nodiscard]] pollfd watched() const {
    return {open_ ? fd_ : -1, static_cast<short>(unsent_.empty() ? POLLIN : POLLIN | POLLOUT), 0};
  }
  // Its head is there, and nothing is wrong with what came of it.
  [[nodiscard]] const HttpAnswer* answer() const { return good_ ? reader_.answer() : nullptr; }
  // To its end.
  [[nodiscard]] bool whole() const { return good_ && reader_.whole(); }
  [[nodiscard]] const EventReader& events() const { return reader_.events(); }
  std::vector<std::string> take_messages() { return reader_.take_messages(); }

  void advance(short events) {
    if ((events & POLLOUT) != 0) write_some();
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0) read_some();
  }

 private:
  void write_some() {
    const ssize_t sent = send(fd_, unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      unsent_.erase(0, static_cast<std::size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      unsent_.clear();  // the answer, if one came, says why
    }
  }

  void read_some() {
    std::array<char, 64 * 1024> buffer;
    const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
    if (got > 0) {
      good_ = reader_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(got)));
      open_ = good_ && !reader_.whole();
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
      good_ = reader_.end() || (good_ && reader_.answer() != nullptr && reader_.answer()->is_stream());
      open_ = false;
    }
  }

  int fd_;
  bool open_ = false;
  bool good_ = true;
  std::string unsent_;
  HttpAnswerReader reader_;
};

}  // namespace librebird::runner
