#include "session.hpp"

#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace librebird::egress {
namespace {

struct Answer {
  int status = 200;
  HttpHeaders headers;
  std::string body;
};

Answer refusal(int status, const Error& error) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, error.message};
}

bool same(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, [](char x, char y) {
    const auto low = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return low(x) == low(y);
  });
}

// Hop-by-hop fields (RFC 9110, section 7.6.1) and those the client sets itself.
bool passes(std::string_view name) {
  constexpr std::array<std::string_view, 12> kDropped = {"connection",
                                                         "proxy-connection",
                                                         "keep-alive",
                                                         "te",
                                                         "trailer",
                                                         "transfer-encoding",
                                                         "upgrade",
                                                         "host",
                                                         "content-length",
                                                         "proxy-authorization",
                                                         "proxy-authenticate",
                                                         "expect"};
  return std::ranges::none_of(kDropped, [name](std::string_view dropped) { return same(name, dropped); });
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

Error bad_request(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

// The head up to and including the empty line (RFC 9112, sections 3 and 5).
Result<HttpRequest> parse_head(std::string_view head) {
  HttpRequest request;
  const std::size_t line_end = head.find("\r\n");
  const std::string_view line = head.substr(0, line_end);
  const std::size_t first = line.find(' ');
  const std::size_t second = line.find(' ', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos || line.substr(second + 1) != "HTTP/1.1") {
    return bad_request("The request line must be: METHOD https://host/path HTTP/1.1.");
  }
  request.method = line.substr(0, first);
  request.url = line.substr(first + 1, second - first - 1);
  std::string_view rest = head.substr(line_end + 2);
  while (!rest.starts_with("\r\n")) {
    const std::size_t end = rest.find("\r\n");
    const std::string_view field = rest.substr(0, end);
    const std::size_t colon = field.find(':');
    if (colon == std::string_view::npos || !is_token(field.substr(0, colon)))
      return bad_request("A header line is malformed.");
    std::string_view value = field.substr(colon + 1);
    while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
    while (value.ends_with(' ') || value.ends_with('\t')) value.remove_suffix(1);
    if (std::ranges::any_of(value,
                            [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; })) {
      return bad_request("A header value holds control characters.");
    }
    request.headers.emplace_back(field.substr(0, colon), value);
    rest.remove_prefix(end + 2);
  }
  if (find_header(request.headers, "Transfer-Encoding")) return bad_request("Send the body with Content-Length.");
  return request;
}

Result<std::size_t> body_length(const HttpRequest& request, std::size_t limit) {
  const auto value = find_header(request.headers, "Content-Length");
  if (!value) return std::size_t{0};
  std::size_t length = 0;
  const auto [end, error] = std::from_chars(value->data(), value->data() + value->size(), length);
  if (error != std::errc{} || end != value->data() + value->size()) return bad_request("Content-Length is no number.");
  if (length > limit) return make_error(Code::too_large, fmt::format("The request's body is over {} bytes.", limit));
  return length;
}

std::string host_of(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) return "?";
  const auto host = parsed->encoded_host();
  return {host.data(), host.size()};
}

void log_decision(CallState& state, const HttpRequest& request, std::string_view what) {
  if (state.decisions.size() > 2000) return;
  // The host only: a path or query may hold what the user said.
  state.decisions += fmt::format("{}egress {} {}: {}", state.decisions.empty() ? "" : "; ",
                                 request.method.substr(0, 10), host_of(request.url).substr(0, 100), what);
}

Result<std::string> redirect_target(const std::string& base, std::string_view location) {
  const auto from = boost::urls::parse_uri(base);
  const auto to = boost::urls::parse_uri_reference({location.data(), location.size()});
  boost::urls::url target;
  if (!from || !to || !boost::urls::resolve(*from, *to, target))
    return bad_request("The server redirected to a malformed address.");
  target.remove_fragment();
  return std::string(target.buffer().data(), target.buffer().size());
}

Task<Result<Answer>> fetch(CallState& state, HttpRequest request, std::stop_token stop) {
  std::erase_if(request.headers, [](const auto& header) { return !passes(header.first); });
  request.reach = Reach::public_only;
  request.total_timeout = state.limits.total_timeout;
  request.idle_timeout = state.limits.total_timeout;
  for (int hop = 0;; ++hop) {
    if (auto allowed = may_fetch(state.hosts, request.method, request.url); !allowed) {
      log_decision(state, request, "denied");
      co_return std::move(allowed).error();
    }
    auto sent = co_await state.http.send(request, stop);
    if (!sent) {
      log_decision(state, request, to_string(sent.error().code));
      co_return std::move(sent).error();
    }
    const int status = (*sent)->status();
    log_decision(state, request, fmt::to_string(status));
    const auto location = find_header((*sent)->headers(), "Location");
    const bool redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    if (redirect && location) {
      if (hop == state.limits.redirects)
        co_return make_error(Code::failed_precondition, "The server redirects too often.");
      LB_CO_TRY(target, redirect_target(request.url, *location));
      // Credentials are for the host they were meant for.
      if (host_of(target) != host_of(request.url)) {
        std::erase_if(request.headers, [](const auto& header) {
          return same(header.first, "authorization") || same(header.first, "cookie");
        });
      }
      request.url = std::move(target);
      if (status < 307 && request.method != "HEAD") {
        request.method = "GET";
        request.body.clear();
      }
      continue;
    }
    Answer answer{status, {}, {}};
    for (const auto& [name, value] : (*sent)->headers()) {
      if (passes(name) && !same(name, "set-cookie")) answer.headers.emplace_back(name, value);
    }
    LB_CO_TRY(body, co_await read_all(**sent, state.limits.response_bytes, stop));
    answer.body = std::move(body);
    co_return answer;
  }
}

Answer answer_of(const Error& error) {
  switch (error.code) {
    case Code::invalid_argument: return refusal(400, error);
    case Code::permission_denied: return refusal(403, error);
    case Code::too_large: return refusal(413, error);
    case Code::resource_exhausted: return refusal(429, error);
    case Code::deadline_exceeded: return refusal(504, error);
    default: return refusal(502, error);
  }
}

std::string to_text(const Answer& answer, bool with_body) {
  std::string text = fmt::format("HTTP/1.1 {} Answer\r\nContent-Length: {}\r\n", answer.status, answer.body.size());
  for (const auto& [name, value] : answer.headers) text += fmt::format("{}: {}\r\n", name, value);
  text += "\r\n";
  if (with_body) text += answer.body;
  return text;
}

class Session {
 public:
  Session(Socket& socket, CallState& state, std::stop_token stop)
      : socket_(socket),
        state_(state),
        stop_(std::move(stop)),
        buffer_(boost::asio::dynamic_buffer(received_, state.limits.head_bytes)) {}

  // One request and its answer; false when the connection ends.
  Task<bool> exchange() {
    boost::system::error_code error;
    const std::size_t head_size = co_await boost::asio::async_read_until(socket_, buffer_, "\r\n\r\n",
                                                                         boost::asio::redirect_error(use_task, error));
    if (error) co_return false;
    const std::string head = received_.substr(0, head_size);
    received_.erase(0, head_size);
    auto request = parse_head(head);
    if (!request) co_return co_await refuse(request.error());
    auto length = body_length(*request, state_.limits.body_bytes);
    if (!length) co_return co_await refuse(length.error());
    if (++state_.requests > state_.limits.requests) {
      co_return co_await refuse(make_error(Code::resource_exhausted, "This call has made too many requests."));
    }
    request->body = received_.substr(0, std::min(*length, received_.size()));
    received_.erase(0, request->body.size());
    if (request->body.size() < *length) {
      const std::size_t have = request->body.size();
      request->body.resize(*length);
      co_await boost::asio::async_read(socket_, boost::asio::buffer(request->body.data() + have, *length - have),
                                       boost::asio::redirect_error(use_task, error));
      if (error) co_return false;
    }
    const bool with_body = request->method != "HEAD";
    auto answer = co_await fetch(state_, std::move(*request), stop_);
    co_return co_await send(to_text(answer ? *answer : answer_of(answer.error()), with_body));
  }

 private:
  Task<bool> refuse(Error error) {
    // The rest of a malformed request cannot be told from the next one: answer and end.
    co_await send(to_text(answer_of(error), true));
    co_return false;
  }

  Task<bool> send(std::string text) {
    boost::system::error_code error;
    co_await boost::asio::async_write(socket_, boost::asio::buffer(text), boost::asio::redirect_error(use_task, error));
    co_return !error;
  }

  Socket& socket_;
  CallState& state_;
  std::stop_token stop_;
  std::string received_;
  boost::asio::dynamic_string_buffer<char, std::char_traits<char>, std::allocator<char>> buffer_;
};

}  // namespace

Task<void> serve(Socket socket, CallState& state, std::stop_token stop) {
  state.sockets.insert(&socket);
  Session session(socket, state, stop);
  while (!stop.stop_requested() && co_await session.exchange()) {
  }
  state.sockets.erase(&socket);
}

}  // namespace librebird::egress
