#include "admission.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

namespace librebird::hands {
namespace {

constexpr std::size_t kMaxUsersRemembered = 10'000;

Error full(std::string message, Millis retry_after) {
  Error error = make_error(Code::resource_exhausted, std::move(message));
  error.retry_after = retry_after;
  return error;
}

}  // namespace

Admission::Admission(Executor executor, const Clock& clock, AdmissionLimits limits)
    : clock_(clock), limits_(limits), freed_(executor) {}

Admission::Place::Place(Place&& other) noexcept
    : admission_(std::exchange(other.admission_, nullptr)), user_(std::move(other.user_)), running_(other.running_) {}

Admission::Place::~Place() {
  if (admission_ == nullptr) return;
  if (const auto user = admission_->users_.find(user_); user != admission_->users_.end()) --user->second.calls;
  if (running_) {
    --admission_->running_;
    admission_->freed_.notify_all();
  }
}

Status Admission::take_token(const std::string& name) {
  User& user = users_[name];
  const double burst = std::max(1.0, limits_.per_user_per_minute / 10);
  const SteadyTime now = clock_.steady_now();
  const double elapsed = std::chrono::duration<double>(now - user.filled).count();
  user.tokens =
      user.filled == SteadyTime{} ? burst : std::min(burst, user.tokens + elapsed * limits_.per_user_per_minute / 60);
  user.filled = now;
  if (user.tokens < 1) {
    const double seconds = (1 - user.tokens) * 60 / limits_.per_user_per_minute;
    return full("Too many tool calls in a short time; wait a moment.",
                Millis(static_cast<std::int64_t>(seconds * 1000) + 1));
  }
  user.tokens -= 1;
  return Ok{};
}

void Admission::forget_idle() {
  if (users_.size() < kMaxUsersRemembered) return;
  std::erase_if(users_, [](const auto& entry) { return entry.second.calls == 0; });
}

Task<Result<Admission::Place>> Admission::enter(std::string user, std::stop_token stop) {
  forget_idle();
  LB_CO_CHECK(take_token(user));
  if (users_[user].calls >= limits_.per_user) {
    co_return full("Too many of your tool calls run at once; wait for one to end.", Millis(500));
  }
  if (running_ >= limits_.running && waiting_ >= limits_.waiting) {
    co_return full("Too many tool calls wait on this machine; try again in a moment.", Millis(1000));
  }
  ++users_[user].calls;
  Place place(*this, std::move(user));
  while (running_ >= limits_.running) {
    ++waiting_;
    co_await freed_.wait(stop);
    --waiting_;
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool was stopped before it began.");
  }
  ++running_;
  place.running_ = true;
  co_return place;
}

}  // namespace librebird::hands
