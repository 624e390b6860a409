#pragma once

// The real turn store behind a wall of scripted failures. Loop only.

#include <librebird/base/async/sync.hpp>
#include <librebird/core/ports/stores.hpp>

#include <deque>
#include <string>

namespace librebird::gateway::testkit {

class FaultyTurnStore final : public TurnStore {
 public:
  FaultyTurnStore(TurnStore* inner, Loop& loop) : changed(loop.executor()), inner_(inner) {}

  // Answered before the real store is asked, in order.
  std::deque<Error> lease_errors, retake_errors, finish_errors, append_errors;
  bool disk_full = false;        // finish() fails until it is false
  bool hold_lease_answer = false;  // the store has leased, its answer is on the way
  bool hold_release = false;
  int leases = 0;
  int finishes = 0;
  Signal changed;

  Task<Result<Accepted>> accept(Principal principal, AcceptMessage message) override {
    co_return co_await inner_->accept(std::move(principal), std::move(message));
  }
  Task<Result<Turn>> get(Principal principal, std::string id) override {
    co_return co_await inner_->get(std::move(principal), std::move(id));
  }
  Task<Result<std::optional<LeasedTurn>>> lease(std::string conversation, std::string owner, Millis duration,
                                                int limit) override {
    ++leases;
    changed.notify_all();
    if (auto error = next(lease_errors)) co_return *std::move(error);
    auto leased = co_await inner_->lease(std::move(conversation), std::move(owner), duration, limit);
    while (hold_lease_answer) co_await changed.wait();
    co_return leased;
  }
  Task<Result<LeasedTurn>> retake(std::string turn, std::string owner, Millis duration, int limit) override {
    if (auto error = next(retake_errors)) co_return *std::move(error);
    co_return co_await inner_->retake(std::move(turn), std::move(owner), duration, limit);
  }
  Task<Result<std::vector<std::string>>> conversations_with_work() override {
    co_return co_await inner_->conversations_with_work();
  }
  Task<Result<std::vector<std::string>>> renew(std::string owner, Millis duration) override {
    co_return co_await inner_->renew(std::move(owner), duration);
  }
  Task<Status> release(std::string owner) override {
    while (hold_release) co_await changed.wait();
    co_return co_await inner_->release(std::move(owner));
  }
  Task<Status> append_step(std::string turn, std::string owner, TurnStep step) override {
    if (auto error = next(append_errors)) co_return *std::move(error);
    co_return co_await inner_->append_step(std::move(turn), std::move(owner), std::move(step));
  }
  Task<Result<Turn>> finish(std::string turn, std::string owner, TurnStatus status, std::optional<TurnError> error,
                            std::optional<Message> answer, Spent spent) override {
    ++finishes;
    changed.notify_all();
    if (disk_full) co_return make_error(Code::unavailable, "The disk is full.");
    if (auto failure = next(finish_errors)) co_return *std::move(failure);
    co_return co_await inner_->finish(std::move(turn), std::move(owner), status, std::move(error), std::move(answer),
                                      spent);
  }
  Task<Result<Turn>> request_cancel(Principal principal, std::string id) override {
    co_return co_await inner_->request_cancel(std::move(principal), std::move(id));
  }

 private:
  static std::optional<Error> next(std::deque<Error>& errors) {
    if (errors.empty()) return std::nullopt;
    Error error = std::move(errors.front());
    errors.pop_front();
    return error;
  }
  TurnStore* inner_;
};

}  // namespace librebird::gateway::testkit
