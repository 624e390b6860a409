#include "warm_pool.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>
#include <utility>

namespace librebird::hands {
namespace {

constexpr Millis kTendEvery{5000};
constexpr Millis kRetryAfter{5000};
constexpr Millis kFirstWords{500};  // for longer nobody else is kept waiting
constexpr double kRateSeconds = 1;  // over which the rate is averaged

double seconds_between(SteadyTime from, SteadyTime to) { return std::chrono::duration<double>(to - from).count(); }

}  // namespace

// Outlives the pool while a program is being set up for it: who comes back finds `closed` and throws it away.
struct WarmPool::State {
  State(Executor e, const Clock& c, PoolLimits l, Maker m)
      : executor(e), clock(c), limits(l), maker(std::move(m)), made(e) {}

  Executor executor;
  const Clock& clock;
  PoolLimits limits;
  Maker maker;
  std::unordered_map<std::string, Shelf> shelves;
  Signal made;  // one more program, or one less that is being set up
  std::stop_source stop;
  std::size_t starting = 0;
  bool closed = false;
  bool tending = false;

  [[nodiscard]] std::size_t size() const {
    std::size_t count = 0;
    for (const auto& [key, shelf] : shelves) count += shelf.kept.size();
    return count;
  }

  [[nodiscard]] std::size_t wanted(const Shelf& shelf) const {
    if (seconds_between(shelf.failed, clock.steady_now()) < std::chrono::duration<double>(kRetryAfter).count() &&
        shelf.failed != SteadyTime{})
      return 0;
    const double rate = shelf.rate * std::exp(-seconds_between(shelf.used, clock.steady_now()) / kRateSeconds);
    return std::min(limits.per_plan, 1 + static_cast<std::size_t>(rate / 4));
  }

  // The shelf that was asked for last and holds too little.
  Shelf* neediest(std::string& key) {
    Shelf* found = nullptr;
    for (auto& [name, shelf] : shelves) {
      const std::size_t most = wanted(shelf);
      if (most == 0 || shelf.kept.size() + shelf.starting >= most + shelf.promised) continue;
      if (found != nullptr && found->used >= shelf.used) continue;
      found = &shelf;
      key = name;
    }
    return found;
  }

