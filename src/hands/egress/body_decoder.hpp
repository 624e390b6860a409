#pragma once

// A request's body from the wire's bytes: by length, or in chunks (RFC 9112, section 7.1). Strict, bounded; pure.

#include "request_head.hpp"

#include <string>
#include <string_view>

namespace librebird::egress {

class BodyDecoder {
 public:
  BodyDecoder(RequestHead::Body kind, std::uint64_t length);

  // Takes what belongs to the body off `bytes` and appends its content to `out`. invalid_argument: malformed chunks.
  Status feed(std::string_view& bytes, std::string& out);
  [[nodiscard]] bool done() const { return state_ == State::done; }

 private:
  enum class State { size, data, data_end, trailer, done };
  // A line without its end; false while it is not all there.
  Result<bool> take_line(std::string_view& bytes);
  Status begin_chunk();

  const bool chunked_;
  State state_;
  std::uint64_t left_ = 0;
  std::string line_;
  std::size_t trailer_bytes_ = 0;
};

}  // namespace librebird::egress
