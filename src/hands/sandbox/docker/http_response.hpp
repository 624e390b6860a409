#pragma once

// Reads one HTTP/1.1 answer of a container engine (RFC 9112). Pure, bounded, independent of how the bytes are cut.
//
//   HttpResponseParser parser;
//   while (!parser.done()) LB_CO_CHECK(parser.feed(bytes));   // bytes empty: the connection ended
//
// An answer to a request for a raw stream (101, or 200 with Docker's stream types) has no body: what follows its head
// is rest(), and then whatever the connection gives. Errors: data_loss (not HTTP), too_large.

#include <librebird/base/result.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace librebird::docker {

class HttpResponseParser {
 public:
  static constexpr std::size_t kMaxHead = 32 * 1024;
  static constexpr std::size_t kMaxBody = 4 << 20;

  explicit HttpResponseParser(std::size_t max_body = kMaxBody) : max_body_(max_body) {}

  Status feed(std::string_view bytes);
  // The other side ended the connection: the end of a body without a length, or an answer cut short.
  Status end();
  [[nodiscard]] bool done() const { return state_ == State::done; }

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] bool is_stream() const { return stream_; }
  [[nodiscard]] std::string& body() { return body_; }
  // Bytes after the end of the answer.
  [[nodiscard]] std::string& rest() { return pending_; }

 private:
  enum class State { head, counted, chunk_size, chunk, chunk_end, trailer, until_end, done };

  Status step(bool& moved);
  Status read_head(std::string_view head);
  Status read_field(std::string_view line);
  Status begin_body();
  Status take_line(std::string_view& line, bool& found) const;
  Status take_body(std::size_t count);
  Status next_chunk(std::string_view line);

  State state_ = State::head;
  std::string pending_;
  std::string body_;
  std::size_t max_body_;
  std::uint64_t left_ = 0;  // of the body or the chunk
  std::size_t trailers_ = 0;
  int status_ = 0;
  bool chunked_ = false;
  bool counted_ = false;
  bool raw_type_ = false;
  bool stream_ = false;
};

}  // namespace librebird::docker
