#pragma once

// What an SMTP server answers (RFC 5321, 4.2), from any pieces. Pure, any thread. Private.

#include <librebird/base/result.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::net::smtp {

struct Reply {
  int code = 0;                    // 200 to 599
  std::vector<std::string> lines;  // without the code; at least one

  // What it says, on one line, bounded and printable: for errors.
  [[nodiscard]] std::string words() const;
};

class ReplyReader {
 public:
  // The next whole reply in the bytes so far; nullopt: more are needed. unavailable: it is not SMTP, or too long.
  Result<std::optional<Reply>> next();
  void feed(std::string_view bytes) { buffer_ += bytes; }
  // Whether there are bytes that belong to no reply yet.
  [[nodiscard]] bool empty() const { return buffer_.empty() && reply_.lines.empty(); }

 private:
  std::string buffer_;
  Reply reply_;
};

}  // namespace librebird::net::smtp
