#include "http_response.hpp"

#include <algorithm>
#include <charconv>

namespace librebird::docker {
namespace {

constexpr std::size_t kMaxLine = 4096;
constexpr std::size_t kMaxTrailers = 64;

Error broken(const char* what) {
  return make_error(Code::data_loss, std::string("The container engine's answer is not HTTP (") + what +
                                         "); check that the socket is that of Docker or Podman.");
}

bool same(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

bool number(std::string_view text, int base, std::uint64_t& value) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value, base);
  return !text.empty() && error == std::errc{} && at == end;
}

}  // namespace

Status HttpResponseParser::feed(std::string_view bytes) {
  pending_ += bytes;
  for (bool moved = true; moved && state_ != State::done;) {
    moved = false;
    LB_CHECK(step(moved));
  }
  return Ok{};
}

Status HttpResponseParser::end() {
  if (state_ == State::until_end) state_ = State::done;
  if (state_ == State::done) return Ok{};
  return make_error(Code::unavailable, "The container engine ended the connection before its answer was complete.");
}

Status HttpResponseParser::step(bool& moved) {
  std::string_view line;
  switch (state_) {
    case State::head: {
      const std::size_t over = pending_.find("\r\n\r\n");
      if (over == std::string::npos) {
        if (pending_.size() > kMaxHead) return broken("its head has no end");
        return Ok{};
      }
      if (over > kMaxHead) return broken("its head is too long");
      const std::string head = pending_.substr(0, over);
      pending_.erase(0, over + 4);
      moved = true;
      return read_head(head);
    }
    case State::counted:
    case State::chunk:
    case State::until_end: {
      if (pending_.empty()) return Ok{};
      const std::size_t count = state_ == State::until_end
                                    ? pending_.size()
                                    : static_cast<std::size_t>(std::min<std::uint64_t>(left_, pending_.size()));
      moved = true;
      return take_body(count);
    }
    case State::chunk_size: LB_CHECK(take_line(line, moved)); return moved ? next_chunk(line) : Ok{};
    case State::chunk_end:
      LB_CHECK(take_line(line, moved));
      if (!moved) return Ok{};
      if (!line.empty()) return broken("a chunk is longer than it says");
      pending_.erase(0, 2);
      state_ = State::chunk_size;
      return Ok{};
    case State::trailer:
      LB_CHECK(take_line(line, moved));
      if (!moved) return Ok{};
      if (line.empty()) state_ = State::done;
      if (++trailers_ > kMaxTrailers) return broken("too many trailers");
      pending_.erase(0, line.size() + 2);
      return Ok{};
    case State::done: break;
  }
  return Ok{};
}

Status HttpResponseParser::take_line(std::string_view& line, bool& found) const {
  const std::size_t over = pending_.find("\r\n");
  if (over > kMaxLine && (over != std::string::npos || pending_.size() > kMaxLine)) return broken("a line has no end");
  found = over != std::string::npos;
  if (found) line = std::string_view(pending_).substr(0, over);
  return Ok{};
}

Status HttpResponseParser::take_body(std::size_t count) {
  if (body_.size() + count > max_body_) {
    return make_error(Code::too_large, "The container engine's answer is too long.");
  }
  body_.append(pending_, 0, count);
  pending_.erase(0, count);
  if (state_ == State::until_end) return Ok{};
  left_ -= count;
  if (left_ == 0) state_ = state_ == State::chunk ? State::chunk_end : State::done;
  return Ok{};
}

Status HttpResponseParser::next_chunk(std::string_view line) {
  const std::string_view size = trimmed(line.substr(0, line.find(';')));
  if (size.size() > 15 || !number(size, 16, left_)) return broken("a chunk has no size");
  pending_.erase(0, line.size() + 2);
  state_ = left_ == 0 ? State::trailer : State::chunk;
  return Ok{};
}

Status HttpResponseParser::read_head(std::string_view head) {
  std::string_view line = head.substr(0, head.find("\r\n"));
  std::uint64_t code = 0;
  if (!line.starts_with("HTTP/1.") || line.size() < 12 || line[8] != ' ' || !number(line.substr(9, 3), 10, code) ||
      code < 100 || (line.size() > 12 && line[12] != ' ')) {
    return broken("no status line");
  }
  status_ = static_cast<int>(code);
  chunked_ = counted_ = raw_type_ = false;
  left_ = 0;
  while (line.size() < head.size()) {
    head.remove_prefix(line.size() + 2);
    line = head.substr(0, head.find("\r\n"));
    LB_CHECK(read_field(line));
  }
  return begin_body();
}

Status HttpResponseParser::read_field(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == 0 || colon == std::string_view::npos) return broken("a header has no name");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (same(name, "transfer-encoding")) {
    if (chunked_ || !same(value, "chunked")) return broken("an unknown transfer encoding");
    chunked_ = true;
  } else if (same(name, "content-length")) {
    if (counted_ || !number(value, 10, left_)) return broken("a bad length");
    counted_ = true;
  } else if (same(name, "content-type")) {
    raw_type_ =
        same(value, "application/vnd.docker.raw-stream") || same(value, "application/vnd.docker.multiplexed-stream");
  }
  return Ok{};
}

Status HttpResponseParser::begin_body() {
  if (chunked_ && counted_) return broken("two lengths");
  if (status_ == 101 || (status_ == 200 && raw_type_)) {
    stream_ = true;
    state_ = State::done;
  } else if (status_ < 200) {
    state_ = State::head;  // an interim answer: the real one follows
  } else if (status_ == 204 || status_ == 304 || (counted_ && left_ == 0)) {
    state_ = State::done;
  } else if (chunked_) {
    state_ = State::chunk_size;
  } else {
    if (counted_ && left_ > max_body_) {
      return make_error(Code::too_large, "The container engine's answer is too long.");
    }
    state_ = counted_ ? State::counted : State::until_end;
  }
  return Ok{};
}

}  // namespace librebird::docker
