#include "client_call.hpp"

namespace librebird::rpc {

void ClientCall::start(grpc::GenericStub& stub, const std::string& method) {
  self_ = shared_from_this();
  held_ = true;
  stub.PrepareBidiStreamingCall(&context_, method, {}, this);
  AddHold();
  started_.fetch_add(1, std::memory_order_release);
  StartCall();
}

bool ClientCall::send(std::string message) {
  if (!held_) return true;
  const bool fits = outbox_.push(std::move(message));
  pump();
  return fits;
}

void ClientCall::send_done() {
  done_requested_ = true;
  pump();
}

void ClientCall::pump() {
  if (!held_ || writing_ || half_closed_) return;
  if (auto next = outbox_.next()) {
    outgoing_ = to_buffer(*next);
    writing_ = true;
    started_.fetch_add(1, std::memory_order_release);
    StartWrite(&outgoing_);
  } else if (done_requested_) {
    half_closed_ = true;
    started_.fetch_add(1, std::memory_order_release);
    StartWritesDone();
  }
}

Task<std::optional<std::string>> ClientCall::receive() {
  if (ended_) co_return std::nullopt;
  if (!reads_over_) {
    if (!held_) co_return std::nullopt;  // abandoned
    started_.fetch_add(1, std::memory_order_release);
    StartRead(&incoming_);
  }
  auto park = [this](Resume<bool> resume) { waiting_.emplace(std::move(resume)); };
  const bool message = co_await suspend<bool>(park);
  if (!message) co_return std::nullopt;
  std::string text = from_buffer(incoming_);
  incoming_.Clear();
  co_return text;
}

void ClientCall::wake(bool message) {
  if (!waiting_) return;
  Resume<bool> resume = std::move(*waiting_);
  waiting_.reset();
  resume(message);
}

void ClientCall::release_hold() {
  if (!std::exchange(held_, false)) return;
  outbox_.clear();
  RemoveHold();
}

void ClientCall::abandon() {
  if (ended_ || !held_) return;
  context_.TryCancel();
  release_hold();
}

void ClientCall::read_done(bool ok) {
  if (ok) {
    wake(true);
    return;
  }
  reads_over_ = true;
  release_hold();  // OnDone follows and wakes the reader
}

void ClientCall::OnReadDone(bool ok) {
  (void)started_.load(std::memory_order_acquire);
  loop_.post([self = self_, ok] { self->read_done(ok); });
}

void ClientCall::OnWriteDone(bool ok) {
  (void)started_.load(std::memory_order_acquire);
  loop_.post([self = self_, ok] {
    self->writing_ = false;
    if (ok) self->pump();  // a failed write means that the call is over; the read says so too
  });
}

void ClientCall::OnDone(const grpc::Status& status) {
  (void)started_.load(std::memory_order_acquire);
  const std::shared_ptr<Gate> gate = gate_;  // `this` may be gone as soon as the loop has the last reference
  loop_.post([self = std::move(self_), status] {
    self->ended_ = true;
    self->held_ = false;
    self->status_ = status;
    self->wake(false);
  });
  gate->leave();
}

}  // namespace librebird::rpc
