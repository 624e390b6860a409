#pragma once

// For this folder's tests: the outside world on loopback. HTTP/1.1 with TLS under an authority of the test's own, a
// thread a connection; a bridge that does what the forwarder does inside a sandbox; and real programs to send through.

#include "ascii.hpp"
#include "authority.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace librebird::egress::testing {

// Listens on 127.0.0.1; a thread for each connection; ends them all when it dies.
class Listener {
 public:
  explicit Listener(std::function<void(int fd)> handle)
      : handle_(std::move(handle)), fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(fd_, 64);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    port_ = ntohs(at.sin_port);
    thread_ = std::thread([this] { accept_all(); });
  }
  ~Listener() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
    for (auto& [thread, fd] : connections_) {
      ::shutdown(fd, SHUT_RDWR);
      thread.join();
      ::close(fd);
    }
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  void accept_all() {
    for (;;) {
      const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) return;
      auto handle = [this, fd] {
        handle_(fd);
        ::shutdown(fd, SHUT_RDWR);  // closed with the listener: its number must not be another's before
      };
      connections_.emplace_back(std::thread(handle), fd);
    }
  }

  std::function<void(int fd)> handle_;
  int fd_;
  std::uint16_t port_ = 0;
  std::list<std::pair<std::thread, int>> connections_;
  std::thread thread_;
};

struct Asked {
  std::string head;
  std::string body;
  [[nodiscard]] std::string path() const {
    const std::size_t from = head.find(' ') + 1;
    return head.substr(from, head.find(' ', from) - from);
  }
  [[nodiscard]] std::string field(const std::string& name) const {
    const std::size_t at = lower(head).find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t from = at + name.size() + 4;
    return head.substr(from, head.find("\r\n", from) - from);
  }
};

