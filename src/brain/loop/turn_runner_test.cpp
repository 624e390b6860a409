#include <librebird/brain/loop/turn_runner.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/brain/testkit/fakes.hpp>

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

namespace librebird::brain::loop {
namespace {

using namespace testkit;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// One turn with scripted counterparts.
class Turn : public testing::Test {
 public:
  Turn() {
    request.turn_id = "turn";
    request.conversation_id = "conversation";
    request.history = {{ChatRole::user, "question", {}, {}}};
    options.retry_delay = Millis{1};
    hands.add_echo("echo");
    hands.add_echo("look", true);
  }

  Task<void> play(Loop& loop) {
    const LoopServices services{loop.executor(), clock, ids, hands};
    outcome =
        co_await run_turn(services, options, provider, {"scripted", "m", false}, request, observer, stop.get_token());
  }
  void play() {
    run([this](Loop& loop) { return play(loop); });
    EXPECT_TRUE(observer.orderly);
    EXPECT_EQ(hands.running, 0U);
  }
  // Stops the turn a little after its first model request.
  Task<void> play_and_cancel(Loop& loop) {
    Scope scope(loop.executor());
    scope.spawn(play(loop));
    while (provider.requests.empty()) co_await boost::asio::post(loop.executor(), use_task);
    for (int i = 0; i < 10; ++i) co_await boost::asio::post(loop.executor(), use_task);
    stop.request_stop();
    co_await scope.join();
  }
  // A fresh attempt at the same turn with the journal so far.
  void resume() {
    request.journal = observer.steps;
    const int next = observer.next_index;
    observer = RecordingObserver();
    observer.next_index = next;
    hands.ran.clear();
    provider.requests.clear();
    play();
  }
  [[nodiscard]] Code code() const { return outcome.error().code; }

