#include "connection.hpp"

#include <librebird/base/log.hpp>

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <cassert>

#include <fmt/format.h>

namespace librebird::net {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr Millis kLinger{2'000};
constexpr Millis kLingerStopping{100};
constexpr Millis kClosing{5'000};
constexpr std::size_t kLingerBytes = 8 * 1024 * 1024;
constexpr std::size_t kCopiedBody = 16 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

bool is_safe_header(std::string_view name, std::string_view value) {
  const auto token = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  };
  return !name.empty() && std::ranges::all_of(name, token) &&
         value.find_first_of({"\r\n\0", 3}) == std::string_view::npos;
}

bool are_safe(const HttpHeaders& headers) {
  return std::ranges::all_of(headers, [](const auto& h) { return is_safe_header(h.first, h.second); });
}

// Framing is the server's business.
bool is_framing(std::string_view name) {
  return equals_ignoring_case(name, "content-length") || equals_ignoring_case(name, "transfer-encoding") ||
         equals_ignoring_case(name, "connection") || equals_ignoring_case(name, "date");
}

}  // namespace

Connection::Connection(ServerCore& core, TcpSocket socket, std::string remote_address)
    : Deadline(*core.deadlines), core_(core), socket_(std::move(socket)), remote_address_(std::move(remote_address)) {
  core_.add(*this);
}

Connection::~Connection() {
  core_.unwatch(*this);
  core_.remove(*this);
}

Task<void> Connection::serve(std::unique_ptr<Connection> self) { co_await self->run(); }

Task<void> Connection::run() {
  while (keep_ && !core_.stopping && !gone_) {
    if (!co_await read_request()) break;
    co_await answer();
  }
  if (!gone_) co_await linger();
  if (web_socket_) web_socket_->drop();
}

void Connection::arm_reading() {
  const ServerOptions& options = core_.options;
  if (parser_->state() == RequestParser::State::body) {
    expires_after(options.body_timeout);
  } else if (parser_->started() || first_) {
    expires_after(options.header_timeout);
  } else {
    expires_after(options.keep_alive);
  }
}

Task<bool> Connection::read_request() {
  phase_ = Phase::reading;
  parser_.emplace(ParserLimits{
      .head = core_.options.header_limit, .body = core_.options.body_limit, .streams = &core_.options.streams_body});
  std::string again = std::exchange(early_, {});
  std::string_view bytes = again;
  bool continued = false;
  if (bytes.empty()) arm_reading();
  for (;;) {
    const bool started = parser_->started();
    const auto state = parser_->state();
    const std::size_t taken = parser_->feed(bytes);
    if (parser_->state() == RequestParser::State::refused) {
      co_await refuse(parser_->refusal());
      co_return false;
    }
    early_.assign(bytes.substr(taken));
    if (parser_->state() == RequestParser::State::done) break;
    if (parser_->state() == RequestParser::State::body && parser_->streamed()) break;
    if (started != parser_->started() || state != parser_->state()) arm_reading();
    if (parser_->expects_continue() && parser_->request().body.empty() && !std::exchange(continued, true)) {
      if (!co_await send_all(kContinue, {})) co_return false;
    }
    const auto more = co_await receive();
    if (!more) {
      if (timed_out_ && parser_->started() && !core_.stopping) {
        co_await refuse(
            {408, make_error(Code::deadline_exceeded, "The request took too long to arrive; send it again.")});
      } else {
        gone_ = true;
      }
      co_return false;
    }
    bytes = *more;
  }
  disarm();
  first_ = false;
  co_return true;
}

// The next bytes, in the scratch buffer until the next wait; nullopt when there are no more.
Task<std::optional<std::string_view>> Connection::receive() {
  for (;;) {
    error_code failure;
    co_await socket_.async_wait(TcpSocket::wait_read, asio::redirect_error(use_task, failure));
    if (failure || timed_out_) co_return std::nullopt;
    const std::size_t got = socket_.read_some(asio::buffer(core_.scratch), failure);
    if (failure == asio::error::would_block || failure == asio::error::try_again) continue;
    if (failure) co_return std::nullopt;
    co_return std::string_view(core_.scratch.data(), got);
  }
}

Task<Result<std::string>> Connection::read_body() {
  while (is_body_left()) {
    if (std::exchange(continue_, false) && early_.empty() && !co_await send_all(kContinue, {})) break;
    const std::string again = std::exchange(early_, {});
    std::string_view bytes = again;
    if (bytes.empty()) {
      const Phase before = std::exchange(phase_, Phase::reading);
      expires_after(core_.options.body_timeout);
      const auto more = co_await receive();
      disarm();
      phase_ = before;
      if (!more) {
        keep_ = false;
        if (std::exchange(timed_out_, false)) {
          co_return make_error(Code::deadline_exceeded, "The request took too long to arrive; send it again.");
        }
        break;
      }
      bytes = *more;
    }
    const std::size_t taken = parser_->feed(bytes);
    early_.assign(bytes.substr(taken));
    if (parser_->state() == RequestParser::State::refused) co_return parser_->refusal().error;
    if (!parser_->request().body.empty()) co_return std::exchange(parser_->request().body, {});
  }
  if (is_body_left()) co_return make_error(Code::unavailable, "The peer closed the connection.");
  co_return std::string();
}

Task<void> Connection::answer() {
  continue_ = parser_->expects_continue();
  request_ = std::move(parser_->request());
  request_.remote_address = remote_address_;
  http_1_0_ = parser_->http_1_0();
  keep_ = parser_->keep_alive();
  head_only_ = request_.method == "HEAD";
  if (parser_->streamed()) {
    parser_->request() = {};  // its body comes here
  } else {
    parser_.reset();
  }
  streaming_ = false;
  stopped_ = false;
  co_await handle_request();
  parser_.reset();
  streaming_ = false;  // from here on the connection rests, and a drain may close it
  if (stop_) stop_.reset();
}

Task<void> Connection::handle_request() {
  std::optional<Response> response;
  bool failed = false;
  phase_ = Phase::handling;
  core_.watch(*this);
  try {
    response = co_await core_.handler(*this);
  } catch (const std::exception& e) {
    log::error("a request handler ended with an exception", {{"path", request_.path}, {"error", e.what()}});
    failed = true;
  }
  core_.unwatch(*this);
  if (web_socket_) {
    keep_ = false;
    expires_after(kClosing);
    co_await web_socket_->finish();
    gone_ = gone_ || web_socket_->peer_closed() || !socket_.is_open();
    disarm();
  } else if (streaming_) {
    // A stream that failed midway must not look complete.
    if (failed) {
      abort();
    } else if (!http_1_0_ && !head_only_ && !gone_) {
      co_await send_all("0\r\n\r\n", {});
    }
  } else {
    if (failed || !response) {
      response = problem(make_error(Code::internal, "The request could not be answered; the log says why."), 500);
    }
    co_await respond(std::move(*response));
  }
}

Response Connection::problem(Error error, int status) const {
  if (core_.options.problem) return core_.options.problem(error, status);
  return Response{.status = status, .headers = {{"Content-Type", "text/plain; charset=utf-8"}}, .body = error.message};
}

Task<void> Connection::refuse(Refusal refusal) {
  keep_ = false;
  timed_out_ = false;
  head_only_ = false;
  early_ = {};
  co_await respond(problem(std::move(refusal.error), refusal.status));
}

void Connection::begin_head(int status, const HttpHeaders& headers) {
  const auto reason = boost::beast::http::obsolete_reason(boost::beast::http::int_to_status(unsigned(status)));
  out_.clear();
  fmt::format_to(std::back_inserter(out_), "HTTP/1.1 {} {}\r\nDate: {}\r\n", status,
                 std::string_view(reason.data(), reason.size()), core_.date());
  for (const auto& [name, value] : headers) {
    if (equals_ignoring_case(name, "connection") && has_token(value, "close")) keep_ = false;
    if (is_framing(name)) continue;
    out_.append(name).append(": ").append(value).append("\r\n");
  }
  if (core_.stopping || is_body_left()) keep_ = false;
  if (!keep_) {
    out_ += "Connection: close\r\n";
  } else if (http_1_0_) {
    out_ += "Connection: keep-alive\r\n";
  }
}

Task<void> Connection::respond(Response response) {
  if (!are_safe(response.headers) || response.status < 200 || response.status > 999) {
    log::error("a handler's answer has an invalid header or status", {{"path", request_.path}});
    response = problem(make_error(Code::internal, "The request could not be answered; the log says why."), 500);
  }
  begin_head(response.status, response.headers);
  std::string_view body = response.static_body.empty() ? std::string_view(response.body) : response.static_body;
  const bool bodiless = response.status == 204 || response.status == 304;
  if (!bodiless) fmt::format_to(std::back_inserter(out_), "Content-Length: {}\r\n", body.size());
  out_ += "\r\n";
  if (bodiless || head_only_) body = {};
  if (body.size() <= kCopiedBody) {
    out_ += body;
    body = {};
  }
  co_await send_all(out_, body);
  if (out_.capacity() > 4096) out_ = {};
}

// Waits until the peer has taken everything; false when it is gone or stalls for longer than the body's time.
Task<bool> Connection::send_all(std::string_view first, std::string_view second) {
  while (!gone_ && !(first.empty() && second.empty())) {
    error_code failure;
    const std::array<asio::const_buffer, 2> both{asio::buffer(first), asio::buffer(second)};
    const std::size_t sent = socket_.write_some(both, failure);
    if (failure == asio::error::would_block || failure == asio::error::try_again) {
      const Phase before = std::exchange(phase_, Phase::writing);
      expires_after(core_.options.body_timeout);
      co_await socket_.async_wait(TcpSocket::wait_write, asio::redirect_error(use_task, failure));
      disarm();
      phase_ = before;
    }
    if (failure) {
      gone_ = true;
      request_stop();
      break;
    }
    const std::size_t of_first = std::min(sent, first.size());
    first.remove_prefix(of_first);
    second.remove_prefix(sent - of_first);
  }
  co_return !gone_;
}

// Closing with unread bytes would reset the connection and destroy the answer on its way (RFC 9112, 9.6).
Task<void> Connection::linger() {
  phase_ = Phase::lingering;
  timed_out_ = false;
  error_code ignored;
  socket_.shutdown(TcpSocket::shutdown_send, ignored);
  expires_after(core_.stopping ? kLingerStopping : kLinger);
  std::size_t discarded = 0;
  while (discarded < kLingerBytes) {
    const auto bytes = co_await receive();
    if (!bytes) break;
    discarded += bytes->size();
  }
  disarm();
}

void Connection::expired() {
  error_code ignored;
  if (web_socket_ && phase_ == Phase::handling && !web_socket_->closing()) {
    const auto silence = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - web_socket_->heard());
    const Millis limit = core_.options.websocket_idle;
    if (silence >= 2 * limit) {
      web_socket_->drop();
      request_stop();
    } else if (silence >= limit) {
      web_socket_->ping();
      expires_after(2 * limit - silence);
    } else {
      expires_after(limit - silence);
    }
    return;
  }
  timed_out_ = true;
  if (phase_ == Phase::reading || phase_ == Phase::lingering) {
    socket_.cancel(ignored);
  } else if (web_socket_) {
    web_socket_->drop();
  } else {
    abort();
  }
}

