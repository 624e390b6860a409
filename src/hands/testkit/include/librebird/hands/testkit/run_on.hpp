#pragma once

// Runs a coroutine to its end on a loop of its own; for tests.

#include <librebird/base/async/task.hpp>

#include <boost/asio/co_spawn.hpp>

#include <exception>
#include <optional>

namespace librebird::testkit {

template <class T>
Task<void> keep(Task<T> task, std::optional<T>& result) {
  result.emplace(co_await std::move(task));
}

template <class T>
T run_on(Loop& loop, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr thrown;
  boost::asio::co_spawn(loop.executor(), keep(std::move(task), result), [&](std::exception_ptr error) {
    thrown = error;
    loop.stop();
  });
  loop.context().restart();
  loop.run();
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}

}  // namespace librebird::testkit
