#include <librebird/gateway/turn_runner.hpp>

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>

#include <algorithm>
#include <exception>

namespace librebird::gateway {
namespace {

metrics::Counter& finished_counter(TurnStatus status) {
  return metrics::counter("librebird_turns_total", "Turns finished, by how they ended.",
                          {{"status", std::string(to_string(status))}});
}

metrics::Gauge& running_gauge() {
  static metrics::Gauge& gauge = metrics::gauge("librebird_turns_running", "Turns being answered now.");
  return gauge;
}

metrics::Histogram& duration_histogram() {
  static metrics::Histogram& histogram =
      metrics::histogram("librebird_turn_duration_seconds", "From the lease of a turn to its end.");
  return histogram;
}

}  // namespace

TurnRunner::TurnRunner(Loop& loop, const Clock& clock, IdGenerator& ids, TurnStore& turns, BrainService& brain,
                       EventBus& bus, TurnHub& hub, ListEvents& list_events, RunnerOptions options)
    : loop_(loop),
      clock_(clock),
      ids_(ids),
      turns_(turns),
      brain_(brain),
      bus_(bus),
      hub_(hub),
      list_events_(list_events),
      options_(std::move(options)),
      scope_(loop.executor()) {}

Task<Status> TurnRunner::start() {
  LB_CO_CHECK(co_await turns_.release(options_.owner));
  LB_CO_TRY(conversations, co_await turns_.conversations_with_work());
  if (!conversations.empty()) log::info("taking up unfinished turns", {{"conversations", conversations.size()}});
  started_ = true;
  take_up(conversations);
  scope_.spawn(keep_leases(), "turn leases");
  co_return Ok{};
}

void TurnRunner::wake(const std::string& conversation_id, const std::string& user_id) {
  Lane& lane = lanes_[conversation_id];
  lane.user_id = user_id;
  ++lane.hints;
  ++waiting_;
  if (lane.running) return;
  make_ready(conversation_id, lane);
  pump();
}

void TurnRunner::cancel(const std::string& conversation_id, const std::string& turn_id) {
  if (const auto found = live_.find(turn_id); found != live_.end()) {
    found->second->stop.request_stop();
  } else if (const auto lane = lanes_.find(conversation_id); lane != lanes_.end() && lane->second.running) {
    lane->second.stopped = turn_id;
  }
}

void TurnRunner::cancel_of(const std::string& workspace_id, const std::string& user_id) {
  for (const auto& [id, live] : live_) {
    const Principal& whose = live->turn().principal;
    if (whose.workspace_id != workspace_id || (!user_id.empty() && whose.user_id != user_id)) continue;
    live->stop.request_stop();
  }
}

std::vector<Principal> TurnRunner::people() const {
  std::vector<Principal> people;
  people.reserve(live_.size());
  for (const auto& [id, live] : live_) people.push_back(live->turn().principal);
  return people;
}

void TurnRunner::make_ready(const std::string& conversation_id, Lane& lane) {
  if (lane.ready || lane.running) return;
  lane.ready = true;
  auto& queue = ready_[lane.user_id];
  if (queue.empty()) users_.push_back(lane.user_id);
  queue.push_back(conversation_id);
}

void TurnRunner::pump() {
  // Before start() gave back what a predecessor left, a lease taken now would be given back with it.
  while (started_ && !stopping_ && running_ < options_.concurrent_turns && !users_.empty()) {
    const std::string user = std::move(users_.front());
    users_.pop_front();
    auto& queue = ready_[user];
    const std::string conversation_id = std::move(queue.front());
    queue.pop_front();
    if (queue.empty()) {
      ready_.erase(user);
    } else {
      users_.push_back(user);
    }
    Lane& lane = lanes_[conversation_id];
    lane.ready = false;
    lane.running = true;
    ++running_;
    scope_.spawn(run_lane(conversation_id), "lane");
  }
}

Task<void> TurnRunner::run_lane(std::string conversation_id) {
  co_await run_next(conversation_id);
  --running_;
  Lane& lane = lanes_[conversation_id];
  lane.running = false;
  if (stopping_ || (lane.hints == 0 && !lane.until_empty)) {
    waiting_ -= lane.hints;
    lanes_.erase(conversation_id);
  } else {
    make_ready(conversation_id, lane);
  }
  pump();
}

Task<void> TurnRunner::run_next(std::string conversation_id) {
  // Hints given before the store is asked are covered by its answer; later ones are not.
  const std::size_t covered = lanes_[conversation_id].hints;
  auto leased = co_await turns_.lease(conversation_id, options_.owner, options_.lease, options_.history_limit);
  Lane& lane = lanes_[conversation_id];
  if (!leased) {
    log::warn("a turn could not be leased; trying again",
              {{"conversation_id", conversation_id}, {"error", leased.error().message}});
    lane.until_empty = true;
    co_await sleep_for(Millis(500), scope_.token());
    co_return;
  }
  const std::size_t answered = *leased ? std::min<std::size_t>(covered, 1) : covered;
  lane.hints -= answered;
  waiting_ -= answered;
  if (!*leased) {
    lane.until_empty = false;
    co_return;
  }
  // Leased while stop() began: it is given back with the others.
  if (stopping_) co_return;
  if (std::exchange(lane.stopped, "") == (*leased)->turn.id) (*leased)->turn.cancel_requested = true;
  co_await run_turn(std::move(**leased));
}

Task<void> TurnRunner::run_turn(LeasedTurn leased) {
  const SteadyTime begun = clock_.steady_now();
  const auto live = std::make_shared<LiveTurn>(loop_, bus_, turns_, options_.owner, leased);
  const std::string turn_id = leased.turn.id;
  hub_.add(live);
  live_[turn_id] = live;
  running_gauge().set(static_cast<std::int64_t>(live_.size()));
  list_events_.turn_changed(leased.turn);
  if (leased.turn.cancel_requested) live->stop.request_stop();

  Result<ChatOutcome> outcome = make_error(Code::internal, "The turn did not start.");
  for (Millis waited{0}, pause{100};;) {
    live->begin(leased);
    ChatRequest request;
    request.turn_id = turn_id;
    request.conversation_id = leased.turn.conversation_id;
    request.principal = leased.turn.principal;
    request.history = std::move(leased.history);
    request.journal = std::move(leased.journal);
    request.skill_revision = leased.skill_revision;
    try {
      outcome = co_await brain_.stream_chat(std::move(request), *live, live->stop.get_token());
    } catch (const std::exception& failure) {
      // A turn that ends badly must end: else its conversation would wait for it forever.
      log::error("a turn threw", {{"turn_id", turn_id}, {"error", failure.what()}});
      outcome = make_error(Code::internal, "The turn failed inside Libre Bird; the log says more. Try again.");
    }
    // Retryable means that the brain itself was lost on the way: what it journaled stands, go on from there.
    if (outcome || !outcome.error().retryable || outcome.error().code != Code::unavailable) break;
    if (waited >= options_.brain_retry_limit || live->stop.stop_requested()) break;
    log::warn("the brain was lost; trying again", {{"turn_id", turn_id}, {"error", outcome.error().message}});
    co_await sleep_for(pause, live->stop.get_token());
    waited += pause;
    pause = std::min(pause * 2, Millis(2'000));
    auto again = co_await turns_.retake(turn_id, options_.owner, options_.lease, options_.history_limit);
    while (!again && again.error().retryable && waited < options_.brain_retry_limit && !live->stop.stop_requested()) {
      co_await sleep_for(pause, live->stop.get_token());
      waited += pause;
      again = co_await turns_.retake(turn_id, options_.owner, options_.lease, options_.history_limit);
    }
    if (!again) {
      outcome = std::move(again).error();
      break;
    }
    leased = std::move(*again);
  }
  co_await conclude(live, std::move(outcome));
  live_.erase(turn_id);
  hub_.retire(live);
  running_gauge().set(static_cast<std::int64_t>(live_.size()));
  duration_histogram().observe(std::chrono::duration<double>(clock_.steady_now() - begun).count());
}

Task<void> TurnRunner::conclude(std::shared_ptr<LiveTurn> live, Result<ChatOutcome> outcome) {
  // Shutting down, not cancelled by the user: the next start goes on from the journal.
  if (abandoned_) co_return;
  Message message;
  message.id = ids_.next();
  message.conversation_id = live->turn().conversation_id;
  message.turn_id = live->turn().id;
  message.user_id = live->turn().principal.user_id;
  message.role = MessageRole::assistant;
  message.parts = live->parts_at_end();
  message.content = text_of(message.parts);
  message.model = live->model();
  message.created_at = clock_.unix_now();
  TurnStatus status = TurnStatus::done;
  std::optional<TurnError> error;
  const Spent spent = live->spent(outcome ? &outcome->final_answer : nullptr, options_.prices);
  if (outcome) {
    message.model = outcome->final_answer.model;
  } else if (live->stop.stop_requested()) {
    status = TurnStatus::cancelled;
    message.status = MessageStatus::stopped;
  } else if (live->lease_lost()) {
    log::warn("the turn is no longer ours", {{"turn_id", live->turn().id}, {"error", outcome.error().message}});
    co_return;
  } else {
    status = TurnStatus::failed;
    message.status = MessageStatus::failed;
    error = TurnError{std::string(to_string(outcome.error().code)), outcome.error().message};
    message.error = error;
    log::warn("a turn failed", {{"turn_id", live->turn().id}, {"code", error->code}, {"error", error->detail}});
  }
  // What was answered must reach the disk: wait out a full disk or a busy database while we hold the lease.
  std::optional<Message> answer = std::move(message);
  for (Millis pause{50};; pause = std::min(pause * 2, Millis(2'000))) {
    auto turn = co_await turns_.finish(live->turn().id, options_.owner, status, error, answer, spent);
    if (turn) {
      finished_counter(status).add();
      live->finish(*turn, answer);
      list_events_.turn_changed(*turn);
      co_return;
    }
    const Code code = turn.error().code;
    if (code == Code::failed_precondition || code == Code::not_found || abandoned_) co_return;
    log::error("a finished turn could not be stored; trying again",
               {{"turn_id", live->turn().id}, {"error", turn.error().message}});
    if (!turn.error().retryable && answer) {
      // This answer will never be taken. Its lane must not wait for ever: the turn ends without it, and says why.
      status = TurnStatus::failed;
      error = TurnError{std::string(to_string(code)), "The answer could not be stored: " + turn.error().message};
      answer.reset();
      continue;
    }
    co_await sleep_for(pause, scope_.token());
  }
}

Task<void> TurnRunner::keep_leases() {
  SteadyTime last_sweep = clock_.steady_now();
  while (co_await sleep_for(options_.lease / 3, scope_.token())) {
    if (live_.empty() && clock_.steady_now() - last_sweep < options_.lease) continue;
    const auto held = co_await turns_.renew(options_.owner, options_.lease);
    if (held) {
      // A turn that began since the question was asked is not in the answer; its lease is fresh.
      for (const auto& [id, live] : live_) {
        const bool young = live->turn().started_at.value_or(0) > clock_.unix_now() - options_.lease.count() / 3;
        if (!young && std::ranges::find(*held, id) == held->end()) live->stop.request_stop();
      }
    }
    last_sweep = clock_.steady_now();
    const auto work = co_await turns_.conversations_with_work();
    if (!work) continue;
    take_up(*work);
  }
}

void TurnRunner::take_up(const std::vector<std::string>& conversations) {
  for (const std::string& id : conversations) {
    Lane& lane = lanes_[id];
    lane.until_empty = true;
    make_ready(id, lane);
  }
  pump();
}

Task<void> TurnRunner::stop(Millis drain) {
  stopping_ = true;
  const SteadyTime deadline = clock_.steady_now() + drain;
  while (!live_.empty() && clock_.steady_now() < deadline) co_await sleep_for(Millis(20));
  abandoned_ = true;
  for (const auto& [id, live] : live_) live->stop.request_stop();
  scope_.cancel();
  co_await scope_.join();
  const auto released = co_await turns_.release(options_.owner);
  if (!released) log::warn("leases could not be given back", {{"error", released.error().message}});
}

}  // namespace librebird::gateway
