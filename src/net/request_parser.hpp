#pragma once

// One HTTP/1.1 request from bytes in any pieces: Beast's parser behind the checks it leaves to its user (request
// smuggling, obs-fold, Host, absolute targets). Pure: no socket, no clock; any thread.
//
// Errors carry the status the server answers with: 400, 413 (body), 431 (head), 501 (a transfer coding we lack).

#include <librebird/net/http_server.hpp>

#include <functional>
#include <memory>

namespace librebird::net {

struct ParserLimits {
  std::size_t head = 16 * 1024;
  std::size_t body = 4 * 1024 * 1024;
  // Whose bodies have no limit here: they are taken away piece by piece.
  const std::function<bool(const Request&)>* streams = nullptr;
};

struct Refusal {
  int status = 400;
  Error error;
};

class RequestParser {
 public:
  explicit RequestParser(ParserLimits limits);
  ~RequestParser();

  enum class State { head, body, done, refused };

  // Takes bytes up to the end of the request, and of a streamed one first up to the end of its head; returns how many
  // it took. Those it did not take belong to the next one.
  std::size_t feed(std::string_view bytes);
  [[nodiscard]] State state() const { return state_; }
  // True once a byte of this request was seen.
  [[nodiscard]] bool started() const { return started_; }
  // The client waits for "100 Continue" before it sends the body.
  [[nodiscard]] bool expects_continue() const;
  // From state `body` on, the body is to be taken out of request() as it comes.
  [[nodiscard]] bool streamed() const { return streamed_; }
  // Valid in state `done`, and of a streamed one in state `body`.
  [[nodiscard]] Request& request() { return request_; }
  [[nodiscard]] bool keep_alive() const { return keep_alive_; }
  [[nodiscard]] bool http_1_0() const;
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }

 private:
  struct Machine;
  std::size_t feed_head(std::string_view bytes);
  std::size_t feed_body(std::string_view bytes);
  void finish_head();
  void finish();
  void refuse(int status, std::string why, Code code = Code::invalid_argument);
  void refuse_body();
  void put(std::string_view bytes, std::size_t& taken);

  ParserLimits limits_;
  State state_ = State::head;
  bool started_ = false;
  bool keep_alive_ = false;
  bool streamed_ = false;
  std::string pending_;  // a head or a chunk header that came in pieces
  std::size_t scanned_ = 0;
  std::unique_ptr<Machine> machine_;
  Request request_;
  Refusal refusal_;
};

// True if the comma-separated list holds the token (ASCII case does not matter).
[[nodiscard]] bool has_token(std::string_view list, std::string_view token);
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace librebird::net
