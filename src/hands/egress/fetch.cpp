// Requests that the fence fetches whole, following redirects: our own kits name https:// addresses and leave the rest
// to it.

#include "ascii.hpp"
#include "exchange.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <fmt/format.h>

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

Task<Result<Exchange::Fetched>> Exchange::follow(RequestHead& head, Target& target, std::string body) {
  for (int hops = 0;; ++hops) {
    LB_CO_CHECK(co_await binding_->admit(stop_));
    LB_CO_TRY(answer, co_await hop(head, target, body));
    status_ = answer->status();
    const auto location = find_header(answer->headers(), "Location");
    if (!is_redirect(status_) || !location) {
      Fetched fetched{status_, incoming_headers(*binding_, answer->headers()), {}};
      // Cookies are for programs that keep them.
      drop_field(fetched.headers, "Set-Cookie");
      LB_CO_TRY(text, co_await read_all(*answer, binding_->limits().response_bytes, stop_));
      LB_CO_CHECK(binding_->count_down(text.size()));
      down_ += text.size();
      flag(binding_->find(Direction::in, text));
      fetched.body = binding_->secrets().redactor().all(text);
      co_return fetched;
    }
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
    if (!piece) read = std::move(piece).error();
    if (!read || !*piece) break;
    body += **piece;
  }
  const bool head_only = head.method == "HEAD";
  auto fetched = read ? co_await follow(head, target, std::move(body)) : Result<Fetched>(read.error());
  note(head, target, fetched ? Status(Ok{}) : Status(fetched.error()));
  const bool keep = head.keep_alive && reader.done();
  if (!fetched) {
    const bool written(co_await wire_.write(refusal_text(fetched.error(), keep, !head_only), limits.idle_timeout));
    co_return written&& keep;
  }
  std::string text = fmt::format("HTTP/1.1 {} Answer\r\nContent-Length: {}\r\n", fetched->status, fetched->body.size());
  for (const auto& [name, value] : fetched->headers) text += fmt::format("{}: {}\r\n", name, value);
  text += keep ? "\r\n" : "Connection: close\r\n\r\n";
  if (!head_only) text += fetched->body;
  const bool written(co_await wire_.write(text, limits.idle_timeout));
  co_return written&& keep;
}

}  // namespace librebird::egress
