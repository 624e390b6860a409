#include "response_parser.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <limits>

namespace librebird::net {

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

namespace {
// Beast, asked again about a last chunk whose trailer is not all there, asserts on fewer than five bytes.
bool too_short_to_ask(std::string_view rest) { return rest.size() < 5 && rest.starts_with("0\r\n"); }
}  // namespace

struct ResponseParser::Machine final : http::basic_parser<false> {
  explicit Machine(ResponseParser& owner) : to(owner) {
    header_limit(static_cast<std::uint32_t>(kHeadLimit));
    body_limit(boost::none);
    eager(true);
    if (to.head_request_) skip(true);
  }
  void on_request_impl(http::verb, string_view, string_view, int, error_code&) override {}
  void on_response_impl(int code, string_view, int, error_code&) override {
    to.status_ = code;
    // Interim answers have no body and are followed by the final one.
    interim = code >= 100 && code < 200 && code != 101;
  }
  void on_field_impl(http::field, string_view name, string_view value, error_code&) override {
    if (!is_header_over)
      to.headers_.emplace_back(std::string(name.data(), name.size()), std::string(value.data(), value.size()));
  }
  void on_header_impl(error_code&) override { is_header_over = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view piece, error_code&) override {
    to.body_.append(piece.data(), piece.size());
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t, string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, string_view piece, error_code&) override {
    to.body_.append(piece.data(), piece.size());
    return piece.size();
  }
  void on_finish_impl(error_code&) override {}

  ResponseParser& to;
  bool interim = false;
  bool is_header_over = false;
};

ResponseParser::ResponseParser(bool head_request)
    : head_request_(head_request), machine_(std::make_unique<Machine>(*this)) {}
ResponseParser::~ResponseParser() = default;

Status ResponseParser::feed(std::string_view bytes) {
  std::string joined;
  if (!pending_.empty()) {
    joined = std::exchange(pending_, {});
    joined += bytes;
    bytes = joined;
    if (head_done_ && too_short_to_ask(bytes)) {
      pending_ = bytes;
      return Ok{};
    }
  }
  started_ = started_ || !bytes.empty();
  while (!bytes.empty() && !done_) {
    const std::size_t before = bytes.size();
    LB_CHECK(feed_once(bytes));
    if (needs_more_ || (bytes.size() == before && !done_)) break;
  }
  if (done_) {
    // Bytes behind the answer were not asked for: the connection cannot be trusted with another request.
    if (!bytes.empty()) reusable_ = false;
    return Ok{};
  }
  if (bytes.size() > kHeadLimit) return make_error(Code::too_large, "sent a head or chunk header over 64 KiB");
  pending_ = bytes;
  return Ok{};
}

Status ResponseParser::feed_once(std::string_view& bytes) {
  error_code failure;
  bytes.remove_prefix(machine_->put({bytes.data(), bytes.size()}, failure));
  if (failure == http::error::header_limit) return make_error(Code::too_large, "sent a head over 64 KiB");
  if (failure && failure != http::error::need_more) {
    return make_error(Code::unavailable, "sent something that is not HTTP: " + failure.message());
  }
  needs_more_ = failure == http::error::need_more;
  if (!machine_->is_header_done()) return Ok{};
  if (machine_->interim) {
    headers_.clear();
    body_.clear();
    machine_ = std::make_unique<Machine>(*this);
    needs_more_ = false;
    return Ok{};
  }
  head_done_ = true;
  if (machine_->is_done()) {
    done_ = true;
    reusable_ = machine_->keep_alive();
  }
  return Ok{};
}

Status ResponseParser::end_of_input() {
  error_code failure;
  if (!started_) return make_error(Code::unavailable, "closed the connection without an answer");
  // Beast asserts on an end before the first byte, as behind an interim answer.
  if (head_done_) machine_->put_eof(failure);
  if (failure || !head_done_) return make_error(Code::unavailable, "closed the connection in the middle of the answer");
  done_ = true;
  return Ok{};
}

}  // namespace librebird::net
