#pragma once

// Sockets on loopback, without a library: non-blocking streams with buffers, an epoll loop, and the little HTTP a
// benchmark speaks. One thread. What goes wrong ends the program with one sentence.

#include <sys/epoll.h>

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::bench {

using Nanos = std::int64_t;

// CLOCK_MONOTONIC: comparable between processes of one machine.
[[nodiscard]] Nanos now();
[[noreturn]] void die(const std::string& message);
// As many descriptors as the hard limit allows.
void raise_descriptor_limit();

struct Address {
  std::string host = "127.0.0.1";
  int port = 0;
};
// "127.0.0.1:8741" or "http://127.0.0.1:8741/…".
[[nodiscard]] Address parse_address(std::string_view text);

// Listens on 127.0.0.1; port 0 picks one. `port` becomes the real one.
[[nodiscard]] int listen_loopback(int& port);
// Connected, TCP_NODELAY; -1 if refused. Streams never block on it.
[[nodiscard]] int connect_loopback(const Address& address);

// One end of a connection with what was read and what is still to be written.
class Stream {
 public:
  explicit Stream(int fd) : fd_(fd) {}
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Reads what is there. False: the peer is gone.
  [[nodiscard]] bool receive();
  // Writes what fits. False: the peer is gone.
  [[nodiscard]] bool flush();
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool pending() const { return !out.empty(); }

  std::string in;
  std::string out;

 private:
  int fd_;
};

// Level-triggered epoll over registered objects.
class Poller {
 public:
  Poller();
  void add(int fd, void* owner, bool writing = false);
  void change(int fd, void* owner, bool writing);
  void remove(int fd);
  // Waits at most `timeout` (negative: for ever) and calls `handle(owner, epoll events)` for each ready one.
  void wait(Nanos timeout, const std::function<void(void*, std::uint32_t)>& handle);

 private:
  int fd_;
  std::array<epoll_event, 512> events_{};
};

struct HttpReply {
  int status = 0;
  std::string body;
};
// One blocking request on a connection of its own (set-up work, not what is measured).
HttpReply http_request(const Address& address, std::string_view method, std::string_view target, std::string_view key,
                       std::string_view body);

// The value of the first `"key":"…"` behind `from`, without unescaping; empty if there is none.
[[nodiscard]] std::string json_string(std::string_view text, std::string_view key, std::size_t from = 0);
[[nodiscard]] std::int64_t json_number(std::string_view text, std::string_view key, std::int64_t otherwise = -1);

struct Summary {
  std::size_t count = 0;
  double p50 = 0, p95 = 0, p99 = 0, max = 0, mean = 0;
};
// Of nanoseconds, in milliseconds.
[[nodiscard]] Summary summarise(std::vector<Nanos> samples);
[[nodiscard]] std::string to_json(const Summary& summary);

// --name value pairs; a missing one is `otherwise`.
[[nodiscard]] std::string option(int argc, char** argv, std::string_view name, std::string otherwise);
[[nodiscard]] std::int64_t option(int argc, char** argv, std::string_view name, std::int64_t otherwise);

}  // namespace librebird::bench
