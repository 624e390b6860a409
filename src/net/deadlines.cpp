#include "deadlines.hpp"

#include <algorithm>

namespace librebird::net {

using std::chrono::steady_clock;

Deadline::Deadline(Deadlines& owner) : owner_(owner.shared_from_this()), index_(owner.slots_.size()) {
  owner.slots_.push_back({SteadyTime::max(), this});
}

Deadline::~Deadline() {
  auto& slots = owner_->slots_;
  if (index_ + 1 != slots.size()) {
    slots[index_] = slots.back();
    slots[index_].deadline->index_ = index_;
  }
  slots.pop_back();
  if (slots.empty()) {
    owner_->timer_.cancel();
    owner_->next_ = SteadyTime::max();
  }
}

void Deadline::expires_after(Millis time) {
  const SteadyTime at = steady_clock::now() + time;
  owner_->slots_[index_].at = at;
  owner_->arm(at);
}

void Deadline::disarm() { owner_->slots_[index_].at = SteadyTime::max(); }

void Deadlines::arm(SteadyTime at) {
  at = std::min(at, steady_clock::now() + kCoarse);
  if (stopped_ || at >= next_) return;
  next_ = at;
  timer_.expires_at(at);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& failure) {
    // A cancelled wait was replaced by a nearer one, or there is nothing left to wait for.
    if (!failure) self->scan();
  });
}

void Deadlines::scan() {
  const SteadyTime now = steady_clock::now();
  next_ = SteadyTime::max();
  SteadyTime nearest = SteadyTime::max();
  // expired() may move slots about; whatever this pass misses is due and found by the next.
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    if (slots_[i].at <= now) {
      slots_[i].at = SteadyTime::max();
      slots_[i].deadline->expired();
    }
    if (i < slots_.size()) nearest = std::min(nearest, slots_[i].at);
  }
  for (const Slot& slot : slots_) nearest = std::min(nearest, slot.at);
  if (nearest != SteadyTime::max()) arm(nearest);
}

}  // namespace librebird::net
