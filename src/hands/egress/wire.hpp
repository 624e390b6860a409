#pragma once

// One connection of a program to the fence: plain, or with TLS once it was asked for. Deadlines are points in time that
// the call's watch looks at (`expired`), so that waiting costs no timer of its own. Loop only.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace librebird::egress {

using Socket = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, Executor>;

class Wire {
 public:
  explicit Wire(Socket socket) : socket_(std::move(socket)) {}
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // Appends what comes, at most 16 KiB; false at the end of input. Errors: unavailable, deadline_exceeded.
  Task<Result<bool>> read(std::string& into, Millis limit);
  Task<Status> write(std::string_view bytes, Millis limit);
  // The first byte that waits, without taking it; nullopt at the end.
  Task<std::optional<char>> peek(Millis limit);
  // Takes over `ssl`; `first` are bytes of the handshake that were read already.
  Task<Status> accept_tls(SSL* ssl, std::string_view first, Millis limit);
  // Says that nothing more comes (close_notify, FIN).
  Task<void> end(Millis limit);
  void end_sending();
  void close();

  [[nodiscard]] bool tls() const { return tls_.has_value(); }
  // Closes it if a deadline has passed.
  void expire(SteadyTime now);

 private:
  [[nodiscard]] Error failed(const boost::system::error_code& failure) const;

  Socket socket_;
  std::optional<boost::asio::ssl::stream<Socket&>> tls_;
  SteadyTime read_until_ = SteadyTime::max();
  SteadyTime write_until_ = SteadyTime::max();
  bool timed_out_ = false;
};

}  // namespace librebird::egress