  // Takes one away from the shelf that was not asked for the longest, if that is longer than `than`.
  bool make_room(SteadyTime than, Kept& out) {
    Shelf* found = nullptr;
    for (auto& [name, shelf] : shelves) {
      if (!shelf.kept.empty() && shelf.used < than && (found == nullptr || shelf.used < found->used)) found = &shelf;
    }
    if (found == nullptr) return false;
    out = std::move(found->kept.front());
    found->kept.pop_front();
    return true;
  }
};

std::string plan_key(const SandboxSpec& spec, const std::vector<std::string>& hosts) {
  std::string key;
  const auto add = [&key](const std::string& word) { key.append(word).push_back('\0'); };
  for (const auto* words : {&spec.argv, &spec.environment}) {
    for (const std::string& word : *words) add(word);
    key.push_back('\0');
  }
  for (const SandboxMount& mount : spec.mounts) {
    add(mount.host_path);
    add(mount.path);
    key.push_back(mount.writable ? 'w' : 'r');
  }
  for (const std::string& host : hosts) add(host);
  add(spec.work_directory);
  add(spec.user_folder);
  add(spec.image);
  const SandboxLimits& limits = spec.limits;
  return key + fmt::format("{} {} {} {} {} {} {} {} {} {} {}", spec.system, limits.wall_time.count(),
                           limits.cpu_seconds, limits.memory_bytes, limits.address_space_bytes, limits.data_bytes,
                           limits.processes, limits.output_bytes, limits.scratch_bytes, limits.file_bytes,
                           spec.egress_directory);
}

WarmPool::WarmPool(Executor executor, const Clock& clock, PoolLimits limits, Maker maker)
    : state_(std::make_shared<State>(executor, clock, limits, std::move(maker))) {}

WarmPool::~WarmPool() {
  state_->closed = true;
  state_->stop.request_stop();
  state_->shelves.clear();
  state_->made.notify_all();
}

std::size_t WarmPool::size() const { return state_->size(); }

Task<Result<Warm>> WarmPool::take(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) {
  const std::shared_ptr<State> held = state_;
  State& state = *held;
  if (state.limits.programs == 0) co_return co_await state.maker(std::move(spec), std::move(hosts), stop);
  const std::string key = plan_key(spec, hosts);
  const SteadyTime now = state.clock.steady_now();
  Shelf& shelf = state.shelves.try_emplace(key, Shelf{.spec = spec, .hosts = hosts, .used = now}).first->second;
  shelf.rate = shelf.rate * std::exp(-seconds_between(shelf.used, now) / kRateSeconds) + 1 / kRateSeconds;
  shelf.used = now;
  // While this call is given its program, and works: the next one's is made.
  boost::asio::post(state.executor, [held] { refill(held); });
  Warm warm = co_await find(held, key, stop);
  if (state.closed) co_return make_error(Code::cancelled, "The tool was stopped before it began.");
  static metrics::Counter& hits =
      metrics::counter("librebird_tool_programs_total", "Programs given to tool calls", {{"from", "shelf"}});
  static metrics::Counter& misses =
      metrics::counter("librebird_tool_programs_total", "Programs given to tool calls", {{"from", "start"}});
  (warm.process ? hits : misses).add();
  if (warm.process) co_return warm;
  co_return co_await state.maker(std::move(spec), std::move(hosts), stop);
}

Task<Warm> WarmPool::find(std::shared_ptr<State> state, std::string key, std::stop_token stop) {
  for (;;) {
    const auto found = state->shelves.find(key);
    if (found == state->shelves.end()) co_return Warm{};
    Shelf& shelf = found->second;
    while (!shelf.kept.empty()) {
      Warm warm = std::move(shelf.kept.front().warm);
      shelf.kept.pop_front();
      if (warm.process->running()) co_return warm;
    }
    // Another one would only be later.
    if (shelf.starting <= shelf.promised || stop.stop_requested()) co_return Warm{};
    ++shelf.promised;
    (void)co_await state->made.wait(stop);
    if (const auto same = state->shelves.find(key); same != state->shelves.end()) --same->second.promised;
  }
}

void WarmPool::refill(const std::shared_ptr<State>& state) {
  while (!state->closed && state->starting < state->limits.starting) {
    std::string key;
    Shelf* shelf = state->neediest(key);
    if (shelf == nullptr) break;
    Kept gone;
    if (state->size() + state->starting >= state->limits.programs && !state->make_room(shelf->used, gone)) break;
    ++state->starting;
    ++shelf->starting;
    boost::asio::co_spawn(state->executor, make_one(state, std::move(key)), boost::asio::detached);
  }
  if (!state->closed && !state->tending && !state->shelves.empty()) {
    state->tending = true;
    boost::asio::co_spawn(state->executor, tend(state), boost::asio::detached);
  }
}

Task<void> WarmPool::make_one(std::shared_ptr<State> state, std::string key) {
  SandboxSpec spec = state->shelves.at(key).spec;
  std::vector<std::string> hosts = state->shelves.at(key).hosts;
  auto made = co_await state->maker(std::move(spec), std::move(hosts), state->stop.get_token());
  std::optional<Task<void>> first_words;
  if (state->closed) co_return;
  if (const auto found = state->shelves.find(key); found != state->shelves.end()) {
    Shelf& shelf = found->second;
    --shelf.starting;
    if (made) {
      first_words = made->process->first_words(kFirstWords, state->stop.get_token());
      shelf.kept.push_back({std::move(made).value(), state->clock.steady_now()});
    } else {
      shelf.failed = state->clock.steady_now();
      log::warn("a program cannot be kept ready for tool calls", {{"cause", made.error().message}});
    }
  }
  state->made.notify_all();
  // Programs that start together are ready together, and late: one after the other, the first is of use soon.
  if (first_words) co_await *std::move(first_words);
  --state->starting;
  refill(state);
}

// Ends what is old, has died, or takes too much memory.
Task<void> WarmPool::tend(std::shared_ptr<State> state) {
  while (co_await sleep_for(kTendEvery, state->stop.get_token())) {
    std::int64_t memory = 0;
    const SteadyTime now = state->clock.steady_now();
    for (auto& [key, shelf] : state->shelves) {
      const bool unused = now - shelf.used > state->limits.age;
      const std::size_t most = unused ? 0 : std::max<std::size_t>(1, state->wanted(shelf));
      while (!shelf.kept.empty() && (shelf.kept.size() > most || now - shelf.kept.front().made > state->limits.age ||
                                     !shelf.kept.front().warm.process->running())) {
        shelf.kept.pop_front();
      }
      for (const Kept& kept : shelf.kept) memory += kept.warm.process->memory_bytes();
    }
    while (memory > state->limits.memory_bytes) {
      Kept oldest;
      if (!state->make_room(now, oldest)) break;
      memory -= oldest.warm.process->memory_bytes();
    }
    std::erase_if(state->shelves, [&](const auto& entry) {
      const Shelf& shelf = entry.second;
      return shelf.kept.empty() && shelf.starting + shelf.promised == 0 && now - shelf.used > state->limits.age;
    });
    if (state->shelves.empty()) break;
  }
  state->tending = false;
}

}  // namespace librebird::hands
