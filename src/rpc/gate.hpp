#pragma once

// Counts the gRPC reactors that are alive, so that whoever owns the loop they post to can wait for the last of them.
// Thread-safe.

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace librebird::rpc {

class Gate {
 public:
  // False when `limit` are inside.
  [[nodiscard]] bool enter(std::size_t limit) {
    const std::lock_guard lock(mutex_);
    if (inside_ >= limit) return false;
    ++inside_;
    return true;
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }
  void wait_empty() {
    std::unique_lock lock(mutex_);
    empty_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  std::size_t inside_ = 0;
};

}  // namespace librebird::rpc
