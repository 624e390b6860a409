#include <librebird/base/async/sync.hpp>

#include <boost/asio/redirect_error.hpp>

#include <algorithm>

namespace librebird {
namespace {

// Waits for the timer; true if it ran out, false if somebody cancelled it.
Task<bool> expired(Timer& timer) {
  boost::system::error_code failure;
  co_await timer.async_wait(boost::asio::redirect_error(use_task, failure));
  co_return !failure;
}

}  // namespace

Task<bool> sleep_for(std::chrono::nanoseconds time, std::stop_token stop) {
  if (stop.stop_requested()) co_return false;
  const Executor executor = co_await boost::asio::this_coro::executor;
  Timer timer(executor, time);
  const auto cancel = [&timer] { timer.cancel(); };
  const std::stop_callback on_stop(stop, cancel);
  const bool whole = co_await expired(timer);
  co_return whole && !stop.stop_requested();
}

Signal::Signal(Executor executor) : executor_(executor) {}

void Signal::notify_all() {
  for (Waiter* waiter : waiters_) {
    waiter->notified = true;
    waiter->timer->cancel();
  }
  waiters_.clear();
}

Task<bool> Signal::wait(std::stop_token stop, std::optional<std::chrono::nanoseconds> limit) {
  if (stop.stop_requested()) co_return false;
  Timer timer(executor_);
  if (limit) {
    timer.expires_after(*limit);
  } else {
    timer.expires_at(std::chrono::steady_clock::time_point::max());
  }
  Waiter waiter{&timer};
  waiters_.push_back(&waiter);
  const auto cancel = [&timer] { timer.cancel(); };
  const std::stop_callback on_stop(stop, cancel);
  co_await expired(timer);
  if (!waiter.notified) std::erase(waiters_, &waiter);
  co_return waiter.notified;
}

}  // namespace librebird
