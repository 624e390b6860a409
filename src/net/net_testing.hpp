#pragma once

// For this folder's tests: a server on its own loop thread, raw sockets that say exactly the bytes they are told, and
// a scripted peer for the client.

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/net/http_server.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <functional>
#include <future>
#include <string>
#include <thread>
#include <vector>

namespace librebird::net::testing {

// A blocking socket; every wait ends after ten seconds at most.
class RawSocket {
 public:
  explicit RawSocket(int fd) : fd_(fd) {}
  explicit RawSocket(std::uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0;
  }
  ~RawSocket() { close(); }
  RawSocket(RawSocket&& other) noexcept : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_) {}
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // Reads once; empty at the end.
  std::string read_some() {
    pollfd p{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&p, 1, 10'000) <= 0) return {};
    char buffer[65536];
    const auto got = ::recv(fd_, buffer, sizeof buffer, 0);
    return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
  }
  std::string read_all() {
    std::string all = std::exchange(rest_, {});
    for (std::string piece = read_some(); !piece.empty(); piece = read_some()) all += piece;
    return all;
  }
  // Up to and with `mark`; what follows stays for the next call.
  std::string read_until(std::string_view mark) {
    for (;;) {
      if (const auto at = rest_.find(mark); at != std::string::npos) {
        std::string out = rest_.substr(0, at + mark.size());
        rest_.erase(0, at + mark.size());
        return out;
      }
      const std::string piece = read_some();
      if (piece.empty()) return std::exchange(rest_, {});
      rest_ += piece;
    }
  }
  std::string read_exactly(std::size_t size) {
    while (rest_.size() < size) {
      const std::string piece = read_some();
      if (piece.empty()) break;
      rest_ += piece;
    }
    std::string out = rest_.substr(0, size);
    rest_.erase(0, out.size());
    return out;
  }
  // One server frame: {first byte, payload}; {0, ""} at the end of input.
  std::pair<unsigned, std::string> read_frame() {
    const std::string head = read_exactly(2);
    if (head.size() < 2) return {0, {}};
    std::size_t size = static_cast<unsigned char>(head[1]);
    const std::size_t extra = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (extra > 0) {
      size = 0;
      for (const char c : read_exactly(extra)) size = size << 8 | static_cast<unsigned char>(c);
    }
    return {static_cast<unsigned char>(head[0]), read_exactly(size)};
  }
  void end_sending() { ::shutdown(fd_, SHUT_WR); }
  // The next close sends RST.
  void reset() {
    const linger l{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    close();
  }
  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int fd() const { return fd_; }

 private:
  int fd_;
  bool connected_ = true;
  std::string rest_;
};

// A client frame, masked.
inline std::string frame(unsigned first, std::string_view payload, bool masked = true) {
  std::string out(1, static_cast<char>(first));
  const unsigned mask_bit = masked ? 0x80 : 0;
  if (payload.size() < 126) {
    out += static_cast<char>(mask_bit | payload.size());
  } else if (payload.size() <= 0xFFFF) {
    out += static_cast<char>(mask_bit | 126);
    for (int shift = 8; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  } else {
    out += static_cast<char>(mask_bit | 127);
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(payload.size() >> shift);
  }
  if (!masked) return out.append(payload);
  constexpr std::string_view kMask = "\x11\x22\x33\x44";
  out += kMask;
  for (std::size_t i = 0; i < payload.size(); ++i) out += static_cast<char>(payload[i] ^ kMask[i % 4]);
  return out;
}

inline constexpr std::string_view kHandshake =
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

// A server on a thread of its own; stopped by stop() or at the end.
class RunningServer {
 public:
  RunningServer(ServerOptions options, Handler handler)
      : server_(loop_, with_problem(std::move(options)), std::move(handler)) {
    const auto port = server_.listen("127.0.0.1", 0);
    port_ = port.ok() ? *port : 0;
    thread_ = std::thread([this] { loop_.run(); });
  }
  ~RunningServer() { stop(); }
  void stop(Millis drain = Millis(0)) {
    if (!thread_.joinable()) return;
    loop_.post([this, drain] { scope_.spawn(stop_all(drain), "stop"); });
    thread_.join();
    loop_.context().restart();
    loop_.context().poll();
  }
  // Runs `work` on the loop and waits for its value.
  std::size_t connections() {
    std::promise<std::size_t> result;
    loop_.post([&] { result.set_value(server_.connections()); });
    return result.get_future().get();
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] Loop& loop() { return loop_; }

 private:
  static ServerOptions with_problem(ServerOptions options) {
    if (!options.problem) {
      options.problem = [](const Error& error, int status) {
        return Response{.status = status, .headers = {{"Content-Type", "text/plain"}}, .body = error.message};
      };
    }
    return options;
  }
  Task<void> stop_all(Millis drain) {
    co_await server_.stop(drain);
    loop_.stop();
  }
  Loop loop_;
  Scope scope_{loop_.executor()};
  HttpServer server_;
  std::uint16_t port_ = 0;
  std::thread thread_;
};

// Accepts connections one after the other and runs one script each.
class ScriptedServer {
 public:
  using Script = std::function<void(RawSocket&)>;
  explicit ScriptedServer(std::vector<Script> scripts) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(fd_, 16);
    socklen_t size = sizeof at;
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this, scripts = std::move(scripts)] {
      for (const Script& script : scripts) {
        RawSocket socket(::accept(fd_, nullptr, nullptr));
        if (socket.fd() < 0) return;
        ++accepted_;
        script(socket);
      }
    });
  }
  ~ScriptedServer() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  [[nodiscard]] std::string url(const std::string& path = "/") const {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] int accepted() const { return accepted_; }

 private:
  int fd_;
  std::uint16_t port_ = 0;
  std::atomic<int> accepted_{0};
  std::thread thread_;
};

// Runs a coroutine on a loop of this thread to its end.
inline Task<void> then_stop(Scope& scope, Loop& loop) {
  co_await scope.join();
  loop.stop();
}
inline void run(Loop& loop, Task<void> task) {
  Scope scope(loop.executor());
  Scope outer(loop.executor());
  scope.spawn(std::move(task), "test");
  outer.spawn(then_stop(scope, loop), "finish");
  loop.run();
  loop.context().restart();
  loop.context().poll();
}

}  // namespace librebird::net::testing
