#include "body_decoder.hpp"

#include "ascii.hpp"

#include <algorithm>
#include <charconv>

namespace librebird::egress {
namespace {

constexpr std::size_t kMaxLine = 1024;
constexpr std::size_t kMaxTrailer = 8 * 1024;

Error bad(const char* message) { return make_error(Code::invalid_argument, message); }

}  // namespace

BodyDecoder::BodyDecoder(RequestHead::Body kind, std::uint64_t length)
    : chunked_(kind == RequestHead::Body::chunked), state_(State::done), left_(length) {
  if (chunked_) {
    state_ = State::size;
  } else if (kind == RequestHead::Body::length && length > 0) {
    state_ = State::data;
  }
}

Result<bool> BodyDecoder::take_line(std::string_view& bytes) {
  const std::size_t end = bytes.find('\n');
  const std::string_view piece = bytes.substr(0, end == std::string_view::npos ? end : end + 1);
  if (line_.size() + piece.size() > kMaxLine) return bad("A line of the chunked body is too long.");
  line_ += piece;
  bytes.remove_prefix(piece.size());
  if (!line_.ends_with('\n')) return false;
  if (!line_.ends_with("\r\n")) return bad("A line of the chunked body ends without CR LF.");
  line_.resize(line_.size() - 2);
  if (!is_field_value(line_)) return bad("A line of the chunked body holds control characters.");
  return true;
}

Status BodyDecoder::begin_chunk() {
  const std::string_view size = std::string_view(line_).substr(0, line_.find(';'));
  const auto [end, error] = std::from_chars(size.data(), size.data() + size.size(), left_, 16);
  // from_chars takes a minus sign; RFC 9112 knows no blanks before an extension, but many write them.
  if (size.empty() || size[0] == '-' || error != std::errc{} || !trim({end, size.data() + size.size()}).empty()) {
    return bad("A chunk's size is no number.");
  }
  line_.clear();
  state_ = left_ == 0 ? State::trailer : State::data;
  return Ok{};
}

Status BodyDecoder::feed(std::string_view& bytes, std::string& out) {
  while (!bytes.empty() && state_ != State::done) {
    if (state_ == State::data) {
      const std::size_t take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
      out += bytes.substr(0, take);
      bytes.remove_prefix(take);
      left_ -= take;
      if (left_ == 0) state_ = chunked_ ? State::data_end : State::done;
      continue;
    }
    LB_TRY(complete, take_line(bytes));
    if (!complete) break;
    if (state_ == State::size) {
      LB_CHECK(begin_chunk());
    } else if (state_ == State::data_end) {
      if (!line_.empty()) return bad("A chunk is longer than its size.");
      state_ = State::size;
    } else {  // trailer: read and dropped
      if (line_.empty()) state_ = State::done;
      trailer_bytes_ += line_.size() + 2;
      if (trailer_bytes_ > kMaxTrailer) return bad("The chunked body's trailer is too long.");
      line_.clear();
    }
  }
  return Ok{};
}

}  // namespace librebird::egress
