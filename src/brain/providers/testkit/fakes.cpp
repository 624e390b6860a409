#include <librebird/brain/testkit/fakes.hpp>

#include <librebird/base/async/scope.hpp>

#include <boost/asio/post.hpp>

#include <algorithm>

namespace librebird::brain::testkit {
namespace {

Task<void> yield() { co_await boost::asio::post(co_await boost::asio::this_coro::executor, use_task); }

Task<void> until_stopped(std::stop_token stop) {
  while (co_await sleep_for(std::chrono::hours(1), stop)) {
  }
}

Task<void> join_and_stop(Scope& scope, Loop& loop) {
  co_await scope.join();
  loop.stop();
}

class FakeResponse final : public HttpResponse {
 public:
  FakeResponse(FakeAnswer answer, int& ended) : answer_(std::move(answer)), ended_(ended) {}
  [[nodiscard]] int status() const override { return answer_.status; }
  [[nodiscard]] const HttpHeaders& headers() const override { return answer_.headers; }
  Task<Result<std::optional<std::string>>> read(std::stop_token stop) override {
    co_await yield();
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "stopped");
    if (next_ < answer_.pieces.size()) co_return std::optional<std::string>(answer_.pieces[next_++]);
    if (answer_.hang) {
      co_await until_stopped(stop);
      co_return make_error(Code::cancelled, "stopped");
    }
    if (answer_.read_error) co_return *answer_.read_error;
    ++ended_;
    co_return std::optional<std::string>();
  }

 private:
  FakeAnswer answer_;
  std::size_t next_ = 0;
  int& ended_;
};

}  // namespace

void run(const std::function<Task<void>(Loop&)>& body) {
  Loop loop;
  Scope scope(loop.executor());
  scope.spawn(body(loop), "test");
  Scope outer(loop.executor());
  outer.spawn(join_and_stop(scope, loop), "finish");
  loop.run();
  loop.context().restart();
  loop.context().poll();
}

Script says(std::string text) {
  ModelAnswer answer;
  answer.text = text;
  answer.usage = {10, 5};
  const std::size_t half = text.size() / 2;
  return {{text.substr(0, half), text.substr(half)}, std::move(answer), false};
}

Script calls(std::vector<std::pair<std::string, std::string>> names_and_arguments) {
  ModelAnswer answer;
  answer.finish_reason = FinishReason::tool_calls;
  answer.usage = {10, 5};
  for (auto& [name, arguments] : names_and_arguments) answer.tool_calls.push_back({"vendor-id", name, arguments});
  return {{}, std::move(answer), false};
}

Script fails(Error error, std::vector<std::string> pieces) { return {std::move(pieces), std::move(error), false}; }

Script hangs(std::vector<std::string> pieces) { return {std::move(pieces), ModelAnswer{}, true}; }

Task<Result<ModelAnswer>> ScriptedProvider::complete(CompletionRequest request, TextSink on_text,
                                                     std::stop_token stop) {
  requests.push_back(std::move(request));
  Script script = otherwise;
  if (!scripts.empty()) {
    script = std::move(scripts.front());
    scripts.pop_front();
  }
  if (on_request) on_request();
  for (const std::string& piece : script.pieces) {
    co_await yield();
    if (stop.stop_requested()) co_return make_error(Code::cancelled, "stopped");
    if (!piece.empty()) on_text(piece);
  }
  if (script.hang) co_await until_stopped(stop);
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "stopped");
  co_return std::move(script.outcome);
}

Task<Result<std::vector<std::string>>> ScriptedProvider::models(std::stop_token) {
  co_return std::vector<std::string>{"scripted"};
}

void ScriptedHands::add(const std::string& name, Tool tool, bool idempotent) {
  ToolSpec spec;
  spec.name = name;
  spec.description = "A tool for tests.";
  spec.parameters_json = R"({"type":"object"})";
  spec.idempotent = idempotent;
  tools.push_back(std::move(spec));
  bodies_[name] = std::move(tool);
}

void ScriptedHands::add_echo(const std::string& name, bool idempotent) {
  const auto echo = [](const ToolRequest& request) -> Result<ToolResult> {
    return ToolResult{request.call.id, ToolStatus::ok, "{\"ok\":" + request.call.arguments_json + "}", Millis{1}};
  };
  add(name, echo, idempotent);
}

void ScriptedHands::add_hanging(const std::string& name) { add(name, Tool{}); }

void ScriptedHands::add_asking(const std::string& name) {
  add_echo(name);
  asking_.insert(name);
}

