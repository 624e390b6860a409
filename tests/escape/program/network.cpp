// The network without the fence, and through it to where it must not go.
#include "attack.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <sys/time.h>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace escape {
namespace {

void give_up_after(int fd, int seconds) {
  const timeval limit{seconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

bool connects(const char* address, int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (fd < 0) return false;
  give_up_after(fd, 1);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  ::inet_pton(AF_INET, address, &to.sin_addr);
  const bool done = ::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) == 0;
  ::close(fd);
  return done;
}

Finding host_port(const Facts& facts) {
  const int port = std::atoi(fact(facts, "host_port").c_str());
  for (const std::string& address : {std::string("127.0.0.1"), fact(facts, "host_address"), std::string("10.0.2.2")}) {
    if (!address.empty() && connects(address.c_str(), port)) return breach("reached the host at " + address);
  }
  return held(reason());
}

Finding outside(const Facts&) {
  for (const char* address : {"1.1.1.1", "8.8.8.8", "169.254.169.254"}) {
    if (connects(address, 80)) return breach(std::string("reached ") + address);
  }
  return held(reason());
}

Finding names_by_datagram(const Facts&) {
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0) return held(reason());
  give_up_after(fd, 1);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(53);
  ::inet_pton(AF_INET, "8.8.8.8", &to.sin_addr);
  constexpr std::string_view kQuestion(
      "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x07"
      "example\x03"
      "com\x00\x00\x01\x00\x01",
      29);
  if (::sendto(fd, kQuestion.data(), kQuestion.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof(to)) < 0) {
    return held(reason());
  }
  std::array<char, 512> answer{};
  return ::recv(fd, answer.data(), answer.size(), 0) > 0 ? breach("a name server answered") : held(reason());
}

Finding odd_sockets(const Facts&) {
  struct Kind {
    int family, type, protocol;
    const char* name;
  };
  for (const Kind& kind :
       {Kind{AF_PACKET, SOCK_RAW, 0x300, "packet"}, Kind{AF_INET, SOCK_RAW, IPPROTO_ICMP, "raw"},
        Kind{AF_NETLINK, SOCK_RAW, 0, "netlink"}, Kind{AF_VSOCK, SOCK_STREAM, 0, "vsock"},
        Kind{38 /* AF_ALG */, SOCK_SEQPACKET, 0, "crypto"}, Kind{AF_BLUETOOTH, SOCK_RAW, 1, "bluetooth"},
        Kind{AF_CAN, SOCK_RAW, 1, "can"}, Kind{AF_TIPC, SOCK_STREAM, 0, "tipc"}}) {
    const int fd = ::socket(kind.family, kind.type, kind.protocol);
    if (fd < 0) continue;
    ::close(fd);
    // Netlink in an empty network namespace can say nothing but that it is empty.
    if (kind.family == AF_NETLINK) continue;
    return breach(std::string("made a socket: ") + kind.name);
  }
  return held();
}

bool connects_to(const sockaddr_un& address, socklen_t size) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  if (fd < 0) return false;
  const bool done = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), size) == 0;
  ::close(fd);
  return done;
}

Finding abstract_socket(const Facts& facts) {
  const std::string name = fact(facts, "abstract_socket");
  if (name.empty()) return held("nothing to try");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), std::min(name.size(), sizeof(address.sun_path) - 2));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return connects_to(address, size) ? breach("reached the host's abstract socket") : held(reason());
}

Finding socket_files(const Facts& facts) {
  for (const std::string& path :
       {fact(facts, "host_socket"), std::string("/run/dbus/system_bus_socket"), std::string("/var/run/docker.sock"),
        std::string("/run/docker.sock"), std::string("/run/podman/podman.sock"),
        std::string("/run/containerd/containerd.sock"), std::string("/run/systemd/private"),
        std::string("/tmp/.X11-unix/X0"), std::string("/run/user/0/bus"),
        std::string("/run/postgresql/.s.PGSQL.5432")}) {
    if (path.empty() || path.size() >= sizeof(sockaddr_un{}.sun_path)) continue;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    if (connects_to(address, sizeof(address))) return breach("reached " + path);
  }
  return held(reason());
}

// One request to the fence: directly, or through the forwarder on the proxy port.
int to_fence() {
  int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un file{};
  file.sun_family = AF_UNIX;
  std::strcpy(file.sun_path, "/run/egress/fence.sock");
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&file), sizeof(file)) == 0) return fd;
  if (fd >= 0) ::close(fd);
  fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in proxy{};
  proxy.sin_family = AF_INET;
  proxy.sin_port = htons(3128);
  ::inet_pton(AF_INET, "127.0.0.1", &proxy.sin_addr);
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&proxy), sizeof(proxy)) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

