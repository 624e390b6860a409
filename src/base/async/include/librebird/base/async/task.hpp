#pragma once

// Coroutines on the loop.
//
// A process has one Loop: one thread that runs every coroutine of gateway, brain and hands. Code on the loop needs no
// locks and must never block: blocking work goes to a Pool (pool.hpp). The rules:
//  - A Task starts when it is awaited or spawned into a Scope (scope.hpp); nothing is detached.
//  - Take parameters by value; a reference must outlive the whole awaited call.
//  - A capturing lambda must not be a coroutine, nor stand inside a co_await expression with captures that matter
//    afterwards: name it first or use a member function (see docs/adr on compilers).
//  - Cancellation is explicit: long operations take a std::stop_token. request_stop() is called on the loop.

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <functional>
#include <memory>
#include <utility>

namespace librebird {

using Executor = boost::asio::io_context::executor_type;

template <class T = void>
using Task = boost::asio::awaitable<T, Executor>;

inline constexpr boost::asio::use_awaitable_t<Executor> use_task{};

// The one thread that runs coroutines. Not thread-safe except post() and stop().
class Loop {
 public:
  Loop() : context_(1), guard_(boost::asio::make_work_guard(context_)) {}

  // Runs until stop(); call it on the thread that becomes the loop.
  void run() { context_.run(); }
  // Runs what is ready, then returns; for tests.
  void poll() {
    context_.poll();
    context_.restart();
  }
  void stop() { context_.stop(); }
  void post(std::function<void()> work) { boost::asio::post(context_, std::move(work)); }
  [[nodiscard]] Executor executor() { return context_.get_executor(); }
  [[nodiscard]] boost::asio::io_context& context() { return context_; }

 private:
  boost::asio::io_context context_;
  boost::asio::executor_work_guard<Executor> guard_;
};

// Completes a suspended coroutine with a value. Call it exactly once, from any thread; the coroutine goes on on its
// loop. Move-only.
template <class T>
class Resume {
 public:
  template <class Handler>
  explicit Resume(Handler handler) : impl_(std::make_unique<Impl<Handler>>(std::move(handler))) {}

  void operator()(T value) { std::exchange(impl_, nullptr)->complete(std::move(value)); }
  explicit operator bool() const { return impl_ != nullptr; }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void complete(T value) = 0;
  };
  template <class Handler>
  struct Impl final : Base {
    explicit Impl(Handler h) : handler(std::move(h)) {}
    void complete(T value) override {
      auto executor = boost::asio::get_associated_executor(handler);
      struct Completion {
        Handler handler;
        T value;
        void operator()() { std::move(handler)(std::move(value)); }
      };
      boost::asio::post(executor, Completion{std::move(handler), std::move(value)});
    }
    Handler handler;
  };
  std::unique_ptr<Base> impl_;
};

// Suspends the calling coroutine and hands its continuation to `init`, which must see to it that it is called.
// The bridge from callbacks (threads, gRPC, SQLite) to coroutines.
template <class T, class Init>
Task<T> suspend(Init init) {
  auto initiation = [&init](auto handler) { init(Resume<T>(std::move(handler))); };
  co_return co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<Executor>&, void(T)>(initiation,
                                                                                                         use_task);
}

}  // namespace librebird
