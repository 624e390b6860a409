#pragma once

// A Scope owns the tasks spawned into it. Before it dies it must be joined (asserted): cancel() asks its tasks to stop
// through the token they were given, join() waits for the last of them.
//
//   Scope scope(loop.executor());
//   scope.spawn(serve(std::move(socket), scope.token()));
//   scope.cancel();
//   co_await scope.join();
//
// Thread rule: loop only. An exception that leaves a task is a bug of ours or a third-party wall left open: it is
// logged with the task's name and the process goes on.

#include <librebird/base/async/task.hpp>

#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <stop_token>
#include <string_view>

namespace librebird {

class Scope {
 public:
  explicit Scope(Executor executor);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  // `name` must be a literal. A task spawned after cancel() still runs, with a stopped token.
  void spawn(Task<void> task, const char* name = "task");
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }
  void cancel() { stop_.request_stop(); }
  [[nodiscard]] std::size_t size() const { return running_; }
  Task<void> join();
  [[nodiscard]] Executor executor() const { return executor_; }

 private:
  Executor executor_;
  std::stop_source stop_;
  std::size_t running_ = 0;
  boost::asio::basic_waitable_timer<std::chrono::steady_clock, boost::asio::wait_traits<std::chrono::steady_clock>,
                                    Executor>
      idle_;
};

}  // namespace librebird
