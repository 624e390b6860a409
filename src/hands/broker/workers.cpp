#include "workers.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

namespace librebird::hands {
namespace {

using protocol::ProgramMessage;
using Type = ProgramMessage::Type;

constexpr std::size_t kMaxEventBytes = 16 * 1024;
constexpr std::size_t kMaxFailuresRemembered = 1000;
constexpr Millis kCountEvery{60'000};
constexpr Millis kHealthyAfter{60'000};

// {"pending":N}
int held(const std::string& data_json) {
  boost::system::error_code error;
  const boost::json::value data = boost::json::parse(data_json, error);
  if (error || !data.is_object()) return 0;
  const boost::json::value* pending = data.as_object().if_contains("pending");
  if (pending == nullptr || !pending->is_int64()) return 0;
  return static_cast<int>(std::clamp<std::int64_t>(pending->as_int64(), 0, 1'000'000));
}

}  // namespace

struct Workers::Pending {
  std::string tool;
  CallObserver observer;
  std::optional<Outcome> outcome;
};

struct Workers::Worker {
  explicit Worker(Executor executor) : changed(executor) {}
  std::string key;
  std::string plan;
  std::string workspace_id, user_id, skill;
  SandboxLimits limits;  // of one call
  std::unique_ptr<SandboxProcess> process;
  std::unique_ptr<egress::Call> network;
  std::optional<protocol::LineDecoder> decoder;
  std::map<std::string, Pending> pending;
  Signal changed;
  std::stop_source stop;
  std::string why;  // it was ended by us, if it was
  std::size_t written = 0;
  int holding = 0;
  bool answered = false;
  bool ended = false;
  SteadyTime started, used;
};

Workers::Workers(Executor executor, const Clock& clock, WorkerLimits limits, Maker maker,
                 std::function<void(WorkerEvent)> on_event)
    : executor_(executor),
      clock_(clock),
      limits_(limits),
      maker_(std::move(maker)),
      on_event_(std::move(on_event)),
      scope_(executor) {}

Workers::~Workers() = default;

Task<void> Workers::close() {
  closed_ = true;
  for (auto& [key, worker] : workers_) end(*worker, "The hands are being shut down.");
  scope_.cancel();
  co_await scope_.join();
}

Status Workers::may_start(const std::string& key, const WorkerCall& call) const {
  if (closed_) return make_error(Code::unavailable, "The hands are being shut down.");
  if (const auto failed = failures_.find(key); failed != failures_.end()) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(failed->second.not_before - clock_.steady_now());
    if (left.count() >= 0 && failed->second.not_before > clock_.steady_now()) {
      return make_error(Code::unavailable,
                        fmt::format("The helper of the skill {} ended {} times in a row; it is started again in {} "
                                    "seconds at the earliest.",
                                    call.skill, failed->second.count, left.count() + 1));
    }
  }
  const auto of_user = std::ranges::count_if(workers_, [&call](const auto& entry) {
    return entry.second->user_id == call.user_id && entry.second->workspace_id == call.workspace_id;
  });
  if (workers_.size() >= limits_.workers || static_cast<std::size_t>(of_user) >= limits_.per_user) {
    return make_error(Code::resource_exhausted,
                      "Too many helpers of skills run already; wait until one is idle, or disable a skill.");
  }
  return Ok{};
}

Task<Result<std::shared_ptr<Workers::Worker>>> Workers::find_or_start(WorkerCall& call, std::stop_token stop) {
  const std::string key = fmt::format("{}/{}/{}", call.workspace_id, call.user_id, call.skill);
  const std::string plan = plan_key(call.spec, call.hosts);
  while (const auto found = workers_.find(key) != workers_.end() ? workers_[key] : nullptr) {
    if (found->process && found->plan == plan && found->why.empty()) co_return found;
    // Of another version, on its way out, or still being started by another call.
    if (found->process && found->why.empty()) end(*found, "The skill was changed, so its helper was started anew.");
    co_await found->changed.wait(stop, Millis(1000));
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool was stopped before it began.");
  }
  LB_CO_CHECK(may_start(key, call));
  auto worker = std::make_shared<Worker>(executor_);
  worker->key = key;
  worker->plan = plan;
  worker->workspace_id = call.workspace_id;
  worker->user_id = call.user_id;
  worker->skill = call.skill;
  worker->limits = call.spec.limits;
  worker->decoder.emplace(static_cast<std::size_t>(call.spec.limits.output_bytes));
  workers_[key] = worker;
  SandboxSpec spec = call.spec;
  // Its own bounds are below; these only end what has escaped them.
  spec.limits.wall_time = limits_.age + Millis(3'600'000);
  spec.limits.cpu_seconds = static_cast<int>(spec.limits.wall_time.count() / 1000);
  spec.limits.output_bytes = std::numeric_limits<std::int64_t>::max() / 2;
  auto made = co_await maker_(std::move(spec), call.hosts, stop);
  if (!made) {
    workers_.erase(key);
    worker->changed.notify_all();
    co_return made.error();
  }
  worker->process = std::move(made->process);
  worker->network = std::move(made->network);
  worker->started = worker->used = clock_.steady_now();
  worker->changed.notify_all();
  scope_.spawn(live(worker), "worker");
  scope_.spawn(watch(worker), "worker watch");
  co_return worker;
}

Task<Outcome> Workers::call(WorkerCall call, CallObserver observer, std::stop_token stop) {
  auto found = co_await find_or_start(call, stop);
  if (!found) {
    co_return found.error().code == Code::cancelled ? Outcome{ToolStatus::interrupted, {}, "cancelled"}
                                                    : failed(found.error().message, found.error().message);
  }
  const std::shared_ptr<Worker> worker = *std::move(found);
  if (worker->pending.size() >= limits_.calls) {
    co_return failed(fmt::format("The helper of the skill {} is busy with {} calls; wait for one to end.", call.skill,
                                 worker->pending.size()),
                     "worker busy");
  }
  if (worker->network) {
    if (const Status bound = worker->network->bind(std::move(call.policy)); !bound)
      co_return failed(bound.error().message, bound.error().message);
  }
  const std::string id = fmt::format("c{}", ++counter_);
  call.message.id = id;
  worker->pending.emplace(id, Pending{call.message.tool, std::move(observer), std::nullopt});
  worker->used = clock_.steady_now();
  worker->written = 0;
  const Status sent = worker->process->write(protocol::encode_call(call.message));
  if (!sent && sent.error().code != Code::unavailable) end(*worker, sent.error().message);
  Outcome outcome = co_await await_answer(worker, id, stop);
  worker->pending.erase(id);
  worker->used = clock_.steady_now();
  worker->changed.notify_all();
  co_return outcome;
}

Task<void> Workers::answered(Worker& worker, Pending& pending, std::chrono::steady_clock::time_point deadline,
                             std::stop_token stop) {
  while (!pending.outcome && !stop.stop_requested()) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left.count() <= 0) co_return;
    co_await worker.changed.wait(stop, left);
  }
}

