#include <librebird/base/async/scope.hpp>

#include <librebird/base/log.hpp>

#include <boost/asio/co_spawn.hpp>

#include <cassert>

namespace librebird {

Scope::Scope(Executor executor) : executor_(executor), idle_(executor) {
  idle_.expires_at(std::chrono::steady_clock::time_point::max());
}

Scope::~Scope() { assert(running_ == 0 && "a Scope must be joined before it dies"); }

void Scope::spawn(Task<void> task, const char* name) {
  ++running_;
  boost::asio::co_spawn(executor_, std::move(task), [this, name](std::exception_ptr failure) {
    if (failure) {
      try {
        std::rethrow_exception(failure);
      } catch (const std::exception& e) {
        log::error("a task ended with an exception", {{"task", name}, {"error", e.what()}});
      }
    }
    if (--running_ == 0) idle_.cancel();
  });
}

Task<void> Scope::join() {
  while (running_ > 0) {
    try {
      co_await idle_.async_wait(use_task);
    } catch (const boost::system::system_error&) {
      // The timer never expires; cancelling it is how the last task wakes us.
    }
  }
}

}  // namespace librebird