  ManualClock clock;
  SystemRandom random;
  IdGenerator ids{clock, random};
  ScriptedProvider provider;
  ScriptedHands hands;
  RecordingObserver observer;
  LoopOptions options;
  ChatRequest request;
  std::stop_source stop;
  Result<ChatOutcome> outcome = ChatOutcome{};
};

TEST_F(Turn, PlainAnswerIsStreamedAndNotJournaled) {
  provider.scripts = {says("hello there")};
  play();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(observer.text, "hello there");
  EXPECT_EQ(outcome->final_answer.text, "hello there");
  EXPECT_EQ(outcome->final_answer.model.name, "m");
  EXPECT_EQ(outcome->usage, (TokenUsage{10, 5}));
  EXPECT_TRUE(observer.steps.empty());
  ASSERT_EQ(provider.requests.size(), 1U);
  EXPECT_EQ(provider.requests[0].messages[0].role, ChatRole::system);
  EXPECT_THAT(provider.requests[0].messages[0].content, HasSubstr("2023-11-14 22:13 UTC"));
  EXPECT_EQ(provider.requests[0].tools.size(), 2U);
}

TEST_F(Turn, CallsRunInParallelAndComeBackInOrder) {
  std::vector<std::pair<std::string, std::string>> wanted;
  for (int i = 0; i < 20; ++i) wanted.emplace_back("echo", "{\"n\":" + std::to_string(i) + "}");
  provider.scripts = {calls(wanted), says("done")};
  play();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(hands.ran.size(), 20U);
  EXPECT_EQ(hands.most_running, 8U);
  EXPECT_EQ(observer.events[0], "journal answer");
  EXPECT_EQ(observer.events[1], "call echo");
  EXPECT_EQ(observer.steps.size(), 21U);
  const auto& messages = provider.requests.at(1).messages;
  ASSERT_EQ(messages.size(), 23U);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(messages[3 + i].content, "{\"ok\":{\"n\":" + std::to_string(i) + "}}");
    EXPECT_EQ(messages[3 + i].tool_call_id, messages[2].tool_calls[i].id);
    EXPECT_TRUE(is_uuid(messages[3 + i].tool_call_id));
    seen.insert(messages[3 + i].tool_call_id);
  }
  EXPECT_EQ(seen.size(), 20U);
  EXPECT_EQ(outcome->usage, (TokenUsage{20, 10}));
}

TEST_F(Turn, BadCallsAreToldToTheModel) {
  const auto failing = [](const ToolRequest& r) -> Result<ToolResult> {
    return ToolResult{r.call.id, ToolStatus::error, R"({"error":"disk on fire"})", Millis{1}};
  };
  const auto refused = [](const ToolRequest&) -> Result<ToolResult> {
    return make_error(Code::internal, "hands broke");
  };
  const auto twice = [](const ToolRequest&) -> Result<ToolResult> { return make_error(Code::already_exists, "again"); };
  hands.add("failing", failing);
  hands.add("refused", refused);
  hands.add("twice", twice);
  provider.scripts = {calls({{"nope", "{}"},
                             {"echo", "{\"a\":"},
                             {"echo", "[1]"},
                             {"echo", ""},
                             {"failing", "{}"},
                             {"refused", "{}"},
                             {"twice", "{}"}}),
                      says("sorry")};
  play();
  ASSERT_TRUE(outcome.ok());
  const auto& m = provider.requests.at(1).messages;
  EXPECT_THAT(m[3].content, HasSubstr("no tool named"));
  EXPECT_THAT(m[4].content, HasSubstr("not a JSON object"));
  EXPECT_THAT(m[5].content, HasSubstr("not a JSON object"));
  EXPECT_EQ(m[6].content, "{\"ok\":{}}");
  EXPECT_THAT(m[7].content, HasSubstr("disk on fire"));
  EXPECT_THAT(m[8].content, HasSubstr("hands broke"));
  EXPECT_THAT(m[9].content, HasSubstr("unknown whether"));
  EXPECT_EQ(hands.ran.size(), 4U);
}

TEST_F(Turn, UnavailableHandsAreTriedAgain) {
  int tries = 0;
  const auto flaky = [&tries](const ToolRequest& r) -> Result<ToolResult> {
    if (++tries < 3) return make_error(Code::unavailable, "restarting");
    return ToolResult{r.call.id, ToolStatus::ok, "1", Millis{1}};
  };
  hands.add("flaky", flaky);
  provider.scripts = {calls({{"flaky", "{}"}}), says("done")};
  play();
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(provider.requests.at(1).messages.back().content, "1");
}

TEST_F(Turn, LargeAndBrokenResultsAreCutAndMended) {
  options.tool_result_limit = 1000;
  const auto large = [](const ToolRequest& r) -> Result<ToolResult> {
    return ToolResult{r.call.id, ToolStatus::ok, "\"" + std::string(5000, 'x') + "\xff\"", Millis{1}};
  };
  hands.add("large", large);
  provider.scripts = {calls({{"large", "{}"}}), says("done")};
  play();
  const std::string& content = provider.requests.at(1).messages.back().content;
  EXPECT_LT(content.size(), 1200U);
  EXPECT_THAT(content, HasSubstr("the first 1000 of 5005 bytes"));
  EXPECT_EQ(std::get<ToolResult>(observer.steps[1].what).content_json.size(), 5005U);
}

TEST_F(Turn, StepLimitEndsWithACallWithoutTools) {
  options.step_limit = 3;
  int n = 0;
  const auto next = [this, &n] { provider.otherwise = calls({{"echo", "{\"n\":" + std::to_string(n++) + "}"}}); };
  next();
  provider.on_request = next;
  play();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(provider.requests.size(), 4U);
  EXPECT_TRUE(provider.requests.back().tools.empty());
  EXPECT_THAT(provider.requests.back().messages.back().content, HasSubstr("no more tools"));
  // This model calls tools even then: the user is told.
  EXPECT_THAT(observer.text, HasSubstr("no final answer"));
  EXPECT_EQ(outcome->final_answer.text, observer.text);
  EXPECT_TRUE(outcome->final_answer.tool_calls.empty());
}

TEST_F(Turn, RepetitionIsToldThenEnded) {
  provider.otherwise = calls({{"echo", "{\"same\":1}"}});
  play();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(provider.requests.size(), 5U);
  EXPECT_THAT(provider.requests[2].messages.back().content, Not(HasSubstr("Libre Bird:")));
  EXPECT_THAT(provider.requests[3].messages.back().content, HasSubstr("Do not repeat"));
  EXPECT_TRUE(provider.requests[4].tools.empty());
}

TEST_F(Turn, AlternatingRepetitionIsSeen) {
  for (int i = 0; i < 6; ++i) provider.scripts.push_back(calls({{i % 2 == 0 ? "echo" : "look", "{}"}}));
  provider.scripts.push_back(says("enough"));
  play();
  EXPECT_THAT(provider.requests.at(6).messages.back().content, HasSubstr("Do not repeat"));
}

TEST_F(Turn, PollingWithChangingResultsIsNoRepetition) {
  int n = 0;
  const auto poll = [&n](const ToolRequest& r) -> Result<ToolResult> {
    return ToolResult{r.call.id, ToolStatus::ok, std::to_string(++n), Millis{1}};
  };
  hands.add("poll", poll);
  for (int i = 0; i < 8; ++i) provider.scripts.push_back(calls({{"poll", "{}"}}));
  provider.scripts.push_back(says("ready"));
  play();
  EXPECT_EQ(observer.text, "ready");
  EXPECT_FALSE(provider.requests.back().tools.empty());
}

TEST_F(Turn, ProviderErrorsAreRetriedWhileNothingIsShown) {
  provider.scripts = {fails(Error{Code::unavailable, "down", true, Millis{0}}),
                      fails(Error{Code::resource_exhausted, "busy", true, Millis{2}}), says("up again")};
  play();
  EXPECT_TRUE(outcome.ok());
  EXPECT_EQ(observer.text, "up again");
}

TEST_F(Turn, RetriesAreBounded) {
  provider.otherwise = fails(Error{Code::unavailable, "down", true, Millis{0}});
  play();
  EXPECT_EQ(code(), Code::unavailable);
  EXPECT_EQ(provider.requests.size(), 4U);
}

TEST_F(Turn, LongWaitsAndLastingErrorsAreNotRetried) {
  provider.otherwise = fails(Error{Code::resource_exhausted, "tomorrow", true, Millis{3'600'000}});
  play();
  EXPECT_EQ(provider.requests.size(), 1U);
  provider.otherwise = fails(make_error(Code::unauthenticated, "key"));
  play();
  EXPECT_EQ(provider.requests.size(), 2U);
  EXPECT_EQ(code(), Code::unauthenticated);
}

TEST_F(Turn, DeathInTheMiddleOfTextFailsTheTurn) {
  provider.scripts = {fails(Error{Code::unavailable, "reset", true, Millis{0}}, {"Once upon"})};
  play();
  EXPECT_EQ(code(), Code::unavailable);
  EXPECT_THAT(outcome.error().message, HasSubstr("broke off in the middle"));
  EXPECT_EQ(observer.text, "Once upon");
  EXPECT_EQ(provider.requests.size(), 1U);
}

TEST_F(Turn, ClientToolsEndTheTurn) {
  ToolSpec theirs;
  theirs.name = "theirs";
  request.client_tools = {theirs};
  request.tool_choice = "required";
  provider.scripts = {calls({{"theirs", "{\"a\":1}"}})};
  play();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->finish_reason, FinishReason::tool_calls);
  ASSERT_EQ(outcome->final_answer.tool_calls.size(), 1U);
  EXPECT_TRUE(is_uuid(outcome->final_answer.tool_calls[0].id));
  EXPECT_TRUE(hands.ran.empty());
  EXPECT_TRUE(observer.steps.empty());
  EXPECT_EQ(provider.requests[0].tools.size(), 1U);
  EXPECT_EQ(provider.requests[0].tool_choice, "required");
  EXPECT_EQ(provider.requests[0].messages.size(), 1U);
}