std::stop_token Connection::stop() const {
  if (!stop_) {
    stop_.emplace();
    if (stopped_) stop_->request_stop();
  }
  return stop_->get_token();
}

void Connection::request_stop() {
  stopped_ = true;
  // A stopped token's callbacks may end the request; hold the source meanwhile.
  if (const auto source = stop_) source->request_stop();
}

void Connection::drain() {
  error_code ignored;
  if (web_socket_) {
    web_socket_->close(1001, "the server is stopping");
    expires_after(kClosing);
  } else if (streaming_) {
    request_stop();
  } else if (phase_ == Phase::reading && !(parser_ && parser_->started())) {
    socket_.cancel(ignored);
  }
}

void Connection::abort() {
  error_code ignored;
  gone_ = true;
  if (web_socket_) web_socket_->drop();
  socket_.close(ignored);
  request_stop();
}

void Connection::peer_left() {
  keep_ = false;
  // A peer that only closed its sending half still gets a plain answer; a stream has nobody to go on for.
  if (streaming_) gone_ = true;
  request_stop();
}

Task<Result<BodyWriter*>> Connection::stream(int status, HttpHeaders headers) {
  if (streaming_ || web_socket_) co_return make_error(Code::internal, "The request is answered already.");
  if (!are_safe(headers)) co_return make_error(Code::internal, "A header of the answer is not valid.");
  if (http_1_0_) keep_ = false;
  begin_head(status, headers);
  if (!http_1_0_) out_ += "Transfer-Encoding: chunked\r\n";
  out_ += "\r\n";
  streaming_ = true;
  if (!co_await send_all(out_, {})) co_return make_error(Code::unavailable, "The peer closed the connection.");
  out_ = {};
  if (core_.stopping) request_stop();
  co_return this;
}

