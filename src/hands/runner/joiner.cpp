#include "joiner.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace librebird::runner {
namespace {

constexpr std::size_t kMaxPairs = 128;
constexpr std::size_t kBuffer = 64 * 1024;

int connect_fence(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof(address.sun_path) - 1));
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) return fd;
  if (fd >= 0) close(fd);
  return -1;
}

// What one side said and the other has not taken yet.
struct Flow {
  int from = -1;
  int to = -1;
  std::array<char, kBuffer> buffer;
  std::size_t begin = 0;
  std::size_t end = 0;
  bool ended = false;   // `from` will say no more
  bool passed = false;  // and `to` was told

  // False on a broken connection.
  bool move() {
    for (;;) {
      if (begin == end) {
        begin = end = 0;
        if (ended) break;
        const ssize_t got = read(from, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return true;
        if (got < 0) return false;
        if (got == 0) {
          ended = true;
          break;
        }
        end = static_cast<std::size_t>(got);
      }
      const ssize_t sent = send(to, buffer.data() + begin, end - begin, MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && errno == EAGAIN) return true;
      if (sent < 0) return false;
      begin += static_cast<std::size_t>(sent);
    }
    if (!passed) {
      passed = true;
      shutdown(to, SHUT_WR);
    }
    return true;
  }
  [[nodiscard]] bool done() const { return passed; }
};

}  // namespace

struct Joiner::Pair {
  int client = -1;
  int fence = -1;
  Flow out, in;
  bool ended = false;
};

Joiner::Joiner(std::string path) : path_(std::move(path)) {}

Joiner::~Joiner() {
  for (const auto& [fd, pair] : by_fd_) close(fd);
  if (listener_ >= 0) close(listener_);
  if (epoll_ >= 0) close(epoll_);
}

bool Joiner::start(int port) {
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return false;
  if (port == 0) return true;
  listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int yes = 1;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (listener_ < 0 || setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) != 0 ||
      bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      listen(listener_, 128) != 0) {
    return false;
  }
  listen_while_room();
  return true;
}

void Joiner::listen_while_room() {
  const bool room = listener_ >= 0 && pairs_.size() < kMaxPairs;
  if (room == listening_) return;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = listener_;
  epoll_ctl(epoll_, room ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener_, &event);
  listening_ = room;
}

void Joiner::handle(const epoll_event& event) {
  if (event.data.fd == listener_) {
    accept_all();
    return;
  }
  const auto found = by_fd_.find(event.data.fd);
  if (found != by_fd_.end()) pump(*found->second);
}

void Joiner::accept_all() {
  while (pairs_.size() < kMaxPairs) {
    const int client = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0 && errno == EINTR) continue;
    if (client < 0) break;
    add(client);
  }
  listen_while_room();
}

void Joiner::add(int client) {
  const int fence = connect_fence(path_);
  if (fence < 0) {
    close(client);
    return;
  }
  const int yes = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
  auto pair = std::make_unique<Pair>();
  pair->client = client;
  pair->fence = fence;
  pair->out.from = pair->in.to = client;
  pair->out.to = pair->in.from = fence;
  for (const int fd : {client, fence}) {
    by_fd_[fd] = pair.get();
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  Pair* key = pair.get();
  pairs_.emplace(key, std::move(pair));
}

void Joiner::pump(Pair& pair) {
  if (pair.ended) return;
  const bool alive = pair.out.move() && pair.in.move();
  if (alive && !(pair.out.done() && pair.in.done())) return;
  pair.ended = true;
  ended_.push_back(&pair);
}

void Joiner::sweep() {
  for (Pair* pair : ended_) {
    for (const int fd : {pair->client, pair->fence}) {
      by_fd_.erase(fd);
      close(fd);
    }
    pairs_.erase(pair);
  }
  ended_.clear();
  listen_while_room();
}

}  // namespace librebird::runner
