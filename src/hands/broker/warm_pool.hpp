#pragma once

// Keeps a few programs started and waiting for a call: setting up a sandbox takes milliseconds, and an interpreter
// takes more. A program serves one call and is never used again, so nothing of one caller reaches the next; a shelf
// holds programs of exactly one plan (program, mounts, limits, environment: one skill version, one workspace, one user
// where the user's folder is mounted). Bounded in number, memory and age; how many of a plan are kept follows how
// often it is asked for. Loop only.

#include <librebird/base/async/sync.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/core/ports/sandbox.hpp>
#include <librebird/hands/egress/fence.hpp>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <unordered_map>
#include <vector>

namespace librebird::hands {

struct PoolLimits {
  std::size_t programs = 16;            // kept at once; 0: none
  std::size_t per_plan = 8;
  std::size_t starting = 2;             // set up at once, until they say that they are ready
  std::int64_t memory_bytes = 256LL << 20;
  Millis age{300'000};                  // unused for so long: ended
};

// A program and its own way to the network, if it has one.
struct Warm {
  std::unique_ptr<SandboxProcess> process;
  std::unique_ptr<egress::Call> network;
};

class WarmPool {
 public:
  // Makes one program of a plan, with its way to the network.
  using Maker =
      std::function<Task<Result<Warm>>(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop)>;

  WarmPool(Executor executor, const Clock& clock, PoolLimits limits, Maker maker);
  // Ends what is kept.
  ~WarmPool();
  WarmPool(const WarmPool&) = delete;
  WarmPool& operator=(const WarmPool&) = delete;

  // A program of this plan that has served nobody: from the shelf, the next one that is being set up for it, or made
  // now. More are made for the calls to come.
  Task<Result<Warm>> take(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop);
  [[nodiscard]] std::size_t size() const;

 private:
  struct Kept {
    Warm warm;
    SteadyTime made;
  };
  struct Shelf {
    SandboxSpec spec;
    std::vector<std::string> hosts;
    std::deque<Kept> kept;
    std::size_t starting = 0;
    std::size_t promised = 0;  // of those that are started: somebody waits for one
    SteadyTime used;       // last asked for
    double rate = 0;       // asked for, about so often a second
    SteadyTime failed{};   // could not be made: not tried again for a while
  };
  struct State;

  // From the shelf, if need be after what is being set up for it; empty: there is none.
  static Task<Warm> find(std::shared_ptr<State> state, std::string key, std::stop_token stop);
  static void refill(const std::shared_ptr<State>& state);
  static Task<void> make_one(std::shared_ptr<State> state, std::string key);
  static Task<void> tend(std::shared_ptr<State> state);

  std::shared_ptr<State> state_;
};

// Everything that makes one program like another.
std::string plan_key(const SandboxSpec& spec, const std::vector<std::string>& hosts);

}  // namespace librebird::hands
