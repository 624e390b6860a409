#include "upload.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace librebird::egress {
namespace {

// Longer than the longest token a scanner knows the looks of.
constexpr std::size_t kHeldForScan = 8 * 1024;

Status verdict(const std::optional<TrafficFinding>& found) {
  if (!found) return Ok{};
  return make_error(
      Code::permission_denied,
      fmt::format("The request's body holds what looks like a secret ({}), so it was not sent.", found->name));
}

}  // namespace

BodyReader::BodyReader(Wire& wire, std::string& received, const RequestHead& head, const FenceLimits& limits)
    : wire_(wire),
      received_(received),
      decoder_(head.body, head.length),
      say_continue_(head.expects_continue),
      limit_(limits.body_bytes),
      idle_(limits.idle_timeout) {}

Task<Result<std::optional<std::string>>> BodyReader::next() {
  std::string piece;
  while (piece.empty() && !decoder_.done()) {
    if (received_.empty()) {
      if (std::exchange(say_continue_, false))
        LB_CO_CHECK(co_await wire_.write("HTTP/1.1 100 Continue\r\n\r\n", idle_));
      LB_CO_TRY(more, co_await wire_.read(received_, idle_));
      if (!more) co_return make_error(Code::unavailable, "The program ended its request in the middle.");
    }
    std::string_view bytes = received_;
    auto fed = decoder_.feed(bytes, piece);
    received_.erase(0, received_.size() - bytes.size());
    if (!fed) co_return std::move(fed).error();
  }
  read_ += piece.size();
  if (read_ > limit_) {
    co_return make_error(Code::too_large, fmt::format("The request's body is over {} bytes.", limit_));
  }
  if (piece.empty()) co_return std::nullopt;
  co_return piece;
}

Upload::Upload(BodyReader& reader, std::shared_ptr<Binding> binding, Target target, Writing writing)
    : reader_(reader),
      binding_(std::move(binding)),
      target_(std::move(target)),
      replacer_(binding_->secrets().into_body(target_, writing)),
      scan_(binding_->scan(Direction::out)) {}

Status Upload::look(const std::optional<std::string>& next) {
  if (!next) return scan_ ? verdict(scan_->finish()) : Status(Ok{});
  const std::string& piece = *next;
  LB_CHECK(binding_->count_up(piece.size()));
  if (!binding_->secrets().empty()) {
    tail_ += piece;
    if (auto wrong = binding_->secrets().forbidden(target_, tail_)) return std::move(*wrong);
    const std::size_t keep = binding_->secrets().longest_placeholder();
    if (tail_.size() > keep) tail_.erase(0, tail_.size() - keep);
  }
  return scan_ ? verdict(scan_->feed(piece)) : Status(Ok{});
}

Task<Result<std::optional<std::string>>> Upload::next(std::stop_token /*stop*/) {
  if (!front_.empty()) co_return std::exchange(front_, {});
  std::string out;
  while (out.empty() && !ended_) {
    auto piece = co_await reader_.next();
    auto seen = !piece ? Status(piece.error()) : look(*piece);
    if (!seen) {
      refused_ = seen.error();
      co_return std::move(seen).error();
    }
    ended_ = !*piece;
    if (*piece) held_ += **piece;
    const std::size_t keep = scan_ && !ended_ ? std::min(held_.size(), kHeldForScan) : 0;
    out = replacer_.feed(std::string_view(held_).substr(0, held_.size() - keep));
    held_.erase(0, held_.size() - keep);
    if (ended_) out += replacer_.finish();
  }
  sent_ += out.size();
  if (out.empty()) co_return std::nullopt;
  co_return out;
}

}  // namespace librebird::egress
