#pragma once

// The HTTP/1.1 and WebSocket server (RFC 9110, 9112, 6455). The only home of Beast, which is not seen here.
//
//   HttpServer server(loop, options, handler);
//   LB_TRY(port, server.listen("127.0.0.1", 8741));
//
// Thread rule: loop only. Ownership: the server owns its connections; stop() drains (no new requests, running ones get
// `drain` to end), then cancels; join before destruction. One request at a time on a connection, in order.
// The server itself answers malformed or oversized requests (400, 413, 431, 408) through `ServerOptions::problem`.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/ports/http_client.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace librebird::net {

struct Request {
  std::string method;
  std::string path;    // percent-decoded, normalised; begins with '/'; never contains ".." or NUL
  std::string query;   // raw, without '?'
  HttpHeaders headers;
  std::string body;
  std::string remote_address;  // the peer's, without port
  bool upgrade = false;        // a well-formed WebSocket handshake

  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const {
    return find_header(headers, name);
  }
  // The decoded value of a query parameter.
  [[nodiscard]] std::optional<std::string> query_value(std::string_view name) const;
  // The value of a cookie (RFC 6265).
  [[nodiscard]] std::optional<std::string> cookie(std::string_view name) const;
};

struct Response {
  int status = 200;
  HttpHeaders headers;
  std::string body;
  // Instead of `body`: bytes that live as long as the process (embedded files); never copied.
  std::string_view static_body;
};

// A body sent piece by piece (Server-Sent Events). write() waits for the peer to take it: that is the back-pressure.
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  // An error means the peer is gone: stop producing.
  virtual Task<Status> write(std::string data) = 0;
  // Asked to stop when the peer closes or the server drains.
  [[nodiscard]] virtual std::stop_token stop() const = 0;
};

// One upgraded connection. Text frames only; pings are answered inside; an idle peer is pinged and, if silent, dropped.
class WebSocket {
 public:
  virtual ~WebSocket() = default;
  // The next text message; nullopt after an orderly close. Errors: too_large (closed with 1009), invalid_argument
  // (binary or broken UTF-8, closed with 1007/1003), unavailable (connection lost).
  virtual Task<Result<std::optional<std::string>>> read() = 0;
  // Queues a frame, in order. False when the queue's byte bound is passed: the peer is too slow, close it.
  [[nodiscard]] virtual bool send(std::shared_ptr<const std::string> text) = 0;
  // Sends what is queued, then a close frame; read() then ends. Safe to call twice.
  virtual void close(std::uint16_t code, std::string reason) = 0;
};

// What the handler may do with a request: return a Response, or answer through one of the other two first.
class Exchange {
 public:
  virtual ~Exchange() = default;
  [[nodiscard]] virtual const Request& request() const = 0;
  // The next bytes of a body that is left to the handler (ServerOptions::streams_body); empty: that was all. How many
  // it takes is the handler's to bound; what it leaves is not read. Errors end the request: invalid_argument,
  // deadline_exceeded (no byte came within body_timeout), unavailable (the peer is gone).
  virtual Task<Result<std::string>> read_body() = 0;
  // Begins a chunked answer; the writer dies with the exchange. Call at most once.
  virtual Task<Result<BodyWriter*>> stream(int status, HttpHeaders headers) = 0;
  // Completes the WebSocket handshake. The socket dies with the exchange: the handler serves it before it returns.
  virtual Task<Result<WebSocket*>> upgrade(HttpHeaders headers) = 0;
  // Asked to stop when the peer goes away mid-request or the server stops.
  [[nodiscard]] virtual std::stop_token stop() const = 0;
};

// nullopt: already answered by stream() or upgrade().
using Handler = std::function<Task<std::optional<Response>>(Exchange&)>;

struct ServerOptions {
  std::size_t header_limit = 16 * 1024;  // bytes
  std::size_t body_limit = 4 * 1024 * 1024;  // bytes
  std::size_t frame_limit = 1024 * 1024;  // bytes of one WebSocket message
  std::size_t send_queue_limit = 4 * 1024 * 1024;  // bytes waiting for a slow WebSocket peer
  std::size_t connection_limit = 20'000;  // more are answered 503 and closed
  Millis header_timeout{10'000};  // from connect (or the last answer, if a byte came) to a whole head
  Millis body_timeout{30'000};
  Millis keep_alive{75'000};
  // Which requests begin with their head and read their body themselves, whatever its size; none unless given.
  std::function<bool(const Request& head)> streams_body;
  Millis websocket_idle{60'000};  // silence until a ping; the same again until the connection is dropped
  // Makes the answer for requests the server refuses by itself.
  std::function<Response(const Error& error, int status)> problem;
};

class HttpServer {
 public:
  HttpServer(Loop& loop, ServerOptions options, Handler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Binds and begins to accept; port 0 picks one. The port in use is the value. unavailable: the port is
  // taken; failed_precondition: it is not permitted. The message says which and how to choose another.
  Result<std::uint16_t> listen(const std::string& address, std::uint16_t port);
  Task<void> stop(Millis drain);
  [[nodiscard]] std::size_t connections() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::net