Task<Status> Connection::write(std::string data) {
  if (gone_) co_return make_error(Code::unavailable, "The peer closed the connection.");
  if (data.empty() || head_only_) co_return Ok{};
  if (!http_1_0_) {
    const std::string size = fmt::format("{:x}\r\n", data.size());
    data.insert(0, size);
    data += "\r\n";
  }
  if (!co_await send_all(data, {})) co_return make_error(Code::unavailable, "The peer closed the connection.");
  co_return Ok{};
}

Task<Result<WebSocket*>> Connection::upgrade(HttpHeaders headers) {
  if (streaming_ || web_socket_) co_return make_error(Code::internal, "The request is answered already.");
  if (!request_.upgrade) {
    co_return make_error(Code::invalid_argument, "This is not a WebSocket handshake (RFC 6455, version 13).");
  }
  if (!are_safe(headers)) co_return make_error(Code::internal, "A header of the answer is not valid.");
  const WebSocketSession::Limits limits{.frame = core_.options.frame_limit, .queue = core_.options.send_queue_limit};
  web_socket_ = std::make_shared<WebSocketSession>(socket_, *core_.flusher, limits, std::exchange(early_, {}));
  if (auto accepted = web_socket_->accept(request_, headers); !accepted) {
    web_socket_.reset();
    co_return std::move(accepted).error();
  }
  core_.unwatch(*this);  // its read sees the peer leave
  out_ = {};
  if (core_.stopping) {
    drain();
  } else {
    expires_after(core_.options.websocket_idle);
  }
  co_return web_socket_.get();
}

}  // namespace librebird::net
