#include "request_head.hpp"

#include "ascii.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace librebird::egress {
namespace {

constexpr std::size_t kMaxFields = 100;
constexpr std::size_t kMaxTarget = 16 * 1024;

Error bad(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

Status parse_request_line(std::string_view line, RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return bad("The request line must be: METHOD address HTTP/1.1.");
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return bad("The fence speaks HTTP/1.1 only.");
  head.http_1_0 = version == "HTTP/1.0";
  head.keep_alive = !head.http_1_0;
  if (!is_token(head.method) || head.method.size() > 20) return bad("The request's method is malformed.");
  if (head.target.size() > kMaxTarget) return make_error(Code::too_large, "The request's address is too long.");
  if (head.target.empty() ||
      std::ranges::any_of(head.target, [](char c) { return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f; })) {
    return bad("The request's address is malformed.");
  }
  return Ok{};
}

// What the fence itself must understand. True: the field is not passed on.
class Framing {
 public:
  explicit Framing(RequestHead& head) : head_(head) {}

  Result<bool> take(std::string_view name, std::string_view value) {
    if (same(name, "host")) {
      if (head_.host) return bad("The request has two Host fields.");
      head_.host = value;
      return true;
    }
    if (same(name, "content-length")) {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), head_.length);
      if (has_length_) return bad("The request has two Content-Length fields.");
      if (value.empty() || value[0] < '0' || value[0] > '9' || error != std::errc{} ||
          end != value.data() + value.size()) {
        return bad("Content-Length is no number.");
      }
      has_length_ = true;
      return true;
    }
    if (same(name, "transfer-encoding")) {
      if (chunked_) return bad("The request has two Transfer-Encoding fields.");
      if (!same(value, "chunked")) return make_error(Code::failed_precondition, "The only transfer coding is chunked.");
      chunked_ = true;
      return true;
    }
    if (same(name, "connection") || same(name, "proxy-connection")) {
      for (std::string_view rest = value; !rest.empty();) {
        const std::string_view option = next_member(rest);
        if (same(option, "close")) close_ = true;
        if (same(option, "keep-alive")) keep_ = true;
        if (same(name, "connection") && !option.empty()) named_.push_back(lower(option));
      }
      return true;
    }
    if (same(name, "expect")) {
      if (!same(value, "100-continue"))
        return make_error(Code::failed_precondition, "The only expectation is 100-continue.");
      head_.expects_continue = true;
      return true;
    }
    if (same(name, "upgrade")) head_.wants_upgrade = true;
    return is_hop_by_hop(name);
  }

  Status finish() {
    if (chunked_ && has_length_) return bad("The request has both Content-Length and Transfer-Encoding.");
    if (chunked_ && head_.http_1_0) return bad("HTTP/1.0 has no chunked bodies.");
    if (chunked_) {
      head_.body = RequestHead::Body::chunked;
    } else if (head_.length > 0) {
      head_.body = RequestHead::Body::length;
    }
    head_.keep_alive = !close_ && (!head_.http_1_0 || keep_);
    if (head_.body == RequestHead::Body::none || head_.http_1_0) head_.expects_continue = false;
    std::erase_if(head_.headers,
                  [&](const auto& field) { return std::ranges::find(named_, lower(field.first)) != named_.end(); });
    return Ok{};
  }

 private:
  RequestHead& head_;
  std::vector<std::string> named_;
  bool has_length_ = false;
  bool chunked_ = false;
  bool close_ = false;
  bool keep_ = false;
};

}  // namespace

bool is_hop_by_hop(std::string_view name) {
  constexpr std::array<std::string_view, 11> kNames = {"connection",
                                                       "proxy-connection",
                                                       "keep-alive",
                                                       "te",
                                                       "trailer",
                                                       "transfer-encoding",
                                                       "upgrade",
                                                       "proxy-authorization",
                                                       "proxy-authenticate",
                                                       "proxy-authentication-info",
                                                       "http2-settings"};
  return std::ranges::any_of(kNames, [&](std::string_view known) { return same(name, known); });
}

void drop_hop_by_hop(HttpHeaders& headers) {
  std::vector<std::string> named;
  for (const auto& [name, value] : headers) {
    if (!same(name, "connection")) continue;
    for (std::string_view rest = value; !rest.empty();) named.push_back(lower(next_member(rest)));
  }
  std::erase_if(headers, [&](const auto& field) {
    return is_hop_by_hop(field.first) || std::ranges::find(named, lower(field.first)) != named.end();
  });
}

void drop_field(HttpHeaders& headers, std::string_view name) {
  std::erase_if(headers, [&](const auto& field) { return same(field.first, name); });
}

Result<RequestHead> parse_request_head(std::string_view text) {
  RequestHead head;
  const std::size_t line_end = text.find("\r\n");
  if (line_end == std::string_view::npos) return bad("The request line must end with CR LF.");
  LB_CHECK(parse_request_line(text.substr(0, line_end), head));
  Framing framing(head);
  text.remove_prefix(line_end + 2);
  for (std::size_t count = 0; text != "\r\n"; ++count) {
    const std::size_t end = text.find("\r\n");
    if (end == std::string_view::npos || end == 0) return bad("The request's head does not end where it should.");
    if (count == kMaxFields)
      return make_error(Code::too_large, fmt::format("The request has over {} fields.", kMaxFields));
    const std::string_view field = text.substr(0, end);
    const std::size_t colon = field.find(':');
    // A name that is no token covers folded lines and blanks before the colon.
    if (colon == std::string_view::npos || !is_token(field.substr(0, colon))) return bad("A header line is malformed.");
    const std::string_view name = field.substr(0, colon);
    const std::string_view value = trim(field.substr(colon + 1));
    if (!is_field_value(value)) return bad("A header value holds control characters.");
    LB_TRY(taken, framing.take(name, value));
    if (!taken) head.headers.emplace_back(name, value);
    text.remove_prefix(end + 2);
  }
  LB_CHECK(framing.finish());
  return head;
}

}  // namespace librebird::egress
