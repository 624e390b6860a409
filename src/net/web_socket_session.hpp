#pragma once

// One upgraded connection. Beast reads and checks the frames (RFC 6455); frames to the peer bypass it: they are queued
// as shared payloads and leave together, many frames in one system call. What Beast itself wants to write (pongs, close
// frames, the handshake's answer) goes through the same queue, so frames never interleave.
// Thread rule: loop only. Ownership: held by its Connection and, while frames wait, by the flusher.

#include <librebird/net/http_server.hpp>

#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <vector>

namespace librebird::net {

class WebSocketSession;

// Collects the sessions that got something to send and writes them all when the loop comes round.
class SocketFlusher : public std::enable_shared_from_this<SocketFlusher> {
 public:
  explicit SocketFlusher(Executor executor) : executor_(executor) {}
  void add(std::shared_ptr<WebSocketSession> session);

 private:
  Executor executor_;
  std::vector<std::shared_ptr<WebSocketSession>> waiting_;
};

class WebSocketSession final : public WebSocket, public std::enable_shared_from_this<WebSocketSession> {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;

  struct Limits {
    std::size_t frame = 1024 * 1024;
    std::size_t queue = 4 * 1024 * 1024;
  };
  // `early` are bytes that came behind the handshake.
  WebSocketSession(Socket& socket, SocketFlusher& flusher, Limits limits, std::string early);
  ~WebSocketSession() override;

  // Writes the answer to the handshake.
  Status accept(const Request& request, const HttpHeaders& headers);

  Task<Result<std::optional<std::string>>> read() override;
  [[nodiscard]] bool send(std::shared_ptr<const std::string> text) override;
  void close(std::uint16_t code, std::string reason) override;

  void ping();
  // When the peer was last heard.
  [[nodiscard]] SteadyTime heard() const { return heard_; }
  [[nodiscard]] bool closing() const { return closing_; }
  // Both close frames were exchanged.
  [[nodiscard]] bool peer_closed() const { return peer_closed_; }
  // The connection is gone: nothing more is written, read() fails.
  void drop();
  // Sends what is queued, then lets go of the socket.
  Task<void> finish();

 private:
  friend class SocketFlusher;
  friend class FrameLayer;
  struct Stream;
  struct Item {
    std::shared_ptr<const std::string> data;
    bool whole;  // frames made elsewhere; otherwise a text payload that needs its header
  };
  void push(std::shared_ptr<const std::string> data, bool whole);
  // False when control frames pile up: the peer asks and does not read.
  bool push_whole(std::string frames);
  void flush();
  // One system call; false when the socket takes no more.
  bool write_some();
  Error ended(const boost::system::error_code& failure);

  Socket* socket_;
  SocketFlusher& flusher_;
  Limits limits_;
  std::string early_;
  std::vector<Item> queue_;
  std::size_t head_ = 0;  // first item not yet written
  std::size_t head_written_ = 0;  // bytes of it that are
  std::size_t queued_bytes_ = 0;
  SteadyTime heard_;
  bool scheduled_ = false;  // in the flusher, or waiting for the socket
  bool closing_ = false;  // a close frame is queued: nothing follows it
  bool lost_ = false;
  bool peer_closed_ = false;
  std::unique_ptr<Stream> stream_;
};

}  // namespace librebird::net
