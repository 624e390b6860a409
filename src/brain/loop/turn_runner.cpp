#include <librebird/brain/loop/turn_runner.hpp>

#include "context.hpp"
#include "repetition.hpp"
#include "tool_runner.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <set>

namespace librebird::brain::loop {
namespace {

constexpr std::string_view kRepeating =
    "\n[Libre Bird: you have made the same call several times with the same result. Do not repeat it: try something "
    "else, or answer with what you have.]";
constexpr std::string_view kFinish =
    "\n[Libre Bird: no more tools can be called in this turn. Answer the user now with what you have, and say what is "
    "missing.]";
constexpr std::size_t kLeastResult = 2048;

// A model answer and the results of its calls, by the order of the calls.
struct Exchange {
  ModelAnswer answer;
  std::vector<std::optional<ToolResult>> results;
};

struct Finished {
  std::size_t index;
  Result<ToolResult> result;
};

// Calls that several workers take from the front.
struct Batch {
  const std::vector<ToolCall>& calls;
  bool resumed;
  std::vector<std::size_t> open;
  std::size_t next;
  Channel<Finished> finished;
};

class TurnRunner {
 public:
  TurnRunner(LoopServices services, const LoopOptions& options, ChatProvider& provider, ModelInfo model,
             ChatRequest request, ChatObserver& observer, std::stop_token stop)
      : services_(services),
        options_(options),
        provider_(provider),
        model_(std::move(model)),
        request_(std::move(request)),
        observer_(observer),
        stop_(std::move(stop)),
        deadline_(services.executor),
        tool_runner_(services.hands, services.clock, options_, request_, tools_, tool_observer()) {}

  Task<Result<ChatOutcome>> run();

 private:
  Task<Result<ChatOutcome>> steps();
  Task<Status> load_tools();
  Task<Result<bool>> replay();
  Task<Status> recover(Exchange& exchange);
  Task<Result<ModelAnswer>> ask(bool with_tools);
  Task<Status> run_calls(Exchange& exchange, bool resumed);
  ToolObserver tool_observer();
  void note(const Approval& approval);
  void start_clock();
  void stop_clock();
  Task<void> work(Batch& batch);
  Task<Status> journal_result(Exchange& exchange, std::size_t index, ToolResult result);
  Task<Status> journal(std::variant<ModelAnswer, ToolResult> what);
  void add_exchange(Exchange exchange);
  void finish(ModelAnswer answer);
  CompletionRequest completion(bool with_tools) const;
  void add_note(std::string_view note);
  [[nodiscard]] bool halted() const { return halt_.stop_requested(); }
  [[nodiscard]] Error stopped() const;

  LoopServices services_;
  const LoopOptions& options_;
  ChatProvider& provider_;
  ModelInfo model_;
  ChatRequest request_;
  ChatObserver& observer_;
  std::stop_token stop_;
  std::stop_source halt_;  // the caller's stop, the turn's deadline, or a failed journal

  // A turn's time does not pass while a person thinks about a question.
  Timer deadline_;
  Millis time_left_ = options_.turn_limit;
  SteadyTime clock_started_;
  std::set<std::string> questions_;  // open ones

