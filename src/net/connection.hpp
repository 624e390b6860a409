#pragma once

// One accepted connection: requests one after the other, each answered before the next is looked at.
// Thread rule: loop only. Ownership: its own coroutine (in the server's scope) and nobody else.

#include "request_parser.hpp"
#include "server_core.hpp"

#include <optional>

namespace librebird::net {

class Connection final : public Exchange, public BodyWriter, public Deadline {
 public:
  Connection(ServerCore& core, TcpSocket socket, std::string remote_address);
  ~Connection() override;

  static Task<void> serve(std::unique_ptr<Connection> self);

  [[nodiscard]] const Request& request() const override { return request_; }
  Task<Result<std::string>> read_body() override;
  Task<Result<BodyWriter*>> stream(int status, HttpHeaders headers) override;
  Task<Result<WebSocket*>> upgrade(HttpHeaders headers) override;
  [[nodiscard]] std::stop_token stop() const override;
  Task<Status> write(std::string data) override;
  void expired() override;

  // The server stops: end when the request at hand is answered; what would never end by itself ends now.
  void drain();
  // Ends at once.
  void abort();
  void peer_left();
  [[nodiscard]] int handle() { return socket_.native_handle(); }

 private:
  friend class ServerCore;
  enum class Phase { reading, handling, writing, lingering };

  Task<void> run();
  Task<bool> read_request();
  void arm_reading();
  Task<std::optional<std::string_view>> receive();
  [[nodiscard]] bool is_body_left() const { return parser_ && parser_->state() != RequestParser::State::done; }
  Task<void> answer();
  Task<void> handle_request();
  Task<void> refuse(Refusal refusal);
  Task<void> respond(Response response);
  Task<bool> send_all(std::string_view first, std::string_view second);
  Task<void> linger();
  void begin_head(int status, const HttpHeaders& headers);
  Response problem(Error error, int status) const;
  void request_stop();

  ServerCore& core_;
  TcpSocket socket_;
  const std::string remote_address_;
  std::optional<RequestParser> parser_;
  Request request_;
  std::string early_;  // bytes behind the current request
  std::string out_;
  std::shared_ptr<WebSocketSession> web_socket_;
  mutable std::optional<std::stop_source> stop_;
  std::size_t place_ = 0;        // in core_.connections
  std::size_t watched_at_ = 0;   // in the core's watch list
  Phase phase_ = Phase::reading;
  bool first_ = true;
  bool keep_ = true;
  bool head_only_ = false;
  bool http_1_0_ = false;
  bool streaming_ = false;
  bool continue_ = false;  // the peer waits for "100 Continue" until it sends the body
  bool stopped_ = false;   // a stop was asked for, whether or not anybody holds the token
  bool gone_ = false;      // nothing can be written any more
  bool timed_out_ = false;
  bool watched_ = false;
};

}  // namespace librebird::net
