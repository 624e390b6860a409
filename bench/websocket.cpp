#include "websocket.hpp"

namespace librebird::bench {

namespace {

int connected(const Address& address) {
  const int fd = connect_loopback(address);
  if (fd < 0) die("nothing listens on port " + std::to_string(address.port));
  return fd;
}

}  // namespace

WebSocket::WebSocket(const Address& address, std::string_view key) : stream_(connected(address)) {
  stream_.out = "GET /ws HTTP/1.1\r\nHost: " + address.host + ":" + std::to_string(address.port) +
                "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\nAuthorization: Bearer ";
  stream_.out.append(key).append("\r\n\r\n");
  (void)stream_.flush();
}

void WebSocket::send(std::string_view text) {
  append(1, text);
  (void)stream_.flush();
}

void WebSocket::append(int opcode, std::string_view payload) {
  // The mask must be there; zero leaves the payload as it is.
  stream_.out += static_cast<char>(0x80 | opcode);
  if (payload.size() < 126) {
    stream_.out += static_cast<char>(0x80 | payload.size());
  } else if (payload.size() < 65536) {
    stream_.out += static_cast<char>(0x80 | 126);
    stream_.out += static_cast<char>(payload.size() >> 8);
    stream_.out += static_cast<char>(payload.size());
  } else {
    die("a frame of over 64 KiB");
  }
  stream_.out.append(4, '\0').append(payload);
}

bool WebSocket::advance() {
  if (!stream_.flush()) return false;
  if (taken_ > 0) {
    stream_.in.erase(0, taken_);
    taken_ = 0;
  }
  const bool open = stream_.receive();
  if (!upgraded_) {
    const auto head = stream_.in.find("\r\n\r\n");
    if (head != std::string::npos) {
      if (!stream_.in.starts_with("HTTP/1.1 101")) {
        problem_ = "no upgrade: " + stream_.in.substr(0, stream_.in.find("\r\n"));
        return false;
      }
      upgraded_ = true;
      stream_.in.erase(0, head + 4);
    }
  }
  return open || !stream_.in.empty();
}

std::optional<std::string_view> WebSocket::text() {
  while (upgraded_) {
    const std::string_view rest = std::string_view(stream_.in).substr(taken_);
    if (rest.size() < 2) return std::nullopt;
    const int opcode = rest[0] & 0x0f;
    std::size_t length = rest[1] & 0x7f;
    std::size_t head = 2;
    if (length >= 126) {
      const std::size_t bytes = length == 126 ? 2 : 8;
      if (rest.size() < 2 + bytes) return std::nullopt;
      length = 0;
      for (std::size_t i = 0; i < bytes; ++i) length = (length << 8) | static_cast<unsigned char>(rest[2 + i]);
      head += bytes;
    }
    if (rest.size() < head + length) return std::nullopt;
    const std::string_view payload = rest.substr(head, length);
    taken_ += head + length;
    switch (opcode) {
      case 1: return payload;
      case 8:
        problem_ = "closed by the server";
        if (length >= 2) {
          problem_ += " with " + std::to_string((static_cast<unsigned char>(payload[0]) << 8) |
                                                static_cast<unsigned char>(payload[1]));
        }
        return std::nullopt;
      case 9:
        append(10, payload);
        (void)stream_.flush();
        break;
      case 10: break;
      default: problem_ = "a frame of opcode " + std::to_string(opcode); return std::nullopt;
    }
  }
  return std::nullopt;
}

}  // namespace librebird::bench
