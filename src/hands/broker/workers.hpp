#pragma once

// Long-lived helpers: a skill that says "worker": true has one contained program per user that stays between calls
// (timers, open connections). Started at the first call, ended when idle or old, started again after it died, later
// and later. Each call has its own time; a worker that does not answer in time, floods its output or speaks no
// protocol is ended, and every call it had says so. Loop only.

#include "call_runner.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/hands/hands.hpp>
#include <librebird/hands/protocol/tool_protocol.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace librebird::hands {

struct WorkerLimits {
  Millis idle{600'000};
  Millis age{24 * 3'600'000};  // ended even if it says it still has things to do
  std::size_t workers = 32;
  std::size_t per_user = 8;
  std::size_t calls = 16;  // at once, of one worker
  Millis grace{2000};      // for the last word after a cancel
  Millis first_delay{1000};
  Millis longest_delay{300'000};
};

struct WorkerCall {
  std::string workspace_id;
  std::string user_id;
  std::string skill;
  SandboxSpec spec;      // of the whole skill; with its limits for one call
  std::vector<std::string> hosts;
  egress::CallPolicy policy;  // of this call, if there are hosts
  protocol::CallMessage message;  // its id is set here
};

class Workers {
 public:
  using Maker = WarmPool::Maker;

  Workers(Executor executor, const Clock& clock, WorkerLimits limits, Maker maker,
          std::function<void(WorkerEvent)> on_event);
  // close() before it dies.
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  Task<Outcome> call(WorkerCall call, CallObserver observer, std::stop_token stop);
  // Ends them all, and whatever they were doing.
  Task<void> close();
  [[nodiscard]] std::size_t size() const { return workers_.size(); }

 private:
  struct Pending;
  struct Worker;
  struct Failures {
    int count = 0;
    SteadyTime not_before{};
  };

  Task<Result<std::shared_ptr<Worker>>> find_or_start(WorkerCall& call, std::stop_token stop);
  Status may_start(const std::string& key, const WorkerCall& call) const;
  Task<void> live(std::shared_ptr<Worker> worker);
  Task<void> watch(std::shared_ptr<Worker> worker);
  void on_output(Worker& worker, std::string_view bytes);
  void on_message(Worker& worker, protocol::ProgramMessage message);
  void count(Worker& worker, std::size_t bytes);
  // All its calls end with this sentence.
  static void end(Worker& worker, std::string why);
  static Task<void> answered(Worker& worker, Pending& pending, std::chrono::steady_clock::time_point deadline,
                             std::stop_token stop);
  Task<Outcome> await_answer(std::shared_ptr<Worker> worker, std::string id, std::stop_token stop);

  Executor executor_;
  const Clock& clock_;
  WorkerLimits limits_;
  Maker maker_;
  std::function<void(WorkerEvent)> on_event_;
  Scope scope_;
  std::map<std::string, std::shared_ptr<Worker>> workers_;
  std::map<std::string, Failures> failures_;
  std::uint64_t counter_ = 0;
  bool closed_ = false;
};

}  // namespace librebird::hands