Task<Outcome> Workers::await_answer(std::shared_ptr<Worker> worker, std::string id, std::stop_token stop) {
  Pending& pending = worker->pending.at(id);
  co_await answered(*worker, pending, std::chrono::steady_clock::now() + worker->limits.wall_time, stop);
  if (pending.outcome) co_return std::move(*pending.outcome);
  // Nobody waits any more, or it took too long: it may say a last word, and goes if it does not.
  if (worker->process) (void)worker->process->write(protocol::encode_cancel(id));
  co_await answered(*worker, pending, std::chrono::steady_clock::now() + limits_.grace, {});
  const std::string late = fmt::format("The tool {} was stopped: it took longer than {} seconds.", pending.tool,
                                       worker->limits.wall_time.count() / 1000);
  if (!pending.outcome) end(*worker, late);
  if (stop.stop_requested()) co_return Outcome{ToolStatus::interrupted, {}, "cancelled"};
  co_return failed(late, "timed out");
}

void Workers::end(Worker& worker, std::string why) {
  if (worker.ended || !worker.why.empty()) return;
  worker.why = std::move(why);
  worker.stop.request_stop();
}

Task<void> Workers::live(std::shared_ptr<Worker> worker) {
  SandboxIo io;
  Worker* const self = worker.get();
  io.on_output = [this, self](std::string_view bytes) { on_output(*self, bytes); };
  io.on_error_output = [this, self](std::string_view bytes) {
    count(*self, bytes.size());
    // With several calls at once nobody can say whose it is.
    if (self->pending.size() == 1 && self->pending.begin()->second.observer.output)
      self->pending.begin()->second.observer.output(bytes);
  };
  auto run = co_await worker->process->wait(std::move(io), worker->stop.get_token());
  if (worker->network) co_await worker->network->close();
  worker->ended = true;
  const SteadyTime now = clock_.steady_now();
  if (worker->why.empty()) {
    worker->why = run ? fmt::format("The helper of the skill {} ended unexpectedly ({} {}).", worker->skill,
                                    run->end == SandboxEnd::exited ? "code" : "signal", run->exit_code)
                      : run.error().message;
    if (run && run->end == SandboxEnd::out_of_memory)
      worker->why = fmt::format("The helper of the skill {} was stopped: it used too much memory.", worker->skill);
    if (failures_.size() > kMaxFailuresRemembered) failures_.clear();
    Failures& failures = failures_[worker->key];
    if (worker->answered && now - worker->started > kHealthyAfter) failures.count = 0;
    const auto delay = limits_.first_delay * (1LL << std::min(failures.count, 20));
    failures.not_before = now + std::min<std::chrono::milliseconds>(delay, limits_.longest_delay);
    ++failures.count;
    log::warn("a skill's worker ended", {{"skill", worker->skill}, {"cause", worker->why}});
  } else if (worker->answered) {
    failures_.erase(worker->key);
  }
  for (auto& [id, pending] : worker->pending) {
    if (!pending.outcome) pending.outcome = failed(worker->why, "worker ended");
  }
  if (const auto known = workers_.find(worker->key); known != workers_.end() && known->second == worker)
    workers_.erase(known);
  worker->changed.notify_all();
}