std::string ask_fence(const std::string& request) {
  const int fd = to_fence();
  if (fd < 0) return {};
  give_up_after(fd, 3);
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
  std::string answer;
  std::array<char, 4096> buffer;
  for (ssize_t got; answer.size() < 16384 && (got = ::recv(fd, buffer.data(), buffer.size(), 0)) > 0;) {
    answer.append(buffer.data(), static_cast<std::size_t>(got));
    if (answer.find("\r\n\r\n") != std::string::npos && answer.find("CANARY") != std::string::npos) break;
    if (answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5")) break;
  }
  ::close(fd);
  return answer;
}

bool got_through(const std::string& answer) {
  return answer.find("CANARY") != std::string::npos || answer.starts_with("HTTP/1.1 2") ||
         answer.starts_with("HTTP/1.0 2");
}

// The host listens on `host_port` and answers CANARY: every way to write its address.
Finding notations(const Facts& facts) {
  const std::string port = fact(facts, "host_port");
  for (const char* host : {"127.0.0.1",
                           "localhost",
                           "LOCALHOST",
                           "localhost.",
                           "127.1",
                           "127.0.1",
                           "2130706433",
                           "0x7f000001",
                           "0x7f.1",
                           "0177.0.0.1",
                           "017700000001",
                           "0",
                           "0.0.0.0",
                           "[::1]",
                           "[::]",
                           "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]",
                           "[::127.0.0.1]",
                           "[64:ff9b::7f00:1]",
                           "[2002:7f00:1::]",
                           "[fe80::1%25lo]",
                           "127.0.0.1.",
                           "127。0。0。1",
                           "①②⑦.0.0.1",
                           "%31%32%37.0.0.1",
                           "169.254.169.254",
                           "[fd00:ec2::254]",
                           "100.64.0.1",
                           "10.0.0.1",
                           "192.168.0.1",
                           "172.16.0.1",
                           "ip6-localhost",
                           "localtest.me",
                           "127.0.0.1.nip.io",
                           "metadata.google.internal"}) {
    for (const char* scheme : {"http://", "https://"}) {
      const std::string url = scheme + std::string(host) + ":" + port + "/";
      if (got_through(ask_fence("GET " + url + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\n\r\n"))) {
        return breach("fetched " + url);
      }
    }
    const std::string target = std::string(host) + ":" + port;
    if (got_through(ask_fence("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n"))) {
      return breach("tunnelled to " + target);
    }
  }
  return held();
}

Finding disguised_hosts(const Facts& facts) {
  const std::string port = fact(facts, "host_port");
  const std::string allowed = fact(facts, "allowed_host");
  for (const std::string& request :
       {"GET http://" + allowed + "@127.0.0.1:" + port + "/ HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n",
        "GET http://127.0.0.1:" + port + "/#" + allowed + " HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n",
        "GET http://127.0.0.1:" + port + "\\@" + allowed + "/ HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: 127.0.0.1:" + port + "\r\n\r\n",
        "GET file:///etc/passwd HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n",
        "GET unix:///run/docker.sock HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n",
        "CONNECT 127.0.0.1:" + port + "\r\n\r\n",
        "CONNECT " + allowed + ":22 HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n",
        "GET http://" + allowed + ".evil.test/ HTTP/1.1\r\nHost: " + allowed + "\r\n\r\n",
        "GET http://" + allowed +
            " HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"
            "GET http://127.0.0.1:" +
            port + "/ HTTP/1.1\r\nHost: x\r\n\r\n",
        "POST http://" + allowed + "/ HTTP/1.1\nHost: x\nContent-Length: 0\n\nGET http://127.0.0.1:" + port +
            "/ HTTP/1.1\n\n"}) {
    if (ask_fence(request).find("CANARY") != std::string::npos) return breach("got through: " + request.substr(0, 60));
  }
  return held();
}

Finding redirected(const Facts& facts) {
  // The allowed host answers this path with a redirect to the host's own port.
  const std::string allowed = fact(facts, "allowed_host");
  if (allowed.empty()) return held("nothing to try");
  for (const char* scheme : {"http://", "https://"}) {
    const std::string answer = ask_fence("GET " + std::string(scheme) + allowed +
                                         "/redirect HTTP/1.1\r\nHost: " + allowed + "\r\nConnection: close\r\n\r\n");
    if (answer.find("CANARY") != std::string::npos) return breach("followed a redirect to the host");
  }
  return held();
}

Finding fence_flood(const Facts&) {
  // Hold as many connections and half requests as it lets us: others must still be served.
  int held_open = 0;
  for (int i = 0; i < 200; ++i) {
    const int fd = to_fence();
    if (fd < 0) break;
    ++held_open;
    const std::string half = "GET http://x/ HTTP/1.1\r\nX: " + std::string(1000, 'x');
    if (::send(fd, half.data(), half.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) break;
  }
  return held("held " + std::to_string(held_open));
}

constexpr Attack kAttacks[] = {
    {"host_port", "Connect to the host", host_port},
    {"outside", "Connect to the internet directly", outside},
    {"names_by_datagram", "Ask a name server directly", names_by_datagram},
    {"odd_sockets", "Packet, raw, vsock, crypto sockets", odd_sockets},
    {"abstract_socket", "Connect to an abstract socket of the host", abstract_socket},
    {"socket_files", "Connect to the host's socket files", socket_files},
    {"ssrf_notations", "Every notation of a private address, through the fence", notations},
    {"ssrf_disguises", "Disguised hosts and smuggled requests, through the fence", disguised_hosts},
    {"ssrf_redirect", "A redirect from an allowed host to the host itself", redirected},
    {"fence_flood", "Hold the fence's connections", fence_flood},
};

}  // namespace

std::span<const Attack> network_attacks() { return kAttacks; }

}  // namespace escape