TEST_F(Turn, RequiredToolChoiceIsForTheFirstStepOnly) {
  request.tool_choice = "required";
  provider.scripts = {calls({{"echo", "{}"}}), says("done")};
  play();
  EXPECT_EQ(provider.requests.at(0).tool_choice, "required");
  EXPECT_EQ(provider.requests.at(1).tool_choice, "");
}

TEST_F(Turn, WithoutHandsTheModelIsToldThatToolsAreAway) {
  hands.listing_fails = make_error(Code::unavailable, "hands are restarting");
  provider.scripts = {says("no tools")};
  play();
  EXPECT_TRUE(outcome.ok());
  EXPECT_TRUE(provider.requests[0].tools.empty());
  EXPECT_THAT(provider.requests[0].messages[0].content, HasSubstr("hands are restarting"));
}

TEST_F(Turn, DeadlineEndsIt) {
  options.turn_limit = Millis{20};
  provider.scripts = {hangs()};
  play();
  EXPECT_EQ(code(), Code::deadline_exceeded);
}

TEST_F(Turn, EmptyHistoryIsRefused) {
  request.history.clear();
  play();
  EXPECT_EQ(code(), Code::invalid_argument);
}

TEST_F(Turn, JournalFailureEndsTheAttemptAndStopsTheTools) {
  hands.add_hanging("hang");
  provider.scripts = {calls({{"hang", "{}"}, {"echo", "{}"}})};
  observer.before_journal = [](const TurnStep& step) -> Status {
    if (step.index == 1) return make_error(Code::failed_precondition, "lease lost");
    return Ok{};
  };
  play();
  EXPECT_EQ(code(), Code::failed_precondition);
  EXPECT_EQ(observer.steps.size(), 1U);
}

