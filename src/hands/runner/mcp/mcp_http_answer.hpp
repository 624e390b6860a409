#pragma once

// Reads what an MCP server on the web answers one request with (specification 2025-11-25, basic/transports, "Streamable
// HTTP") as it comes: each event of a stream at once, a JSON document when it is whole. Bounded: no event, line or
// document is longer than kMost; a stream of many may be of any length. Pure. The C++ library only.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace librebird::runner {

struct HttpAnswer {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::string body;  // of everything but an event stream

  // Empty when absent.
  [[nodiscard]] std::string_view header(std::string_view lower_case_name) const;
  [[nodiscard]] bool is_stream() const;
};

// WHATWG HTML, "Interpreting an event stream": an event counts once its blank line has come.
class EventReader {
 public:
  // The data of each message that is complete. `more`: nothing follows, if false.
  std::vector<std::string> feed(std::string_view bytes, bool more);
  // The last id and waiting time (milliseconds) that were told; what a new connection goes on from.
  [[nodiscard]] const std::string& last_id() const { return last_id_; }
  [[nodiscard]] std::optional<std::int64_t> retry() const { return retry_; }
  [[nodiscard]] std::size_t waiting() const { return rest_.size() + data_.size(); }

 private:
  void line(std::string_view text, std::vector<std::string>& messages);

  std::string rest_;
  std::string data_;
  std::string type_;
  std::string last_id_;
  std::optional<std::int64_t> retry_;
  bool begun_ = false;
};

class HttpAnswerReader {
 public:
  static constexpr std::size_t kMost = 4 << 20;

  // False: malformed or too long; nothing more is read of it.
  bool feed(std::string_view bytes);
  // Its connection has ended. False: it is cut short, as far as can be told.
  bool end();
  // Its end has come, as its head said it would.
  [[nodiscard]] bool whole() const { return state_ == State::whole; }
  // Once it is there.
  [[nodiscard]] const HttpAnswer* answer() const { return head_ ? &answer_ : nullptr; }
  // Messages that have come since the last time: of a JSON answer one, when it is whole.
  std::vector<std::string> take_messages();
  [[nodiscard]] const EventReader& events() const { return events_; }

 private:
  enum class State { head, counted, chunk_size, chunk, chunk_end, trailer, rest, whole, broken };

  bool read_head();
  bool read_chunks();
  bool body(std::string_view bytes);
  bool finish();
  // The next line of what has come; nullopt: it is not complete.
  std::optional<std::string> line();

  State state_ = State::head;
  bool head_ = false;
  std::string received_;  // not yet read
  HttpAnswer answer_;
  std::uint64_t left_ = 0;  // of the body or the chunk
  EventReader events_;
  std::vector<std::string> messages_;
};

}  // namespace librebird::runner
