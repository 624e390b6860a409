#include <librebird/skills/fetch.hpp>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <optional>
#include <utility>

namespace librebird::skills {
namespace {

constexpr std::size_t kMaxAnswer = 2 << 20;

class Connection {
 public:
  explicit Connection(const std::string& path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (fd_ < 0 || path.size() >= sizeof(address.sun_path)) return;
    std::memcpy(address.sun_path, path.data(), path.size());
    connected_ = connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
  }
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool connected() const { return connected_; }

  bool send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    return shutdown(fd_, SHUT_WR) == 0;
  }

  [[nodiscard]] std::string receive() const {
    std::string answer;
    std::array<char, 16 * 1024> buffer;
    while (answer.size() < kMaxAnswer) {
      const ssize_t got = recv(fd_, buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      answer.append(buffer.data(), static_cast<std::size_t>(got));
    }
    return answer;
  }

 private:
  int fd_;
  bool connected_ = false;
};

// The body of an answer that comes in chunks; nullopt: it is malformed or cut short.
std::optional<std::string> joined(std::string_view chunks) {
  std::string body;
  for (;;) {
    const std::size_t line = chunks.find("\r\n");
    std::size_t size = 0;
    if (line == std::string_view::npos) return std::nullopt;
    const auto [end, error] = std::from_chars(chunks.data(), chunks.data() + line, size, 16);
    if (error != std::errc{} || end != chunks.data() + line) return std::nullopt;
    chunks.remove_prefix(line + 2);
    if (size == 0) return body;
    if (size > chunks.size() || !chunks.substr(size).starts_with("\r\n")) return std::nullopt;
    body += chunks.substr(0, size);
    chunks.remove_prefix(size + 2);
  }
}

}  // namespace

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    if (plain) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

Result<Fetched> fetch(const ToolContext& context, std::string_view url) {
  const Connection connection(context.egress_socket);
  if (!connection.connected()) return make_error(Code::unavailable, "The network cannot be reached from this tool.");
  if (!connection.send("GET " + std::string(url) + " HTTP/1.1\r\nAccept: */*\r\n\r\n")) {
    return make_error(Code::unavailable, "The network connection broke.");
  }
  const std::string answer = connection.receive();
  const std::size_t body = answer.find("\r\n\r\n");
  constexpr std::size_t kStatusAt = 9;  // after "HTTP/1.1 "
  Fetched fetched;
  if (body == std::string::npos || answer.size() < kStatusAt + 3 ||
      std::from_chars(answer.data() + kStatusAt, answer.data() + kStatusAt + 3, fetched.status).ec != std::errc{}) {
    return make_error(Code::unavailable, "The network gave no answer.");
  }
  fetched.body = answer.substr(body + 4);
  // As the fence writes it, whose answer this is.
  if (std::string_view(answer).substr(0, body).find("\r\nTransfer-Encoding: chunked") == std::string_view::npos) {
    return fetched;
  }
  auto whole = joined(fetched.body);
  if (!whole) return make_error(Code::unavailable, "The answer is too long, or broke off.");
  fetched.body = std::move(*whole);
  return fetched;
}

}  // namespace librebird::skills
