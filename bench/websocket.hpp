#pragma once

// The client's side of RFC 6455, as far as text frames from a well-behaved server go.

#include "endpoint.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace librebird::bench {

// One connection to /ws. The handshake is part of the stream: text() yields the server's frames after it.
class WebSocket {
 public:
  // Connects and writes the upgrade request; dies if nothing listens.
  WebSocket(const Address& address, std::string_view key);

  void send(std::string_view text);
  // Reads and writes what is possible. False: the connection ended (see problem()).
  [[nodiscard]] bool advance();
  // The next text message; the view lives until the next call. Answers pings by itself.
  [[nodiscard]] std::optional<std::string_view> text();
  [[nodiscard]] int fd() const { return stream_.fd(); }
  [[nodiscard]] bool pending() const { return stream_.pending(); }
  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  void append(int opcode, std::string_view payload);

  Stream stream_;
  std::size_t taken_ = 0;
  bool upgraded_ = false;
  std::string problem_;
};

}  // namespace librebird::bench