  std::vector<ToolSpec> tools_;
  std::string tools_problem_;
  ToolRunner tool_runner_;
  std::vector<ChatMessage> messages_;
  std::size_t context_used_ = 0;
  Repetition repetition_;
  bool warned_ = false;
  bool must_finish_ = false;
  int steps_ = 0;
  int next_index_ = 0;
  std::size_t shown_ = 0;  // bytes of the current answer given to the observer
  ChatOutcome outcome_;
};

Task<Result<ChatOutcome>> TurnRunner::run() {
  start_clock();
  const auto forward = [this] { halt_.request_stop(); };
  const std::stop_callback on_stop(stop_, forward);
  auto result = co_await steps();
  deadline_.cancel();
  if (!result && result.error().code == Code::cancelled) co_return stopped();
  co_return result;
}

void TurnRunner::start_clock() {
  clock_started_ = std::chrono::steady_clock::now();
  deadline_.expires_after(time_left_);
  auto expire = [halt = halt_](const boost::system::error_code& failure) mutable {
    if (!failure) halt.request_stop();
  };
  deadline_.async_wait(std::move(expire));
}

void TurnRunner::stop_clock() {
  const auto passed = std::chrono::duration_cast<Millis>(std::chrono::steady_clock::now() - clock_started_);
  time_left_ = std::max(Millis(0), time_left_ - passed);
  deadline_.cancel();
}

ToolObserver TurnRunner::tool_observer() {
  ToolObserver observer;
  observer.progress = [this](const ToolProgress& progress) { observer_.on_tool_progress(progress); };
  if (request_.can_ask) observer.approval = [this](const Approval& approval) { note(approval); };
  return observer;
}

void TurnRunner::note(const Approval& approval) {
  const bool waited = !questions_.empty();
  if (approval.state == ApprovalState::open) {
    questions_.insert(approval.id);
  } else {
    questions_.erase(approval.id);
  }
  if (!waited && !questions_.empty()) stop_clock();
  if (waited && questions_.empty()) start_clock();
  observer_.on_approval(approval);
}

Error TurnRunner::stopped() const {
  if (stop_.stop_requested() || !halted()) return make_error(Code::cancelled, "The turn was stopped.");
  return make_error(Code::deadline_exceeded,
                    fmt::format("The turn took longer than the {} seconds allowed. Ask for less at once, or raise the "
                                "limit.",
                                std::max<std::int64_t>(1, options_.turn_limit.count() / 1000)));
}

Task<Result<ChatOutcome>> TurnRunner::steps() {
  LB_CO_CHECK(co_await load_tools());
  // A program that brings its own tools brings its own instructions too.
  std::string system = request_.client_tools.empty()
                           ? system_text(options_.system_prompt, services_.clock.unix_now(), tools_problem_)
                           : std::string();
  messages_ = make_context(std::move(system), std::move(request_.history), options_.context_limit);
  for (const ChatMessage& message : messages_) context_used_ += size_of(message);

  LB_CO_TRY(answered, co_await replay());
  while (!answered) {
    if (halted()) co_return stopped();
    const bool last = must_finish_ || steps_ >= options_.step_limit;
    if (last) add_note(kFinish);
    LB_CO_TRY(answer, co_await ask(!last));
    if (last) answer.tool_calls.clear();
    if (answer.tool_calls.empty() || !request_.client_tools.empty()) {
      if (last && answer.text.empty()) {
        answer.text = fmt::format("(Stopped after {} steps with tools: the model gave no final answer.)", steps_);
        observer_.on_text(answer.text);
      }
      finish(std::move(answer));
      break;
    }
    LB_CO_CHECK(co_await journal(answer));
    if (halted()) co_return stopped();
    for (const ToolCall& call : answer.tool_calls) observer_.on_tool_call(call);
    Exchange exchange{std::move(answer), {}};
    exchange.results.resize(exchange.answer.tool_calls.size());
    LB_CO_CHECK(co_await run_calls(exchange, false));
    add_exchange(std::move(exchange));
  }
  co_return std::move(outcome_);
}

Task<Status> TurnRunner::load_tools() {
  if (!request_.client_tools.empty()) {
    tools_ = request_.client_tools;
    co_return Ok{};
  }
  auto listed = co_await services_.hands.list_tools(request_.principal, request_.skill_revision);
  if (halted()) co_return stopped();
  if (listed) {
    tools_ = std::move(*listed);
  } else if (listed.error().code == Code::cancelled) {
    co_return std::move(listed).error();
  } else {
    // A chat without tools is better than none, but the model must know, so that it can say so.
    tools_problem_ = listed.error().message;
    log::warn("a turn runs without tools", {{"turn_id", request_.turn_id}, {"error", tools_problem_}});
  }
  co_return Ok{};
}

// Takes over what an interrupted attempt journaled. True if it had ended with the final answer already.
Task<Result<bool>> TurnRunner::replay() {
  std::vector<Exchange> exchanges;
  for (TurnStep& step : request_.journal) {
    next_index_ = std::max(next_index_, step.index + 1);
    if (auto* answer = std::get_if<ModelAnswer>(&step.what)) {
      exchanges.push_back({std::move(*answer), {}});
      exchanges.back().results.resize(exchanges.back().answer.tool_calls.size());
      continue;
    }
    auto& result = std::get<ToolResult>(step.what);
    for (Exchange& exchange : exchanges) {
      const auto& calls = exchange.answer.tool_calls;
      const auto found = std::ranges::find(calls, result.call_id, &ToolCall::id);
      if (found == calls.end()) continue;
      exchange.results[static_cast<std::size_t>(found - calls.begin())] = std::move(result);
      break;
    }
  }
  for (Exchange& exchange : exchanges) {
    if (exchange.answer.tool_calls.empty()) {
      finish(std::move(exchange.answer));
      outcome_.usage = {};
      co_return true;
    }
    LB_CO_CHECK(co_await recover(exchange));
    add_exchange(std::move(exchange));
  }
  co_return false;
}

// Calls that may have run when the worker died: run again only where that does no harm. Of a call that is not
// idempotent the hands know whether it ever began, because its question was still open, say.
Task<Status> TurnRunner::recover(Exchange& exchange) {
  for (std::size_t i = 0; i < exchange.results.size(); ++i) {
    if (exchange.results[i]) continue;
    if (halted()) co_return stopped();
    const ToolCall& call = exchange.answer.tool_calls[i];
    const ToolSpec* tool = tool_runner_.find(call.name);
    if (tool != nullptr && request_.client_tools.empty()) continue;
    LB_CO_CHECK(co_await journal_result(exchange, i, ToolRunner::interrupted(call)));
  }
  co_return co_await run_calls(exchange, true);
}

CompletionRequest TurnRunner::completion(bool with_tools) const {
  CompletionRequest request{model_.name,          messages_, {}, request_.temperature, request_.max_tokens, {},
                            request_.trace_parent};
  if (with_tools) {
    request.tools = tools_;
    // "required" or a tool's name is meant for the first step; kept up it would never let the model answer.
    if (steps_ == 0 || request_.tool_choice == "none") request.tool_choice = request_.tool_choice;
  }
  return request;
}

Task<Result<ModelAnswer>> TurnRunner::ask(bool with_tools) {
  static metrics::Counter& good =
      metrics::counter("librebird_brain_model_calls_total", "Model requests, by outcome", {{"status", "ok"}});
  static metrics::Counter& bad =
      metrics::counter("librebird_brain_model_calls_total", "Model requests, by outcome", {{"status", "error"}});
  const auto show = [this](std::string_view text) {
    shown_ += text.size();
    observer_.on_text(text);
  };
  for (int attempt = 1;; ++attempt) {
    shown_ = 0;
    auto answer = co_await provider_.complete(completion(with_tools), show, halt_.get_token());
    if (answer) {
      good.add();
      answer->model = model_;
      outcome_.usage.prompt_tokens += answer->usage.prompt_tokens;
      outcome_.usage.completion_tokens += answer->usage.completion_tokens;
      for (ToolCall& call : answer->tool_calls) {
        call.id = services_.ids.next();
        if (call.arguments_json.find_first_not_of(" \t\r\n") == std::string::npos) call.arguments_json = "{}";
      }
      co_return answer;
    }
    if (halted()) co_return stopped();
    bad.add();
    Error error = std::move(answer).error();
    const bool transient = error.code == Code::unavailable || error.code == Code::resource_exhausted;
    if (shown_ > 0) {
      // What was shown cannot be taken back, and a second answer would not continue it.
      if (transient) error.message = "The model's answer broke off in the middle; ask again. " + error.message;
      co_return error;
    }
    if (!transient || !error.retryable || attempt >= options_.model_attempts ||
        error.retry_after > options_.retry_wait_limit) {
      co_return error;
    }
    const Millis delay = std::max(error.retry_after, backoff(options_.retry_delay, attempt + 1, request_.turn_id));
    log::info(
        "a model request is tried again",
        {{"turn_id", request_.turn_id}, {"attempt", attempt}, {"delay_ms", delay.count()}, {"error", error.message}});
    if (!co_await sleep_for(delay, halt_.get_token())) co_return stopped();
  }
}

// Runs the calls that have no result yet. Results are journaled one after the other, here only.
Task<Status> TurnRunner::run_calls(Exchange& exchange, bool resumed) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < exchange.results.size(); ++i) {
    if (!exchange.results[i]) open.push_back(i);
  }
  if (open.empty()) co_return Ok{};
  const std::size_t count = open.size();
  Batch batch{exchange.answer.tool_calls, resumed, std::move(open), 0, Channel<Finished>(services_.executor, count)};
  Scope scope(services_.executor);
  for (std::size_t i = 0; i < std::min(count, std::max<std::size_t>(1, options_.parallel_tools)); ++i) {
    scope.spawn(work(batch), "tool call");
  }
  Status status = Ok{};
  for (std::size_t i = 0; i < count; ++i) {
    auto done = co_await batch.finished.pop();
    if (!done->result) {
      if (status) status = std::move(done->result).error();
      continue;
    }
    // What ran is recorded even when the turn is being stopped; only a journal that fails ends that.
    if (!status && status.error().code != Code::cancelled) continue;
    auto kept = co_await journal_result(exchange, done->index, std::move(*done->result));
    if (!kept) {
      status = std::move(kept).error();
      halt_.request_stop();
    }
  }
  co_await scope.join();
  co_return status;
}

