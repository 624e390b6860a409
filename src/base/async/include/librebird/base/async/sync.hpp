#pragma once

// Waiting for time, for a signal, for a value: the three ways a coroutine sleeps.
// Thread rule: loop only (Pool and Resume are the bridges from other threads).

#include <librebird/base/async/task.hpp>

#include <boost/asio/steady_timer.hpp>

#include <cassert>
#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <stop_token>

namespace librebird {

using Timer = boost::asio::basic_waitable_timer<std::chrono::steady_clock,
                                                boost::asio::wait_traits<std::chrono::steady_clock>, Executor>;

// True after the whole time, false when stopped before.
Task<bool> sleep_for(std::chrono::nanoseconds time, std::stop_token stop = {});

// Wakes every coroutine that waits. Not sticky: check your condition in a loop.
class Signal {
 public:
  explicit Signal(Executor executor);
  void notify_all();
  // True when notified, false when stopped or after `limit`.
  Task<bool> wait(std::stop_token stop = {}, std::optional<std::chrono::nanoseconds> limit = std::nullopt);
  // Coroutines waiting at this moment.
  [[nodiscard]] std::size_t waiting() const { return waiters_.size(); }

 private:
  struct Waiter {
    Timer* timer;
    bool notified = false;
  };
  Executor executor_;
  std::deque<Waiter*> waiters_;
};

// A bounded first-in first-out queue between coroutines. close() lets the reader drain and then see nullopt.
template <class T>
class Channel {
 public:
  Channel(Executor executor, std::size_t capacity) : capacity_(capacity), changed_(executor) {}

  // False when full or closed: the caller decides what a full queue means.
  [[nodiscard]] bool try_push(T value) {
    if (closed_ || items_.size() >= capacity_) return false;
    items_.push_back(std::move(value));
    changed_.notify_all();
    return true;
  }
  // Waits for room. False when closed or stopped.
  Task<bool> push(T value, std::stop_token stop = {}) {
    while (!closed_ && items_.size() >= capacity_) {
      if (!co_await changed_.wait(stop) && stop.stop_requested()) co_return false;
    }
    co_return try_push(std::move(value));
  }
  // The next item; nullopt when closed and drained, or stopped.
  Task<std::optional<T>> pop(std::stop_token stop = {}) {
    while (items_.empty()) {
      if (closed_ || stop.stop_requested()) co_return std::nullopt;
      co_await changed_.wait(stop);
    }
    std::optional<T> value(std::move(items_.front()));
    items_.pop_front();
    changed_.notify_all();
    co_return value;
  }
  void close() {
    closed_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] std::size_t size() const { return items_.size(); }
  [[nodiscard]] bool closed() const { return closed_; }

 private:
  std::size_t capacity_;
  std::deque<T> items_;
  bool closed_ = false;
  Signal changed_;
};

}  // namespace librebird