// Cancelling at every point where the loop waits.
TEST_F(Turn, CancelWhileTheModelThinks) {
  provider.scripts = {hangs({"some"})};
  provider.on_request = [this] { stop.request_stop(); };
  play();
  EXPECT_EQ(code(), Code::cancelled);
}

TEST_F(Turn, CancelBeforeItBegins) {
  stop.request_stop();
  play();
  EXPECT_EQ(code(), Code::cancelled);
  EXPECT_TRUE(provider.requests.empty());
}

TEST_F(Turn, CancelWhileJournalingTheAnswerRunsNothing) {
  provider.scripts = {calls({{"echo", "{}"}})};
  observer.before_journal = [this](const TurnStep&) -> Status {
    stop.request_stop();
    return Ok{};
  };
  play();
  EXPECT_EQ(code(), Code::cancelled);
  EXPECT_TRUE(hands.ran.empty());
}

TEST_F(Turn, CancelWhileToolsRunKeepsWhatIsDone) {
  hands.add_hanging("hang");
  provider.scripts = {calls({{"echo", "{}"}, {"hang", "{}"}})};
  observer.before_journal = [this](const TurnStep& step) -> Status {
    if (step.index == 1) stop.request_stop();
    return Ok{};
  };
  play();
  EXPECT_EQ(code(), Code::cancelled);
  EXPECT_EQ(observer.steps.size(), 2U);
}

TEST_F(Turn, CancelWhileWaitingToTryAgain) {
  options.retry_delay = Millis{3'600'000};
  provider.otherwise = fails(Error{Code::unavailable, "down", true, Millis{0}});
  run([this](Loop& loop) { return play_and_cancel(loop); });
  EXPECT_EQ(code(), Code::cancelled);
}

// The worker dies when step N is to be written; another attempt goes on with what is on disk.
class Crash : public Turn, public testing::WithParamInterface<int> {};

