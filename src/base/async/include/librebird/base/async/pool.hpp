#pragma once

// A named pool of threads for blocking work (files, hashing, name look-ups). Results come back on the loop.
// Thread rule: run() is called on the loop; the function runs on a pool thread and must not touch loop state.
// The queue is bounded: over the bound run() answers nullopt at once and the caller says resource_exhausted.

#include <librebird/base/async/task.hpp>

#include <boost/asio/thread_pool.hpp>

#include <atomic>
#include <optional>
#include <string>

namespace librebird {

class Pool {
 public:
  Pool(std::string name, std::size_t threads, std::size_t queue_limit = 1024)
      : name_(std::move(name)), limit_(queue_limit), threads_(threads) {}
  // Waits for running work; queued work is dropped only after the loop has stopped.
  ~Pool() { threads_.join(); }

  template <class F>
  Task<std::optional<std::invoke_result_t<F>>> run(F work) {
    using R = std::invoke_result_t<F>;
    if (pending_.load() >= limit_) co_return std::nullopt;
    ++pending_;
    auto start = [this, &work](Resume<std::optional<R>> resume) {
      boost::asio::post(threads_, [this, &work, resume = std::move(resume)]() mutable {
        std::optional<R> result(work());
        --pending_;
        resume(std::move(result));
      });
    };
    co_return co_await suspend<std::optional<R>>(std::ref(start));
  }
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::size_t limit_;
  std::atomic<std::size_t> pending_{0};
  boost::asio::thread_pool threads_;
};

}  // namespace librebird
