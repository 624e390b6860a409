#include "server_call.hpp"

namespace librebird::rpc {
namespace {

using namespace std::chrono_literals;

// How long a client may take to read what is queued when its call has ended.
constexpr auto kDrainTime = 30s;

}  // namespace

std::shared_ptr<ServerCall> ServerCall::create(Loop& loop, std::shared_ptr<Gate> gate, const RpcOptions& options,
                                               grpc::GenericCallbackServerContext* context) {
  auto call = std::make_shared<ServerCall>(loop, std::move(gate), options, context);
  call->self_ = call;
  call->started_.fetch_add(1, std::memory_order_release);
  return call;
}

ServerCall::ServerCall(Loop& loop, std::shared_ptr<Gate> gate, const RpcOptions& options,
                       grpc::GenericCallbackServerContext* context)
    : loop_(loop),
      gate_(std::move(gate)),
      context_(context),
      max_message_(options.max_message_bytes),
      outbox_(options.max_queued_bytes),
      changed_(loop.executor()) {}

Task<std::optional<std::string>> ServerCall::receive() {
  if (reads_over_ || lost_) co_return std::nullopt;
  started_.fetch_add(1, std::memory_order_release);
  StartRead(&incoming_);
  auto park = [this](Resume<bool> resume) { waiting_.emplace(std::move(resume)); };
  const bool message = co_await suspend<bool>(park);
  if (!message) co_return std::nullopt;
  std::string text = from_buffer(incoming_);
  incoming_.Clear();
  co_return text;
}

bool ServerCall::send(std::string message) {
  if (lost_) return false;
  return queued(outbox_.push(std::move(message)));
}

bool ServerCall::send_text(std::string_view text) {
  if (lost_) return false;
  if (text.empty()) return true;
  return queued(outbox_.push_text(text));
}

bool ServerCall::queued(bool fits) {
  if (fits) {
    pump();
    return true;
  }
  // The reader is too slow: waiting for it would need memory without bound.
  context_->TryCancel();
  lose();
  return false;
}

void ServerCall::lose() {
  if (std::exchange(lost_, true)) return;
  outbox_.clear();
  changed_.notify_all();
  request_stop_later();
}

void ServerCall::request_stop_later() {
  loop_.post([self = shared_from_this()] { self->stop_.request_stop(); });
}

void ServerCall::pump() {
  if (writing_ || lost_ || finished_) return;
  auto next = outbox_.next();
  if (!next) return;
  outgoing_ = to_buffer(*next);
  writing_ = true;
  started_.fetch_add(1, std::memory_order_release);
  StartWrite(&outgoing_);
}

Task<void> ServerCall::finish(grpc::Status status) {
  const auto deadline = std::chrono::steady_clock::now() + kDrainTime;
  while (writing_ || !outbox_.empty()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= 0s && !lost_) {
      context_->TryCancel();
      lose();
    }
    // A cancelled write ends at once, so only the first wait needs the limit.
    co_await changed_.wait({}, lost_ ? std::optional<std::chrono::nanoseconds>() : left);
  }
  finished_ = true;
  started_.fetch_add(1, std::memory_order_release);
  Finish(std::move(status));
}

void ServerCall::read_done(bool ok) {
  if (!ok) reads_over_ = true;
  if (!waiting_) return;
  Resume<bool> resume = std::move(*waiting_);
  waiting_.reset();
  resume(ok);
}

void ServerCall::OnReadDone(bool ok) {
  (void)started_.load(std::memory_order_acquire);
  loop_.post([self = self_, ok] { self->read_done(ok); });
}

void ServerCall::OnWriteDone(bool ok) {
  (void)started_.load(std::memory_order_acquire);
  loop_.post([self = self_, ok] {
    self->writing_ = false;
    if (ok) {
      self->pump();
    } else {
      self->lose();
    }
    self->changed_.notify_all();
  });
}

void ServerCall::OnCancel() {
  (void)started_.load(std::memory_order_acquire);
  loop_.post([self = self_] { self->lose(); });
}

void ServerCall::OnDone() {
  (void)started_.load(std::memory_order_acquire);
  const std::shared_ptr<Gate> gate = gate_;
  loop_.post([self = std::move(self_)] {});  // dies on the loop, where its state belongs
  gate->leave();
}

}  // namespace librebird::rpc