// Idle, old, or just counting.
Task<void> Workers::watch(std::shared_ptr<Worker> worker) {
  while (!worker->ended && !scope_.token().stop_requested()) {
    const SteadyTime now = clock_.steady_now();
    const bool busy = !worker->pending.empty();
    if (!busy && now - worker->started >= limits_.age) end(*worker, "It was old.");
    if (!busy && worker->holding == 0 && now - worker->used >= limits_.idle) end(*worker, "It was idle.");
    co_await worker->changed.wait(scope_.token(), std::min(kCountEvery, limits_.idle));
    if (clock_.steady_now() - now >= kCountEvery) worker->written = 0;
  }
}

void Workers::count(Worker& worker, std::size_t bytes) {
  worker.written += bytes;
  if (static_cast<std::int64_t>(worker.written) <= worker.limits.output_bytes) return;
  end(worker, fmt::format("The helper of the skill {} was stopped: it wrote more than {} bytes.", worker.skill,
                          worker.limits.output_bytes));
}

void Workers::on_output(Worker& worker, std::string_view bytes) {
  count(worker, bytes.size());
  if (!worker.why.empty()) return;
  const Status taken = worker.decoder->feed(bytes, [this, &worker](ProgramMessage message) {
    on_message(worker, std::move(message));
    return true;
  });
  if (!taken) {
    end(worker, fmt::format("The helper of the skill {} was stopped: what it wrote is not the tool protocol ({}).",
                            worker.skill, taken.error().message));
  }
}

void Workers::on_message(Worker& worker, ProgramMessage message) {
  if (message.type == Type::event) {
    if (message.text == "hold") {
      worker.holding = held(message.value_json);
    } else if (on_event_ && message.value_json.size() <= kMaxEventBytes) {
      on_event_(
          {worker.workspace_id, worker.user_id, worker.skill, std::move(message.text), std::move(message.value_json)});
    }
    return;
  }
  const auto found = worker.pending.find(message.id);
  if (found == worker.pending.end() || found->second.outcome) return;
  Pending& pending = found->second;
  switch (message.type) {
    case Type::output:
      if (pending.observer.output) pending.observer.output(message.text);
      return;
    case Type::progress:
      if (pending.observer.progress) pending.observer.progress(message.fraction, message.text);
      return;
    case Type::result: pending.outcome = checked_answer(std::move(message.value_json)); break;
    case Type::error: pending.outcome = reported_failure(pending.tool, std::move(message.text)); break;
    default: return;
  }
  worker.answered = true;
  worker.changed.notify_all();
}

}  // namespace librebird::hands