// One connection, plain or TLS, blocking.
class Stream {
 public:
  Stream(int fd, SSL* ssl) : fd_(fd), ssl_(ssl) {}
  std::string read() {
    std::array<char, 16384> buffer;
    const auto got =
        ssl_ != nullptr ? ::SSL_read(ssl_, buffer.data(), buffer.size()) : ::recv(fd_, buffer.data(), buffer.size(), 0);
    return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
  }
  bool write(std::string_view text) {
    while (!text.empty()) {
      const auto sent =
          ssl_ != nullptr ? ::SSL_write(ssl_, text.data(), static_cast<int>(std::min<std::size_t>(text.size(), 65536)))
                          : ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // False when it ended.
  bool fill(std::string& into) {
    const std::string piece = read();
    into += piece;
    return !piece.empty();
  }

 private:
  int fd_;
  SSL* ssl_;
};

// What the handler answers with goes out as it is.
class OriginServer {
 public:
  using Handler = std::function<std::string(const Asked&)>;
  OriginServer(const std::string& name, Handler handler, bool tls = true) : handler_(std::move(handler)) {
    if (tls) {
      authority_ = Authority::make().value();
      context_ = ::SSL_CTX_new(::TLS_server_method());
      ::SSL_CTX_use_certificate(context_, *authority_->leaf(name));
      ::SSL_CTX_use_PrivateKey(context_, authority_->leaf_key());
      ca_file_ = "/tmp/librebird-origin-XXXXXX";
      const int fd = ::mkstemp(ca_file_.data());
      [[maybe_unused]] const auto wrote =
          ::write(fd, authority_->certificate_pem().data(), authority_->certificate_pem().size());
      ::close(fd);
    }
    listener_ = std::make_unique<Listener>([this](int fd) { serve(fd); });
  }
  ~OriginServer() {
    listener_.reset();
    if (context_ != nullptr) ::SSL_CTX_free(context_);
    if (!ca_file_.empty()) ::unlink(ca_file_.c_str());
  }
  OriginServer(const OriginServer&) = delete;
  OriginServer& operator=(const OriginServer&) = delete;
  [[nodiscard]] std::uint16_t port() const { return listener_->port(); }
  [[nodiscard]] std::string at() const { return "127.0.0.1:" + std::to_string(port()); }
  [[nodiscard]] const std::string& ca_file() const { return ca_file_; }
  [[nodiscard]] std::vector<Asked> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void serve(int fd) {
    SSL* ssl = nullptr;
    if (context_ != nullptr) {
      ssl = ::SSL_new(context_);
      ::SSL_set_fd(ssl, fd);
    }
    if (ssl == nullptr || ::SSL_accept(ssl) == 1) {
      Stream stream(fd, ssl);
      for (std::string received; answer_one(stream, received);) {
      }
      if (ssl != nullptr) ::SSL_shutdown(ssl);
    }
    ::SSL_free(ssl);
  }

  bool answer_one(Stream& stream, std::string& received) {
    Asked asked;
    std::size_t end = 0;
    while ((end = received.find("\r\n\r\n")) == std::string::npos) {
      if (!stream.fill(received)) return false;
    }
    asked.head = received.substr(0, end + 4);
    received.erase(0, end + 4);
    if (asked.field("transfer-encoding") == "chunked") {
      while (received.find("0\r\n\r\n") == std::string::npos) {
        if (!stream.fill(received)) return false;
      }
      for (std::size_t size = 1; size > 0;) {
        const std::size_t line = received.find("\r\n");
        size = std::stoul(received.substr(0, line), nullptr, 16);
        asked.body += received.substr(line + 2, size);
        received.erase(0, line + 2 + size + 2);
      }
    } else if (const std::string length = asked.field("content-length"); !length.empty()) {
      const std::size_t size = std::stoul(length);
      while (received.size() < size) {
        if (!stream.fill(received)) return false;
      }
      asked.body = received.substr(0, size);
      received.erase(0, size);
    }
    const std::string answer = handler_(asked);
    {
      const std::lock_guard lock(mutex_);
      asked_.push_back(std::move(asked));
    }
    return stream.write(answer) && answer.find("Connection: close") == std::string::npos;
  }

  Handler handler_;
  std::unique_ptr<Authority> authority_;
  SSL_CTX* context_ = nullptr;
  std::string ca_file_;
  std::mutex mutex_;
  std::vector<Asked> asked_;
  std::unique_ptr<Listener> listener_;
};

inline std::string ok(const std::string& body, const std::string& fields = {}) {
  return "HTTP/1.1 200 OK\r\n" + fields + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// 127.0.0.1:port → a Unix socket, both ways.
class Bridge {
 public:
  explicit Bridge(std::string path) : listener_([path = std::move(path)](int fd) { join(fd, path); }) {}
  [[nodiscard]] std::uint16_t port() const { return listener_.port(); }

 private:
  static void join(int inside, const std::string& path) {
    const int outside = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, path.c_str(), sizeof to.sun_path - 1);
    if (::connect(outside, reinterpret_cast<sockaddr*>(&to), sizeof to) == 0) {
      std::thread up([&] { copy(inside, outside); });
      copy(outside, inside);
      up.join();
    }
    ::close(outside);
  }
  static void copy(int from, int to) {
    std::array<char, 65536> buffer;
    for (;;) {
      const auto got = ::recv(from, buffer.data(), buffer.size(), 0);
      if (got <= 0) break;
      if (!Stream(to, nullptr).write({buffer.data(), static_cast<std::size_t>(got)})) break;
    }
    ::shutdown(to, SHUT_WR);
  }
  Listener listener_;
};

// Output (both kinds) and exit code of a program; nothing but `environment` is in its environment.
struct Ran {
  int code = -1;
  std::string output;
};
inline Ran run_program(std::vector<std::string> argv, std::vector<std::string> environment) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {};
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  };
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  pid_t pid = 0;
  const int failed =
      ::posix_spawnp(&pid, argv[0].c_str(), &actions, nullptr, pointers(argv).data(), pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  Ran ran;
  std::array<char, 4096> buffer;
  for (ssize_t got = 0; failed == 0 && (got = ::read(ends[0], buffer.data(), buffer.size())) > 0;) {
    ran.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int status = 0;
  if (failed == 0 && ::waitpid(pid, &status, 0) == pid)
    ran.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return ran;
}

}  // namespace librebird::egress::testing
