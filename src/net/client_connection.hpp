#pragma once

// One outgoing connection, plain or TLS. Every operation ends by success, failure, its time or the stop token;
// the latter two close the socket at once. Errors are phrases: the client puts the origin before them.
// Thread rule: loop only. Ownership: the response that reads from it, or the pool while idle.

#include "deadlines.hpp"
#include "tls.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

namespace librebird::net {

class ClientConnection final : public Deadline {
 public:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, Executor>;
  using Endpoint = boost::asio::ip::tcp::endpoint;

  // `scratch` is where plain reads land; shared, because nobody looks at it after the next wait.
  ClientConnection(Deadlines& deadlines, Executor executor, std::string origin, std::span<char> scratch);

  ~ClientConnection() override;

  Task<Status> connect(Endpoint to, std::stop_token stop, Millis limit);
  Task<Status> handshake(TlsContext& tls, std::string host, std::stop_token stop, Millis limit);
  Task<Status> write(std::string_view first, std::string_view second, std::stop_token stop, Millis limit);
  // The next bytes, valid until the next wait; empty at the end of input.
  Task<Result<std::string_view>> read(std::stop_token stop, Millis limit);

  // Gives the plain socket away; this connection is over.
  [[nodiscard]] Socket release() { return std::move(socket_); }

  // Waits in the pool: calls `over` when its time is up.
  void rest(Millis lifetime, std::function<void()> over);
  void wake();
  // False if the peer closed it meanwhile.
  [[nodiscard]] bool fresh();
  [[nodiscard]] bool open() const { return socket_.is_open(); }
  [[nodiscard]] const std::string& origin() const { return origin_; }

 private:
  enum class Ended { no, timed_out, cancelled };
  // Arms the time and the stop token around one operation.
  class Guard;

  void expired() override;
  void end(Ended why);
  [[nodiscard]] Error failed(const boost::system::error_code& failure, const char* what) const;

  Socket socket_;
  const std::string origin_;
  std::span<char> scratch_;
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
  std::string tls_buffer_;
  std::function<void()> over_;
  Ended ended_ = Ended::no;
};

}  // namespace librebird::net
