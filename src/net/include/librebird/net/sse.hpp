#pragma once

// Server-Sent Events (WHATWG HTML, section 9.2): an incremental parser and a writer. Pure, any thread.

#include <librebird/base/result.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace librebird::net {

struct SseEvent {
  std::string event;  // empty: "message"
  std::string data;
  std::string id;

  friend bool operator==(const SseEvent&, const SseEvent&) = default;
};

class SseParser {
 public:
  explicit SseParser(std::size_t event_limit = 8 * 1024 * 1024) : limit_(event_limit) {}
  // Feeds bytes in any pieces; returns the events they complete. too_large: one event passes the limit.
  Result<std::vector<SseEvent>> feed(std::string_view bytes);

 private:
  std::size_t limit_;
  std::string line_;
  SseEvent current_;
  bool has_data_ = false;
  bool skip_lf_ = false;
  bool at_start_ = true;
};

// One event in wire form; data may hold newlines.
[[nodiscard]] std::string format_sse(const SseEvent& event);

}  // namespace librebird::net
