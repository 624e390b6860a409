#include "endpoint.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

namespace librebird::bench {

Nanos now() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return Nanos{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

void die(const std::string& message) {
  std::fprintf(stderr, "bench: %s\n", message.c_str());
  std::exit(1);
}

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

Address parse_address(std::string_view text) {
  if (const auto scheme = text.find("://"); scheme != text.npos) text.remove_prefix(scheme + 3);
  text = text.substr(0, text.find('/'));
  const auto colon = text.rfind(':');
  if (colon == text.npos) die("an address is HOST:PORT");
  Address address{std::string(text.substr(0, colon)), std::atoi(std::string(text.substr(colon + 1)).c_str())};
  if (address.host == "localhost") address.host = "127.0.0.1";
  return address;
}

namespace {

sockaddr_in socket_address(const Address& address) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(static_cast<std::uint16_t>(address.port));
  if (inet_pton(AF_INET, address.host.c_str(), &result.sin_addr) != 1) die("not an IPv4 address: " + address.host);
  return result;
}

}  // namespace

int listen_loopback(int& port) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address = socket_address({"127.0.0.1", port});
  socklen_t size = sizeof address;
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), size) != 0 || listen(fd, 4096) != 0) {
    die(std::string("cannot listen: ") + std::strerror(errno));
  }
  getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return fd;
}

int connect_loopback(const Address& address) {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) die(std::string("no socket: ") + std::strerror(errno));
  const int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const sockaddr_in target = socket_address(address);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

Stream::~Stream() {
  if (fd_ >= 0) close(fd_);
}

bool Stream::receive() {
  std::array<char, 65536> buffer;  // NOLINT: written by recv
  while (true) {
    const auto size = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size > 0) {
      in.append(buffer.data(), static_cast<std::size_t>(size));
      if (static_cast<std::size_t>(size) < buffer.size()) return true;
    } else if (size == 0) {
      return false;
    } else {
      return errno == EAGAIN || errno == EINTR;
    }
  }
}

bool Stream::flush() {
  while (!out.empty()) {
    const auto size = send(fd_, out.data(), out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR;
    out.erase(0, static_cast<std::size_t>(size));
  }
  return true;
}

Poller::Poller() : fd_(epoll_create1(EPOLL_CLOEXEC)) {}

void Poller::add(int fd, void* owner, bool writing) {
  epoll_event event{};
  event.events = EPOLLIN | (writing ? EPOLLOUT : 0U);
  event.data.ptr = owner;
  epoll_ctl(fd_, EPOLL_CTL_ADD, fd, &event);
}

void Poller::change(int fd, void* owner, bool writing) {
  epoll_event event{};
  event.events = EPOLLIN | (writing ? EPOLLOUT : 0U);
  event.data.ptr = owner;
  epoll_ctl(fd_, EPOLL_CTL_MOD, fd, &event);
}

void Poller::remove(int fd) { epoll_ctl(fd_, EPOLL_CTL_DEL, fd, nullptr); }

void Poller::wait(Nanos timeout, const std::function<void(void*, std::uint32_t)>& handle) {
  timespec limit{timeout / 1'000'000'000, timeout % 1'000'000'000};
  const int ready =
      epoll_pwait2(fd_, events_.data(), static_cast<int>(events_.size()), timeout < 0 ? nullptr : &limit, nullptr);
  for (int i = 0; i < ready; ++i) {
    handle(events_[static_cast<std::size_t>(i)].data.ptr, events_[static_cast<std::size_t>(i)].events);
  }
}

HttpReply http_request(const Address& address, std::string_view method, std::string_view target, std::string_view key,
                       std::string_view body) {
  const int fd = connect_loopback(address);
  if (fd < 0) die("nothing listens on port " + std::to_string(address.port));
  Stream stream(fd);
  stream.out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ").append(address.host).append(":");
  stream.out += std::to_string(address.port) + "\r\nConnection: close\r\n";
  if (!key.empty()) stream.out.append("Authorization: Bearer ").append(key).append("\r\n");
  if (!body.empty()) {
    stream.out += "Content-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  }
  stream.out.append("\r\n").append(body);
  if (!stream.flush() || stream.pending()) die("a request could not be sent");
  const Nanos deadline = now() + 30'000'000'000;
  while (now() < deadline) {
    pollfd wait{fd, POLLIN, 0};
    poll(&wait, 1, 1000);
    if (!stream.receive()) break;
    // Some servers keep the connection: a known length is as good as its end.
    const auto head = stream.in.find("\r\n\r\n");
    const auto length = stream.in.find("Content-Length: ");
    if (head != std::string::npos && length < head &&
        stream.in.size() >= head + 4 + static_cast<std::size_t>(std::atoll(stream.in.c_str() + length + 16))) {
      break;
    }
  }
  HttpReply reply;
  if (stream.in.size() > 12) reply.status = std::atoi(stream.in.c_str() + 9);
  if (const auto head = stream.in.find("\r\n\r\n"); head != std::string::npos) reply.body = stream.in.substr(head + 4);
  return reply;
}

namespace {

std::size_t value_of(std::string_view text, std::string_view key, std::size_t from) {
  std::string quoted = "\"";
  quoted.append(key).append("\":");
  const auto at = text.find(quoted, from);
  return at == text.npos ? at : at + quoted.size();
}

}  // namespace

std::string json_string(std::string_view text, std::string_view key, std::size_t from) {
  const auto at = value_of(text, key, from);
  if (at == text.npos || at >= text.size() || text[at] != '"') return "";
  return std::string(text.substr(at + 1, text.find('"', at + 1) - at - 1));
}

std::int64_t json_number(std::string_view text, std::string_view key, std::int64_t otherwise) {
  const auto at = value_of(text, key, 0);
  return at == text.npos ? otherwise : std::atoll(std::string(text.substr(at, 24)).c_str());
}

Summary summarise(std::vector<Nanos> samples) {
  Summary result;
  result.count = samples.size();
  if (samples.empty()) return result;
  std::sort(samples.begin(), samples.end());
  const auto at = [&](double share) {
    return static_cast<double>(samples[static_cast<std::size_t>(share * static_cast<double>(samples.size() - 1))]) /
           1e6;
  };
  double sum = 0;
  for (const Nanos sample : samples) sum += static_cast<double>(sample);
  result.p50 = at(0.5);
  result.p95 = at(0.95);
  result.p99 = at(0.99);
  result.max = at(1);
  result.mean = sum / static_cast<double>(samples.size()) / 1e6;
  return result;
}

std::string to_json(const Summary& summary) {
  std::array<char, 200> text{};
  std::snprintf(text.data(), text.size(),
                R"({"count":%zu,"p50_ms":%.3f,"p95_ms":%.3f,"p99_ms":%.3f,"max_ms":%.3f,"mean_ms":%.3f})",
                summary.count, summary.p50, summary.p95, summary.p99, summary.max, summary.mean);
  return text.data();
}

std::string option(int argc, char** argv, std::string_view name, std::string otherwise) {
  for (int i = 1; i + 1 < argc; ++i) {
    if (argv[i] == name) return argv[i + 1];
  }
  return otherwise;
}

std::int64_t option(int argc, char** argv, std::string_view name, std::int64_t otherwise) {
  const std::string text = option(argc, argv, name, std::string());
  return text.empty() ? otherwise : std::atoll(text.c_str());
}

}  // namespace librebird::bench
