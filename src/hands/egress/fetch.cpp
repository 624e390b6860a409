// Requests whose redirects the fence follows: our own kits name https:// addresses and leave the rest to it.

#include "ascii.hpp"
#include "exchange.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <fmt/format.h>

#include <charconv>

namespace librebird::egress {
namespace {

constexpr std::size_t kMaxRequestBody = 256 * 1024;

Result<Target> redirect_target(const Target& base, std::string_view location) {
  const std::string from_text = base.url();
  const auto from = boost::urls::parse_uri(from_text);
  const auto to = boost::urls::parse_uri_reference({location.data(), location.size()});
  boost::urls::url target;
  if (!from || !to || !boost::urls::resolve(*from, *to, target)) {
    return make_error(Code::invalid_argument, "The server redirected to a malformed address.");
  }
  target.remove_fragment();
  return parse_target({target.buffer().data(), target.buffer().size()});
}

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

// Said before the first byte, where it can be known.
Status check_length(const HttpResponse& answer, std::string_view method, std::uint64_t most) {
  const auto told = find_header(answer.headers(), "Content-Length");
  std::uint64_t length = 0;
  if (!told || method == "HEAD") return Ok{};
  const auto [end, error] = std::from_chars(told->data(), told->data() + told->size(), length);
  const bool fits = error == std::errc{} && end == told->data() + told->size() && length <= most;
  return fits ? Status(Ok{}) : make_error(Code::too_large, fmt::format("The answer is over {} bytes.", most));
}

}  // namespace

Task<Result<std::unique_ptr<HttpResponse>>> Exchange::hop(const RequestHead& head, const Target& target,
                                                          std::string body) {
  LB_CO_TRY(request, make_outgoing(*binding_, target, head.method, head.headers));
  if (auto wrong = binding_->secrets().forbidden(target, body)) co_return std::move(*wrong);
  if (const auto found = binding_->find(Direction::out, body)) {
    co_return make_error(
        Code::permission_denied,
        fmt::format("The request's body holds what looks like a secret ({}), so it was not sent.", found->name));
  }
  request.body = binding_->secrets().into_body(target, writing_of(head.headers)).all(body);
  LB_CO_CHECK(binding_->count_up(request.body.size()));
  up_ += request.body.size();
  LB_CO_TRY(answer, co_await http_.send(std::move(request), stop_));
  LB_CO_CHECK(check_answer(*binding_, target, *answer));
  co_return std::move(answer);
}

Task<Result<std::unique_ptr<HttpResponse>>> Exchange::follow(RequestHead& head, Target& target, std::string body) {
  for (int hops = 0;; ++hops) {
    LB_CO_CHECK(co_await binding_->admit(stop_));
    LB_CO_TRY(answer, co_await hop(head, target, body));
    status_ = answer->status();
    const auto location = find_header(answer->headers(), "Location");
    if (!is_redirect(status_) || !location) co_return std::move(answer);
    if (hops == binding_->limits().redirects) {
      co_return make_error(Code::unavailable, "The server redirects too often.");
    }
    LB_CO_TRY(next, redirect_target(target, *location));
    note(head, target, Ok{});
    if (!next.same_origin(target)) {
      // Credentials are for the host they were meant for.
      drop_field(head.headers, "Authorization");
      drop_field(head.headers, "Cookie");
    }
    if (status_ < 307 && head.method != "HEAD") {
      head.method = "GET";
      body.clear();
    }
    target = std::move(next);
    status_ = 0;
    up_ = 0;
  }
}

Task<bool> Exchange::fetch(RequestHead head, Target target) {
  FenceLimits limits = binding_->limits();
  limits.body_bytes = std::min<std::uint64_t>(limits.body_bytes, kMaxRequestBody);
  if (head.body == RequestHead::Body::length && head.length > limits.body_bytes) {
    co_return co_await refuse(
        head, target,
        make_error(Code::too_large, fmt::format("The request's body is over {} bytes.", limits.body_bytes)));
  }
  BodyReader reader(wire_, received_, head, limits);
  std::string body;
  Status read = Ok{};
  while (read) {
    auto piece = co_await reader.next();
    if (!piece) {
      read = std::move(piece).error();
      break;
    }
    if (!*piece) break;
    body += **piece;
  }
  const std::uint64_t most = binding_->limits().response_bytes;
  std::unique_ptr<HttpResponse> answer;
  Status outcome = read;
  if (outcome) {
    auto followed = co_await follow(head, target, std::move(body));
    if (followed) {
      answer = std::move(followed).value();
    } else {
      outcome = std::move(followed).error();
    }
  }
  if (outcome) outcome = check_length(*answer, head.method, most);
  head.keep_alive = head.keep_alive && reader.done();
  if (outcome) {
    HttpHeaders headers = incoming_headers(*binding_, answer->headers());
    // Cookies are for programs that keep them.
    drop_field(headers, "Set-Cookie");
    outcome = co_await relay(head, *answer, std::move(headers), most);
  }
  note(head, target, outcome);
  if (outcome) co_return head.keep_alive&& framed_;
  // In the middle of an answer there is nothing to say but that it broke.
  if (answered_) co_return false;
  const bool written(
      co_await wire_.write(refusal_text(outcome.error(), head.keep_alive, head.method != "HEAD"), limits.idle_timeout));
  co_return written&& head.keep_alive;
}

}  // namespace librebird::egress