Task<void> TurnRunner::work(Batch& batch) {
  while (batch.next < batch.open.size()) {
    const std::size_t index = batch.open[batch.next++];
    Finished finished{index, make_error(Code::internal, "The tool call failed inside Libre Bird; see the log.")};
    try {
      finished.result = co_await tool_runner_.run(batch.calls[index], batch.resumed, halt_.get_token());
    } catch (const std::exception& failure) {
      log::error("a tool call threw", {{"turn_id", request_.turn_id}, {"error", failure.what()}});
    }
    // Never full: it has room for every call.
    (void)batch.finished.try_push(std::move(finished));
  }
}

Task<Status> TurnRunner::journal_result(Exchange& exchange, std::size_t index, ToolResult result) {
  LB_CO_CHECK(co_await journal(result));
  observer_.on_tool_result(result);
  exchange.results[index] = std::move(result);
  co_return Ok{};
}

Task<Status> TurnRunner::journal(std::variant<ModelAnswer, ToolResult> what) {
  co_return co_await observer_.journal(TurnStep{next_index_++, std::move(what)});
}

void TurnRunner::add_exchange(Exchange exchange) {
  ++steps_;
  std::vector<ToolResult> results;
  results.reserve(exchange.results.size());
  for (auto& result : exchange.results) results.push_back(std::move(*result));
  const bool repeating = repetition_.add(exchange.answer.tool_calls, results);

  std::vector<ChatMessage> told;
  for (const ToolResult& result : results) {
    const std::size_t left = options_.context_limit > context_used_ ? options_.context_limit - context_used_ : 0;
    const std::size_t limit = std::min(options_.tool_result_limit, std::max(left, kLeastResult));
    told.push_back({ChatRole::tool, tool_content(result, limit), {}, result.call_id});
    context_used_ += told.back().content.size();
  }
  messages_.push_back(
      {ChatRole::assistant, std::move(exchange.answer.text), std::move(exchange.answer.tool_calls), {}});
  context_used_ += size_of(messages_.back());
  std::ranges::move(told, std::back_inserter(messages_));

  if (repeating && warned_) {
    must_finish_ = true;
  } else if (repeating) {
    warned_ = true;
    add_note(kRepeating);
  }
}

// Notes ride on the last message, because vendors refuse system messages in the middle.
void TurnRunner::add_note(std::string_view note) {
  if (!messages_.empty()) messages_.back().content += note;
}

void TurnRunner::finish(ModelAnswer answer) {
  outcome_.finish_reason = answer.tool_calls.empty() ? answer.finish_reason : FinishReason::tool_calls;
  if (answer.tool_calls.empty() && answer.finish_reason == FinishReason::tool_calls) {
    outcome_.finish_reason = FinishReason::stop;
  }
  answer.finish_reason = outcome_.finish_reason;
  outcome_.final_answer = std::move(answer);
}

}  // namespace

Task<Result<ChatOutcome>> run_turn(LoopServices services, const LoopOptions& options, ChatProvider& provider,
                                   ModelInfo model, ChatRequest request, ChatObserver& observer, std::stop_token stop) {
  if (request.history.empty()) {
    co_return make_error(Code::invalid_argument, "There is no message to answer. Send at least one message.");
  }
  TurnRunner runner(services, options, provider, std::move(model), std::move(request), observer, std::move(stop));
  co_return co_await runner.run();
}

}  // namespace librebird::brain::loop