Task<bool> ScriptedHands::approved(const ToolRequest& request, const ToolObserver& observer, std::stop_token stop) {
  Approval question;
  question.id = "about " + request.call.id;
  question.call = request.call;
  asked.push_back(question);
  const std::size_t index = asked.size() - 1;
  observer.approval(question);
  while (asked[index].state == ApprovalState::open && !stop.stop_requested()) {
    if (on_wait) on_wait(asked[index]);
    co_await yield();
  }
  if (stop.stop_requested()) asked[index].state = ApprovalState::withdrawn;
  const Approval ended = asked[index];
  observer.approval(ended);
  co_return ended.state == ApprovalState::granted;
}

Task<Result<ToolResult>> ScriptedHands::execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) {
  const auto known = std::ranges::find(tools, request.call.name, &ToolSpec::name);
  if (request.resumed && known != tools.end() && !known->idempotent && !asking_.contains(request.call.name)) {
    co_await yield();
    co_return make_error(Code::already_exists, "It may have run before.");
  }
  if (asking_.contains(request.call.name)) {
    if (!observer.approval || !co_await approved(request, observer, stop)) {
      if (stop.stop_requested()) co_return make_error(Code::cancelled, "stopped");
      co_return ToolResult{request.call.id, ToolStatus::denied, R"({"error":"denied"})", Millis(0)};
    }
  }
  ran.push_back(request);
  most_running = std::max(most_running, ++running);
  if (on_start) on_start();
  co_await yield();
  const Tool& body = bodies_[request.call.name];
  if (!body) co_await until_stopped(stop);
  --running;
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "killed");
  co_return body(request);
}

Task<Result<std::vector<ToolSpec>>> ScriptedHands::list_tools(Principal, std::optional<std::int64_t>) {
  co_await yield();
  if (listing_fails) co_return *listing_fails;
  co_return tools;
}

Task<Result<Approval>> ScriptedHands::decide(Principal, std::string approval_id, ApprovalDecision decision) {
  const auto found = std::ranges::find(asked, approval_id, &Approval::id);
  if (found == asked.end()) co_return make_error(Code::not_found, "There is no approval with this id.");
  found->state = decision == ApprovalDecision::deny ? ApprovalState::denied : ApprovalState::granted;
  co_return *found;
}
Task<Result<std::vector<Approval>>> ScriptedHands::list_approvals(Principal, bool, int) { co_return asked; }
Task<Result<ToolMode>> ScriptedHands::get_mode(Principal, std::string) { co_return ToolMode{}; }
Task<Result<ToolMode>> ScriptedHands::set_mode(Principal, std::string, std::optional<ApprovalMode> mode) {
  co_return ToolMode{mode, std::nullopt, mode.value_or(ApprovalMode::ask)};
}
Task<Result<std::vector<Grant>>> ScriptedHands::list_grants(Principal) { co_return std::vector<Grant>{}; }
Task<Status> ScriptedHands::revoke_grant(Principal, std::string) { co_return Ok{}; }

Task<Result<HandsHealth>> ScriptedHands::health() { co_return HandsHealth{true, "none", ""}; }

void RecordingObserver::on_text(std::string_view piece) {
  text += piece;
  if (events.empty() || events.back() != "text") events.emplace_back("text");
}
void RecordingObserver::on_tool_call(const ToolCall& call) { events.push_back("call " + call.name); }
void RecordingObserver::on_tool_result(const ToolResult& result) {
  events.push_back("result " + std::string(to_string(result.status)));
}

void RecordingObserver::on_approval(const Approval& approval) {
  events.push_back("approval " + std::string(to_string(approval.state)));
}

Task<Status> RecordingObserver::journal(TurnStep step) {
  if (writing_ || step.index != next_index) orderly = false;
  writing_ = true;
  ++next_index;
  co_await yield();
  co_await yield();
  writing_ = false;
  if (before_journal) LB_CO_CHECK(before_journal(step));
  events.emplace_back(std::holds_alternative<ModelAnswer>(step.what) ? "journal answer" : "journal result");
  steps.push_back(std::move(step));
  co_return Ok{};
}

Task<Result<std::unique_ptr<HttpResponse>>> FakeHttpClient::send(HttpRequest request, std::stop_token stop) {
  requests.push_back(std::move(request));
  FakeAnswer answer = otherwise;
  if (!answers.empty()) {
    answer = std::move(answers.front());
    answers.pop_front();
  }
  co_await yield();
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "stopped");
  if (answer.send_error) co_return *answer.send_error;
  co_return std::unique_ptr<HttpResponse>(std::make_unique<FakeResponse>(std::move(answer), ended));
}

}  // namespace librebird::brain::testkit