TEST_P(Crash, ResumesWithoutAskingOrRunningTwice) {
  const auto script = [this](std::size_t answered) {
    const std::vector<Script> all{calls({{"echo", "{\"n\":1}"}, {"look", "{\"n\":2}"}}), calls({{"echo", "{\"n\":3}"}}),
                                  says("the end")};
    provider.scripts = std::deque<Script>(all.begin() + static_cast<std::ptrdiff_t>(answered), all.end());
  };
  script(0);
  observer.before_journal = [](const TurnStep& step) -> Status {
    if (step.index == GetParam()) return make_error(Code::unavailable, "killed");
    return Ok{};
  };
  play();
  ASSERT_FALSE(outcome.ok());
  const auto ran_before = hands.ran;
  std::size_t answered = 0;
  std::size_t results = 0;
  for (const TurnStep& step : observer.steps) {
    (std::holds_alternative<ModelAnswer>(step.what) ? answered : results) += 1;
  }
  observer.next_index = static_cast<int>(observer.steps.size());
  script(answered);
  resume();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(outcome->final_answer.text, "the end");
  EXPECT_EQ(provider.requests.size(), 3 - answered);
  EXPECT_EQ(request.journal.size() + observer.steps.size(), 5U);
  for (const ToolRequest& again : hands.ran) {
    const bool before =
        std::ranges::any_of(ran_before, [&](const ToolRequest& r) { return r.call.id == again.call.id; });
    if (before) EXPECT_EQ(again.call.name, "look") << "only an idempotent tool may run twice";
  }
  for (const TurnStep& step : observer.steps) {
    const auto* result = std::get_if<ToolResult>(&step.what);
    if (result != nullptr && result->status == ToolStatus::interrupted) {
      EXPECT_THAT(result->content_json, HasSubstr("unknown whether"));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryStep, Crash, testing::Values(0, 1, 2, 3, 4));

TEST_F(Turn, AJournaledFinalAnswerIsNotAskedAgain) {
  ModelAnswer last;
  last.text = "was said";
  request.journal = {{0, last}};
  play();
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->final_answer.text, "was said");
  EXPECT_TRUE(provider.requests.empty());
}

TEST_F(Turn, QuestionsAreShownAndWaitedFor) {
  hands.add_asking("send");
  hands.on_wait = [](Approval& question) { question.state = ApprovalState::granted; };
  provider.scripts = {calls({{"send", "{}"}}), says("sent")};
  play();
  ASSERT_TRUE(outcome.ok());
  EXPECT_THAT(observer.events, ElementsAre("journal answer", "call send", "approval open", "approval granted",
                                           "journal result", "result ok", "text"));
}

TEST_F(Turn, WithNobodyToAskNothingIsAsked) {
  hands.add_asking("send");
  request.can_ask = false;
  request.tool_mode = ApprovalMode::read_only;
  provider.scripts = {calls({{"send", "{}"}, {"echo", "{}"}}), says("not sent")};
  play();
  ASSERT_TRUE(outcome.ok());
  EXPECT_TRUE(hands.asked.empty());
  EXPECT_THAT(observer.events, testing::Contains("result denied"));
  ASSERT_EQ(hands.ran.size(), 1U);
  EXPECT_EQ(hands.ran[0].mode, ApprovalMode::read_only);
}

TEST_F(Turn, ATurnsTimeStandsStillWhileAPersonThinks) {
  hands.add_asking("send");
  options.turn_limit = Millis(80);
  const auto began = std::chrono::steady_clock::now();
  hands.on_wait = [began](Approval& question) {
    if (std::chrono::steady_clock::now() - began > Millis(250)) question.state = ApprovalState::denied;
  };
  provider.scripts = {calls({{"send", "{}"}}), says("well")};
  play();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  // And goes on afterwards.
  provider.scripts = {hangs()};
  play();
  EXPECT_EQ(code(), Code::deadline_exceeded);
}

TEST_F(Turn, AStopEndsTheWait) {
  hands.add_asking("send");
  hands.on_wait = [this](Approval&) { stop.request_stop(); };
  provider.scripts = {calls({{"send", "{}"}})};
  play();
  EXPECT_EQ(code(), Code::cancelled);
  EXPECT_EQ(observer.events.back(), "approval withdrawn");
  EXPECT_TRUE(hands.ran.empty());
}

TEST_F(Turn, AQuestionThatWasOpenIsAskedAgainAfterACrash) {
  hands.add_asking("send");
  hands.on_wait = [](Approval& question) { question.state = ApprovalState::granted; };
  ModelAnswer answer;
  answer.tool_calls = {{"id-1", "send", "{}"}, {"id-2", "echo", "{}"}};
  request.journal = {{0, answer}};
  observer.next_index = 1;
  provider.scripts = {says("ok")};
  play();
  ASSERT_TRUE(outcome.ok());
  ASSERT_EQ(hands.ran.size(), 1U);
  EXPECT_EQ(hands.ran[0].call.id, "id-1");
  EXPECT_TRUE(hands.ran[0].resumed);
  EXPECT_THAT(observer.events, testing::Contains("result interrupted"));  // nobody knows about the other one
}

TEST_F(Turn, LostHandsTakeTheirQuestionAlong) {
  const auto lost = [](const ToolRequest&) -> Result<ToolResult> { return make_error(Code::unavailable, "lost"); };
  hands.add("send", lost);
  ModelAnswer answer;
  answer.tool_calls = {{"id-1", "echo", "{}"}};
  request.journal = {{0, answer}};
  observer.next_index = 1;
  hands.tools.clear();  // the tool is gone, and with it what is known about it
  provider.scripts = {says("ok")};
  play();
  EXPECT_THAT(observer.events, testing::Contains("result interrupted"));
}

TEST_F(Turn, InterruptedCallsAreNotAnnouncedTwice) {
  ModelAnswer answer;
  answer.tool_calls = {{"id-1", "echo", "{}"}};
  request.journal = {{0, answer}};
  observer.next_index = 1;
  provider.scripts = {says("ok")};
  play();
  EXPECT_THAT(observer.events, ElementsAre("journal result", "result interrupted", "text"));
  EXPECT_TRUE(hands.ran.empty());
}

}  // namespace
}  // namespace librebird::brain::loop
