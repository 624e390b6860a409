#include "request_parser.hpp"

#include "request_target.hpp"

#include <boost/beast/http/basic_parser.hpp>

#include <algorithm>
#include <limits>

namespace librebird::net {
namespace {

// Beast, asked again about a last chunk whose trailer is not all there, asserts on fewer than five bytes.
bool too_short_to_ask(std::string_view rest) { return rest.size() < 5 && rest.starts_with("0\r\n"); }

namespace http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

std::string_view to_std(string_view text) { return {text.data(), text.size()}; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_token_char(char c) {
  return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

// Where a head ends, or what is wrong with it so far. Lines end in CRLF and are never folded (RFC 9112, 2.2 and 5.2):
// a bare LF or a fold is read differently by different servers, which is how requests are smuggled.
struct HeadScan {
  std::size_t end = 0;  // one past the empty line
  const char* wrong = nullptr;
};

HeadScan scan_head(std::string_view head, std::size_t& from) {
  for (;;) {
    const std::size_t lf = head.find('\n', from);
    if (lf == std::string_view::npos) {
      from = head.size();
      return {};
    }
    if (lf == 0 || head[lf - 1] != '\r') return {.wrong = "a line of the head does not end in CRLF"};
    if (lf >= 3 && head[lf - 2] == '\n') return {.end = lf + 1};
    if (lf + 1 >= head.size()) {
      from = lf;
      return {};
    }
    if (head[lf + 1] == ' ' || head[lf + 1] == '\t') return {.wrong = "a header line is folded"};
    from = lf + 1;
  }
}

bool well_formed_handshake(const Request& request) {
  const auto upgrade = request.header("upgrade");
  const auto connection = request.header("connection");
  const auto version = request.header("sec-websocket-version");
  const auto key = request.header("sec-websocket-key");
  if (request.method != "GET" || !upgrade || !connection || !version || !key) return false;
  // The key is 16 bytes in base64: 22 letters and "==".
  const bool good_key =
      key->size() == 24 && key->ends_with("==") && std::ranges::all_of(key->substr(0, 22), [](char c) {
        return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
      });
  return has_token(*upgrade, "websocket") && has_token(*connection, "upgrade") && *version == "13" && good_key;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) { return std::ranges::equal(a, b, {}, lower, lower); }

bool has_token(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    list = comma == std::string_view::npos ? std::string_view{} : list.substr(comma + 1);
    while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
    while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
    if (equals_ignoring_case(item, token)) return true;
  }
  return false;
}

// What Beast finds, written straight into our Request.
struct RequestParser::Machine final : http::basic_parser<true> {
  Machine(Request& target, std::size_t most) : request(target), body_most(most) {}

  void on_request_impl(http::verb, string_view method, string_view uri, int number, error_code&) override {
    request.method = to_std(method);
    target = to_std(uri);
    version = number;
  }
  void on_response_impl(int, string_view, int, error_code&) override {}
  void on_field_impl(http::field field, string_view name, string_view value, error_code& failure) override {
    if (is_header_done_) return;  // a trailer: nothing we act on (RFC 9110, 6.5.1)
    switch (field) {
      case http::field::host: ++hosts; break;
      case http::field::content_length:
        // Beast takes a repeated equal value; two of them are a sign of smuggling.
        if (++lengths > 1 || value.empty() ||
            !std::ranges::all_of(value, [](char c) { return c >= '0' && c <= '9'; })) {
          failure = http::make_error_code(http::error::bad_content_length);
          return;
        }
        break;
      case http::field::transfer_encoding:
        ++codings;
        only_chunked = only_chunked && equals_ignoring_case(to_std(value), "chunked");
        break;
      default: break;
    }
    request.headers.emplace_back(to_std(name), to_std(value));
  }
  void on_header_impl(error_code&) override { is_header_done_ = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(string_view piece, error_code&) override {
    request.body.append(piece.data(), piece.size());
    return piece.size();
  }
  void on_chunk_header_impl(std::uint64_t size, string_view, error_code& failure) override {
    if (size > body_most - request.body.size()) failure = http::make_error_code(http::error::body_limit);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, string_view piece, error_code&) override {
    request.body.append(piece.data(), piece.size());
    return piece.size();
  }
  void on_finish_impl(error_code&) override {}

  Request& request;
  std::string target;
  int version = 11;
  unsigned hosts = 0;
  unsigned lengths = 0;
  unsigned codings = 0;
  bool only_chunked = true;
  bool is_header_done_ = false;
  std::size_t body_most;  // bytes
};

RequestParser::RequestParser(ParserLimits limits) : limits_(limits) {}
RequestParser::~RequestParser() = default;

bool RequestParser::http_1_0() const { return machine_ && machine_->version == 10; }

bool RequestParser::expects_continue() const {
  if (state_ != State::body || http_1_0()) return false;
  const auto expect = request_.header("expect");
  return expect && equals_ignoring_case(*expect, "100-continue");
}

void RequestParser::refuse(int status, std::string why, Code code) {
  state_ = State::refused;
  keep_alive_ = false;
  refusal_ = {status, make_error(code, std::move(why))};
}

void RequestParser::refuse_body() {
  refuse(413, "The request's body is larger than " + std::to_string(limits_.body) + " bytes.", Code::too_large);
}

std::size_t RequestParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && (state_ == State::head || state_ == State::body)) {
    if (state_ == State::body) {
      taken += feed_body(bytes.substr(taken));
      continue;
    }
    taken += feed_head(bytes.substr(taken));
    if (streamed_) break;
  }
  return taken;
}

std::size_t RequestParser::feed_head(std::string_view bytes) {
  std::size_t skipped = 0;
  if (!started_) {
    // A robust server skips empty lines before a request (RFC 9112, 2.2); the head's limit bounds how many.
    while (skipped < bytes.size() && (bytes[skipped] == '\r' || bytes[skipped] == '\n')) ++skipped;
    if (skipped == bytes.size()) return skipped;
    bytes.remove_prefix(skipped);
    started_ = true;
    if (!is_token_char(bytes.front())) {
      refuse(400, "The request does not begin with an HTTP method; this port speaks HTTP/1.1.");
      return skipped;
    }
  }
  const std::size_t before = pending_.size();
  std::string_view head = bytes;
  if (before > 0) {
    pending_ += bytes;
    head = pending_;
  }
  // Stay within the limit: what lies beyond cannot be part of an acceptable head.
  const auto [end, wrong] = scan_head(head.substr(0, limits_.head), scanned_);
  if (wrong != nullptr) {
    refuse(400, std::string("The request is malformed: ") + wrong + ".");
    return skipped + bytes.size();
  }
  if (end == 0) {
    if (head.size() >= limits_.head) {
      refuse(431, "The request's head is larger than " + std::to_string(limits_.head) + " bytes; send fewer headers.",
             Code::too_large);
    } else if (before == 0) {
      pending_ = bytes;
    }
    return skipped + bytes.size();
  }
  machine_ = std::make_unique<Machine>(request_, limits_.body);
  machine_->header_limit(static_cast<std::uint32_t>(limits_.head + 1));
  machine_->body_limit(boost::none);  // which one holds is known when the head is
  machine_->eager(false);
  error_code failure;
  machine_->put({head.data(), end}, failure);
  pending_ = {};
  if (failure) {
    refuse(400, "The request is malformed: " + failure.message() + ".");
  } else {
    finish_head();
  }
  return skipped + end - before;
}

void RequestParser::finish_head() {
  const Machine& m = *machine_;
  if (m.version == 11 ? m.hosts != 1 : m.hosts > 1) return refuse(400, "The request needs exactly one Host header.");
  if (m.codings > 0) {
    if (m.lengths > 0) return refuse(400, "The request has both Content-Length and Transfer-Encoding.");
    if (m.version == 10) return refuse(400, "An HTTP/1.0 request cannot have a Transfer-Encoding.");
    if (m.codings > 1 || !m.only_chunked) return refuse(501, "Only the transfer coding \"chunked\" is understood.");
  }
  auto target = parse_target(request_.method, m.target);
  if (!target) return refuse(400, target.error().message);
  for (auto& [name, value] : request_.headers) {
    if (!equals_ignoring_case(name, "host")) continue;
    if (!target->authority.empty()) value = target->authority;
    if (!value.empty() && !is_authority(value)) return refuse(400, "The Host header is not valid.");
  }
  request_.path = std::move(target->path);
  request_.query = std::move(target->query);
  const auto length = m.content_length();
  streamed_ = limits_.streams != nullptr && *limits_.streams && (*limits_.streams)(request_);
  if (streamed_) machine_->body_most = std::numeric_limits<std::size_t>::max();
  if (length && *length > machine_->body_most) return refuse_body();
  keep_alive_ = m.keep_alive();
  state_ = State::body;
  if (m.is_done()) return finish();
  if (length && !streamed_) request_.body.reserve(std::min<std::uint64_t>(*length, 64 * 1024));
}

std::size_t RequestParser::feed_body(std::string_view bytes) {
  const std::size_t before = pending_.size();
  std::string_view input = bytes;
  if (before > 0) {
    pending_ += bytes;
    input = pending_;
    if (too_short_to_ask(input)) return bytes.size();
  }
  std::size_t taken = 0;
  while (taken < input.size() && state_ == State::body) {
    const std::size_t before_put = taken;
    put(input.substr(taken), taken);
    if (taken == before_put) break;
  }
  if (state_ != State::body) {
    pending_ = {};
    return taken >= before ? taken - before : 0;
  }
  // What is left is part of a chunk's header or of the trailer.
  std::string rest(input.substr(taken));
  if (rest.size() > limits_.head) refuse(400, "The request's chunks are malformed.");
  pending_ = std::move(rest);
  return bytes.size();
}

void RequestParser::put(std::string_view bytes, std::size_t& taken) {
  error_code failure;
  taken += machine_->put({bytes.data(), bytes.size()}, failure);
  if (failure == http::error::body_limit) {
    refuse_body();
  } else if (failure && failure != http::error::need_more) {
    refuse(400, "The request's body is malformed: " + failure.message() + ".");
  } else if (machine_->is_done()) {
    finish();
  }
}

void RequestParser::finish() {
  request_.upgrade = machine_->version == 11 && request_.body.empty() && well_formed_handshake(request_);
  state_ = State::done;
}

}  // namespace librebird::net
