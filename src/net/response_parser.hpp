#pragma once

// One HTTP/1.1 answer from bytes in any pieces; the body is handed on as it comes. Pure; any thread.

#include <librebird/core/ports/http_client.hpp>

#include <memory>
#include <string>
#include <string_view>

namespace librebird::net {

class ResponseParser {
 public:
  static constexpr std::size_t kHeadLimit = 64 * 1024;

  // A HEAD request's answer has no body whatever its head says.
  explicit ResponseParser(bool head_request);
  ~ResponseParser();

  // Interim answers (1xx) are skipped. too_large: the head; unavailable: not HTTP.
  Status feed(std::string_view bytes);
  // The peer closed. An error unless that ends the body.
  Status end_of_input();

  [[nodiscard]] bool started() const { return started_; }
  [[nodiscard]] bool head_done() const { return head_done_; }
  [[nodiscard]] bool done() const { return done_; }
  // After done(): the connection can carry another request.
  [[nodiscard]] bool reusable() const { return reusable_; }
  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] HttpHeaders& headers() { return headers_; }
  // The body's bytes since the last call.
  [[nodiscard]] std::string take_body() { return std::exchange(body_, {}); }
  [[nodiscard]] bool has_body() const { return !body_.empty(); }

 private:
  struct Machine;
  Status feed_once(std::string_view& bytes);

  const bool head_request_;
  std::unique_ptr<Machine> machine_;
  std::string pending_;
  std::string body_;
  HttpHeaders headers_;
  int status_ = 0;
  bool needs_more_ = false;  // the machine has said so of what it left
  bool started_ = false;
  bool head_done_ = false;
  bool done_ = false;
  bool reusable_ = false;
};

}  // namespace librebird::net
