#include "exchange.hpp"

#include "ascii.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace librebird::egress {
namespace {

// Up to here a body is read before the request leaves: it can be sent with its length, and on a used connection.
constexpr std::size_t kWhole = 256 * 1024;
constexpr std::size_t kLongestChallenge = 2000;
constexpr std::size_t kDrained = 256 * 1024;
constexpr Millis kDrainTime{1'000};

bool has_body(const RequestHead& head, int status) { return head.method != "HEAD" && status != 204 && status != 304; }

std::string to_text(const HttpHeaders& headers) {
  std::string text;
  for (const auto& [name, value] : headers) text += fmt::format("{}: {}\r\n", name, value);
  return text;
}

}  // namespace

void Exchange::note(const RequestHead& head, const Target& target, const Status& outcome) {
  EgressEvent event{head.method, target.host, target.port, target.path, status_,
                    up_,         down_,       {},          remark_,     std::move(challenge_)};
  if (!outcome) {
    event.decision = decision_of(outcome.error());
    event.reason = outcome.error().message;
  } else {
    event.decision = remark_.empty() ? EgressDecision::allowed : EgressDecision::flagged;
  }
  binding_->note(std::move(event));
}

void Exchange::keep_challenge(const HttpHeaders& headers) {
  challenge_.clear();
  if (status_ != 401 && status_ != 403) return;
  const auto challenge = find_header(headers, "WWW-Authenticate");
  if (challenge && challenge->size() <= kLongestChallenge) challenge_ = *challenge;
}

void Exchange::flag(const std::optional<TrafficFinding>& found) {
  if (found) remark_ = "the answer holds what looks like a secret: " + found->name;
}

Task<bool> Exchange::drain(BodyReader& reader) {
  // A program that is still sending would take the closed connection for the answer.
  std::size_t left = kDrained;
  const SteadyTime until = std::chrono::steady_clock::now() + kDrainTime;
  while (!reader.done() && left > 0 && std::chrono::steady_clock::now() < until) {
    auto piece = co_await reader.next();
    if (!piece) co_return false;
    if (!*piece) break;
    left -= std::min(left, (*piece)->size());
  }
  co_return reader.done();
}

Task<bool> Exchange::refuse(const RequestHead& head, const Target& target, Error error) {
  note(head, target, error);
  FenceLimits limits = binding_->limits();
  limits.idle_timeout = kDrainTime;
  RequestHead unasked = head;
  unasked.expects_continue = false;
  BodyReader reader(wire_, received_, unasked, limits);
  // Who waits for "100 Continue" sends nothing after a refusal.
  const bool keep = head.keep_alive && reader.done();
  if (!co_await wire_.write(refusal_text(error, keep, head.method != "HEAD"), limits.idle_timeout)) co_return false;
  if (!keep && !head.expects_continue) {
    wire_.end_sending();
    (void)co_await drain(reader);
  }
  co_return keep;
}

Task<bool> Exchange::pass(RequestHead head, Target target) {
  if (auto admitted = co_await binding_->admit(stop_); !admitted) {
    co_return co_await refuse(head, target, std::move(admitted).error());
  }
  if (head.wants_upgrade) {
    co_return co_await refuse(head, target,
                              make_error(Code::failed_precondition,
                                         "WebSockets and other upgrades do not pass the fence; a host marked tunnel: "
                                         "can be spoken with in any protocol."));
  }
  auto request = make_outgoing(*binding_, target, head.method, std::move(head.headers));
  if (!request) co_return co_await refuse(head, target, std::move(request).error());
  BodyReader reader(wire_, received_, head, binding_->limits());
  auto upload = std::make_shared<Upload>(reader, binding_, target, writing_of(request->headers));
  std::unique_ptr<HttpResponse> answer;
  Status outcome = Ok{};
  std::string whole;
  bool ended = head.body == RequestHead::Body::none;
  while (outcome && !ended && whole.size() < kWhole) {
    auto piece = co_await upload->next(stop_);
    if (!piece) {
      outcome = std::move(piece).error();
      break;
    }
    if (!*piece) break;
    whole += **piece;
  }
  ended = ended || reader.done();
  if (outcome) {
    if (whole.size() < kWhole) {
      request->body = std::move(whole);
      // A body of no length is one all the same to those who wait for it.
    } else {
      upload->put_back(std::move(whole));
      if (head.body == RequestHead::Body::length && !upload->changes_length()) request->stream_length = head.length;
      request->stream = upload;
    }
    auto sent = co_await http_.send(std::move(*request), stop_);
    if (sent) {
      answer = std::move(sent).value();
    } else {
      outcome = std::move(sent).error();
    }
  }
  up_ = upload->sent();
  if (outcome) outcome = check_answer(*binding_, target, *answer);
  if (outcome) {
    status_ = answer->status();
    head.keep_alive = head.keep_alive && reader.done();
    outcome = co_await relay(head, *answer, incoming_headers(*binding_, answer->headers()),
                             std::numeric_limits<std::uint64_t>::max());
  }
  note(head, target, outcome);
  if (outcome) co_return head.keep_alive&& framed_;
  // In the middle of an answer there is nothing to say but that it broke.
  if (answered_) co_return false;
  const bool keep = head.keep_alive && reader.done();
  if (!co_await wire_.write(refusal_text(outcome.error(), keep, head.method != "HEAD"), kDrainTime)) co_return false;
  if (!keep && !upload->refused()) {
    wire_.end_sending();
    (void)co_await drain(reader);
  }
  co_return keep;
}

Task<Status> Exchange::relay(const RequestHead& head, HttpResponse& answer, HttpHeaders headers, std::uint64_t most) {
  keep_challenge(headers);
  const auto length = find_header(answer.headers(), "Content-Length");
  const bool body = has_body(head, answer.status());
  std::string framing;
  bool chunked = false;
  // Taking secrets out changes lengths.
  if (length && (!body || binding_->secrets().empty())) {
    framing = fmt::format("Content-Length: {}\r\n", *length);
  } else if (body && !head.http_1_0) {
    framing = "Transfer-Encoding: chunked\r\n";
    chunked = true;
  } else if (body) {
    framed_ = false;
  }
  auto scan = binding_->scan(Direction::in);
  if (scan && find_header(answer.headers(), "Content-Encoding")) remark_ = "compressed: not looked into";
  if (!head.keep_alive || !framed_) {
    framing += "Connection: close\r\n";
  } else if (head.http_1_0) {
    framing += "Connection: keep-alive\r\n";
  }
  const std::string fields = to_text(headers);
  flag(binding_->find(Direction::in, fields));
  answered_ = true;
  std::string out = fmt::format("HTTP/1.1 {} Answer\r\n{}{}\r\n", answer.status(), fields, framing);
  // A body of known length follows at once and may share the head's packet; others may keep a program waiting.
  if (!body || chunked || !framed_) {
    LB_CO_CHECK(co_await wire_.write(std::exchange(out, {}), binding_->limits().idle_timeout));
  }
  if (!body) co_return Ok{};
  Replacer redactor = binding_->secrets().redactor();
  for (bool more = true; more;) {
    LB_CO_TRY(piece, co_await answer.read(stop_));
    more = piece.has_value();
    if (piece) {
      LB_CO_CHECK(binding_->count_down(piece->size()));
      down_ += piece->size();
      if (down_ > most) co_return make_error(Code::too_large, fmt::format("The answer is over {} bytes.", most));
    }
    if (scan) flag(piece ? scan->feed(*piece) : scan->finish());
    std::string text = piece ? redactor.feed(*piece) : redactor.finish();
    if (chunked && !text.empty()) text = fmt::format("{:x}\r\n{}\r\n", text.size(), text);
    if (chunked && !more) text += "0\r\n\r\n";
    out += text;
    LB_CO_CHECK(co_await wire_.write(std::exchange(out, {}), binding_->limits().idle_timeout));
  }
  co_return Ok{};
}

}  // namespace librebird::egress
