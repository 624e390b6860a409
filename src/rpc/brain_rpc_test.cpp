#include "rpc_testkit.hpp"

namespace librebird::rpc {
namespace {

using namespace testkit;

// A model answer with one tool call, its result, a final answer.
Task<Result<ChatOutcome>> tool_turn(ChatRequest request, ChatObserver& observer, std::stop_token) {
  observer.on_text("let me ");
  observer.on_text("see");
  const ToolCall call{"call-1", "calculator", "{}"};
  LB_CO_CHECK(co_await observer.journal({0, answer("let me see", {call})}));
  observer.on_tool_call(call);
  const ToolResult result{"call-1", ToolStatus::ok, "42", 5ms};
  observer.on_tool_result(result);
  LB_CO_CHECK(co_await observer.journal({1, result}));
  observer.on_text("it is 42, " + request.history.back().content);
  LB_CO_CHECK(co_await observer.journal({2, answer("it is 42")}));
  co_return ChatOutcome{FinishReason::stop, {6, 8}, answer("it is 42")};
}

Task<void> streams_in_order(Loop& loop) {
  ScriptedBrain brain;
  brain.chat = tool_turn;
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  RecordingObserver observer(loop);
  auto outcome = co_await client->stream_chat(hello(), observer, {});
  EXPECT_TRUE(outcome) << outcome.error().message;
  if (outcome) {
    EXPECT_EQ(outcome->finish_reason, FinishReason::stop);
    EXPECT_EQ(outcome->usage, (TokenUsage{6, 8}));
    EXPECT_EQ(outcome->final_answer, answer("it is 42"));
  }
  EXPECT_EQ(observer.events,
            (std::vector<std::string>{"text", "step 0", "call calculator", "result 42", "step 1", "text", "step 2"}));
  EXPECT_EQ(observer.text, "let me seeit is 42, hello");
  EXPECT_EQ(observer.steps.size(), 3U);
  co_await server.stop();
}
TEST(BrainRpc, StreamsInOrder) { run(streams_in_order); }

struct Progress {
  explicit Progress(Loop& loop) : changed(loop.executor()) {}
  int passed = 0;
  bool stopped = false;
  std::optional<Error> error;
  Signal changed;

  void advance() {
    ++passed;
    changed.notify_all();
  }
};

Task<Result<ChatOutcome>> stepwise(Progress& progress, ChatObserver& observer) {
  for (int i = 0; i < 2; ++i) {
    const Status written = co_await observer.journal({i, answer("step")});
    if (!written) {
      progress.error = written.error();
      progress.advance();
      co_return written.error();
    }
    progress.advance();
  }
  co_return ChatOutcome{};
}

Task<void> chat_into(BrainService& client, ChatObserver& observer, std::stop_token stop,
                     std::optional<Result<ChatOutcome>>& out) {
  out.emplace(co_await client.stream_chat(hello(), observer, stop));
}

Task<void> brain_waits_for_the_ack(Loop& loop) {
  Progress progress(loop);
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token) { return stepwise(progress, observer); };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  RecordingObserver observer(loop);
  observer.hold = true;
  std::optional<Result<ChatOutcome>> outcome;
  Scope scope(loop.executor());
  scope.spawn(chat_into(*client, observer, {}, outcome));
  while (observer.steps.empty()) co_await observer.changed.wait();
  // The step is here and not yet durable. Other calls go through meanwhile, the brain does not.
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(co_await client->default_model());
  EXPECT_EQ(progress.passed, 0);
  observer.hold = false;
  observer.changed.notify_all();
  co_await scope.join();
  EXPECT_EQ(progress.passed, 2);
  EXPECT_TRUE(outcome && *outcome);
  co_await server.stop();
}
TEST(BrainRpc, BrainWaitsForTheAck) { run(brain_waits_for_the_ack); }

Task<void> refused_step_ends_the_turn(Loop& loop) {
  Progress progress(loop);
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token) { return stepwise(progress, observer); };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  RecordingObserver observer(loop);
  observer.refuse = Error{Code::failed_precondition, "The turn belongs to another worker.", false, 0ms};
  auto outcome = co_await client->stream_chat(hello(), observer, {});
  EXPECT_FALSE(outcome);
  EXPECT_EQ(outcome.error(), *observer.refuse);
  EXPECT_EQ(progress.error, observer.refuse);
  EXPECT_EQ(observer.steps.size(), 1U);
  co_await server.stop();
}
TEST(BrainRpc, RefusedStepEndsTheTurn) { run(refused_step_ends_the_turn); }

Task<Status> journal_one(ChatObserver& observer, int index) {
  co_return co_await observer.journal({index, ToolResult{std::to_string(index), ToolStatus::ok, "{}"}});
}
Task<void> journal_into(ChatObserver& observer, int index, int& good) {
  if (co_await journal_one(observer, index)) ++good;
}
Task<Result<ChatOutcome>> parallel_steps(Loop& loop, ChatObserver& observer) {
  Scope scope(loop.executor());
  int good = 0;
  for (int i = 0; i < 20; ++i) scope.spawn(journal_into(observer, i, good));
  co_await scope.join();
  co_return ChatOutcome{FinishReason::stop, {good, 0}};
}
Task<void> parallel_journals_are_serialised(Loop& loop) {
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token) { return parallel_steps(loop, observer); };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  RecordingObserver observer(loop);
  auto outcome = co_await client->stream_chat(hello(), observer, {});
  EXPECT_TRUE(outcome && outcome->usage.prompt_tokens == 20);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(observer.steps[i].index, i);
  co_await server.stop();
}
TEST(BrainRpc, ParallelJournalsAreSerialised) { run(parallel_journals_are_serialised); }

Task<Result<ChatOutcome>> until_stopped(Progress& progress, ChatObserver& observer, std::stop_token stop) {
  observer.on_text("thinking");
  co_await sleep_for(1h, stop);
  progress.stopped = stop.stop_requested();
  progress.advance();
  co_return Error{Code::cancelled, "stopped"};
}

Task<void> client_stop_stops_the_brain(Loop& loop) {
  Progress progress(loop);
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token stop) {
    return until_stopped(progress, observer, std::move(stop));
  };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  RecordingObserver observer(loop);
  std::stop_source source;
  std::optional<Result<ChatOutcome>> outcome;
  Scope scope(loop.executor());
  scope.spawn(chat_into(*client, observer, source.get_token(), outcome));
  while (observer.text.empty()) co_await observer.changed.wait();
  source.request_stop();
  co_await scope.join();
  EXPECT_EQ(outcome->error().code, Code::cancelled);
  while (progress.passed == 0) co_await progress.changed.wait();
  EXPECT_TRUE(progress.stopped);
  // Stopped before it began.
  EXPECT_EQ((co_await client->stream_chat(hello(), observer, source.get_token())).error().code, Code::cancelled);
  co_await server.stop();
}
TEST(BrainRpc, ClientStopStopsTheBrain) { run(client_stop_stops_the_brain); }

Task<void> stopped_server_is_unavailable_then_back(Loop& loop) {
  Progress progress(loop);
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token stop) {
    return until_stopped(progress, observer, std::move(stop));
  };
  auto server = std::make_unique<BrainServer>(loop, brain, options_for(0));
  EXPECT_TRUE(server->start());
  const int port = server->port();
  auto client = make_brain_client(loop, options_for(port));
  RecordingObserver observer(loop);
  std::optional<Result<ChatOutcome>> outcome;
  Scope scope(loop.executor());
  scope.spawn(chat_into(*client, observer, {}, outcome));
  while (observer.text.empty()) co_await observer.changed.wait();
  co_await server->stop();
  co_await scope.join();
  EXPECT_EQ(outcome->error().code, Code::unavailable) << outcome->error().message;
  EXPECT_TRUE(outcome->error().retryable);
  // Away: says so at once.
  const auto away = co_await client->default_model();
  EXPECT_EQ(away.error().code, Code::unavailable) << away.error().message;
  // Back: the channel finds it by itself.
  server = std::make_unique<BrainServer>(loop, brain, options_for(port));
  const Status started = server->start();
  EXPECT_TRUE(started);
  bool found = false;
  for (int i = 0; i < 200 && !found; ++i) {
    found = (co_await client->default_model()).ok();
    if (!found) co_await sleep_for(20ms);  // the back-off is real time
  }
  EXPECT_TRUE(found);
  co_await server->stop();
}
TEST(BrainRpc, StoppedServerIsUnavailableThenBack) { run(stopped_server_is_unavailable_then_back); }

Task<void> cut_connection_is_unavailable(Loop& loop) {
  Progress progress(loop);
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token stop) {
    return until_stopped(progress, observer, std::move(stop));
  };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  Relay relay(loop, server.port());
  auto client = make_brain_client(loop, options_for(relay.port()));
  RecordingObserver observer(loop);
  std::optional<Result<ChatOutcome>> outcome;
  Scope scope(loop.executor());
  scope.spawn(chat_into(*client, observer, {}, outcome));
  while (observer.text.empty()) co_await observer.changed.wait();
  const auto before = std::chrono::steady_clock::now();
  relay.cut();
  co_await scope.join();
  EXPECT_LT(std::chrono::steady_clock::now() - before, 2s);
  EXPECT_EQ(outcome->error().code, Code::unavailable) << outcome->error().message;
  // The server's side notices too: the brain does not think for nobody.
  while (progress.passed == 0) co_await progress.changed.wait();
  EXPECT_TRUE(progress.stopped);
  EXPECT_TRUE(co_await client->default_model());
  co_await relay.stop();
  co_await server.stop();
}
TEST(BrainRpc, CutConnectionIsUnavailable) { run(cut_connection_is_unavailable); }

Task<void> dead_network_is_noticed(Loop& loop) {
  Progress progress(loop);
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token stop) {
    return until_stopped(progress, observer, std::move(stop));
  };
  RpcOptions options = options_for(0);
  options.keepalive = 200ms;
  options.keepalive_timeout = 200ms;
  BrainServer server(loop, brain, options);
  EXPECT_TRUE(server.start());
  Relay relay(loop, server.port());
  options.address = options_for(relay.port()).address;
  auto client = make_brain_client(loop, options);
  RecordingObserver observer(loop);
  std::optional<Result<ChatOutcome>> outcome;
  Scope scope(loop.executor());
  scope.spawn(chat_into(*client, observer, {}, outcome));
  while (observer.text.empty()) co_await observer.changed.wait();
  relay.freeze();
  co_await scope.join();
  EXPECT_EQ(outcome->error().code, Code::unavailable) << outcome->error().message;
  while (progress.passed == 0) co_await progress.changed.wait();
  co_await relay.stop();
  co_await server.stop();
}
TEST(BrainRpc, DeadNetworkIsNoticed) { run(dead_network_is_noticed); }

Task<Result<ChatOutcome>> flood(Progress& progress, ChatObserver& observer, std::stop_token stop) {
  const std::string piece(64 * 1024, 'x');
  while (!stop.stop_requested() && progress.passed < 100'000) {
    observer.on_text(piece);
    ++progress.passed;
    co_await sleep_for(0ns);
  }
  progress.stopped = stop.stop_requested();
  const Status written = co_await observer.journal({0, answer("")});
  progress.error = written ? std::nullopt : std::optional(written.error());
  progress.changed.notify_all();
  co_return Error{Code::cancelled, "stopped"};
}
// An observer that blocks in its journal stops reading; here the client is held in the ack of a first step while a
// second source of text floods the stream.
Task<Result<ChatOutcome>> flood_beside_journal(Loop& loop, Progress& progress, ChatObserver& observer,
                                               std::stop_token stop) {
  Scope scope(loop.executor());
  int good = 0;
  scope.spawn(journal_into(observer, 0, good));
  auto result = co_await flood(progress, observer, stop);
  co_await scope.join();
  co_return result;
}
Task<void> slow_reader_is_dropped(Loop& loop) {
  Progress progress(loop);
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token stop) {
    return flood_beside_journal(loop, progress, observer, std::move(stop));
  };
  RpcOptions options = options_for(0);
  options.max_queued_bytes = 1024 * 1024;
  BrainServer server(loop, brain, options);
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  RecordingObserver observer(loop);
  observer.hold = true;
  std::optional<Result<ChatOutcome>> outcome;
  Scope scope(loop.executor());
  scope.spawn(chat_into(*client, observer, {}, outcome));
  while (!progress.error) co_await progress.changed.wait();
  EXPECT_TRUE(progress.stopped);
  EXPECT_LT(progress.passed, 400);  // 1 MiB of ours, and what gRPC and the kernel hold
  observer.hold = false;
  observer.changed.notify_all();
  co_await scope.join();
  EXPECT_EQ(outcome->error().code, Code::unavailable) << outcome->error().message;
  co_await server.stop();
}
TEST(BrainRpc, SlowReaderIsDropped) { run(slow_reader_is_dropped); }

Task<Result<ChatOutcome>> many_deltas(ChatObserver& observer) {
  for (int i = 0; i < 500; ++i) {
    observer.on_text("token ");
    if (i % 50 == 0) co_await sleep_for(0ns);
  }
  LB_CO_CHECK(co_await observer.journal({0, answer("done")}));
  co_return ChatOutcome{};
}
Task<void> count_chat(BrainService& client, Loop& loop, int& good) {
  RecordingObserver observer(loop);
  const auto outcome = co_await client.stream_chat(hello(), observer, {});
  EXPECT_TRUE(outcome) << outcome.error().message;
  if (outcome && observer.text.size() == 3000) ++good;
}
Task<void> hundred_streams(Loop& loop) {
  ScriptedBrain brain;
  brain.chat = [](ChatRequest, ChatObserver& observer, std::stop_token) { return many_deltas(observer); };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  int good = 0;
  Scope scope(loop.executor());
  for (int i = 0; i < 100; ++i) scope.spawn(count_chat(*client, loop, good));
  co_await scope.join();
  EXPECT_EQ(good, 100);
  co_await server.stop();
}
TEST(BrainRpc, HundredStreams) { run(hundred_streams); }

Task<Result<ToolResult>> echo_tool(ToolRequest request) {
  co_return ToolResult{request.call.id, ToolStatus::denied, request.call.arguments_json, 9ms};
}
Task<Result<ToolResult>> busy_tool() {
  co_return Error{Code::resource_exhausted, "Too many tools; wait — \xc3\xa9.", true, 12'345ms};
}
Task<void> unary_calls(Loop& loop) {
  ScriptedBrain brain;
  brain.tool = [](ToolRequest request, std::stop_token) { return echo_tool(std::move(request)); };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  const std::string broken = "{\"a\": \xff\xfe";  // models write such things
  auto result = co_await client->execute_tool({{"id", "name", broken}, hello().principal}, {});
  EXPECT_TRUE(result);
  EXPECT_EQ(*result, (ToolResult{"id", ToolStatus::denied, broken, 9ms}));
  brain.tool = [](ToolRequest, std::stop_token) { return busy_tool(); };
  auto busy = co_await client->execute_tool({{"id", "name", "{}"}, hello().principal}, {});
  EXPECT_EQ(busy.error(), (Error{Code::resource_exhausted, "Too many tools; wait — \xc3\xa9.", true, 12'345ms}));
  auto memory = co_await client->get_memory({hello().principal, "tea", 3});
  EXPECT_TRUE(memory);
  EXPECT_EQ(memory->at(0).content, "tea");
  EXPECT_EQ(brain.asked.limit, 3);
  EXPECT_EQ(*(co_await client->default_model()), (ModelInfo{"demo", "rules", true}));
  EXPECT_EQ(*(co_await client->list_models({})), brain.models);
  co_await server.stop();
}
TEST(BrainRpc, UnaryCalls) { run(unary_calls); }

Task<Result<ChatOutcome>> big_step(ChatObserver& observer) {
  LB_CO_CHECK(co_await observer.journal({0, answer(std::string(3 * 1024 * 1024, 'x'))}));
  co_return ChatOutcome{};
}
Task<void> oversized_messages(Loop& loop) {
  ScriptedBrain brain;
  brain.chat = [](ChatRequest, ChatObserver& observer, std::stop_token) { return big_step(observer); };
  RpcOptions small = options_for(0);
  small.max_message_bytes = 1024 * 1024;
  BrainServer server(loop, brain, small);
  EXPECT_TRUE(server.start());
  RecordingObserver observer(loop);
  // The server will not send it.
  auto client = make_brain_client(loop, options_for(server.port()));
  auto outcome = co_await client->stream_chat(hello(), observer, {});
  EXPECT_EQ(outcome.error().code, Code::too_large) << outcome.error().message;
  // The server will not take it.
  ChatRequest large = hello();
  large.history[0].content.assign(2 * 1024 * 1024, 'y');
  outcome = co_await client->stream_chat(large, observer, {});
  EXPECT_EQ(outcome.error().code, Code::too_large) << outcome.error().message;
  // The client does not even send it.
  small.address = options_for(server.port()).address;
  auto careful = make_brain_client(loop, small);
  outcome = co_await careful->stream_chat(large, observer, {});
  EXPECT_EQ(outcome.error().code, Code::too_large) << outcome.error().message;
  EXPECT_TRUE(observer.steps.empty());
  co_await server.stop();
}
TEST(BrainRpc, OversizedMessages) { run(oversized_messages); }

Task<Result<ChatOutcome>> thrower(ChatObserver&) {
  throw std::runtime_error("on purpose");
  co_return ChatOutcome{};
}
Task<void> throwing_service_is_internal(Loop& loop) {
  ScriptedBrain brain;
  brain.chat = [](ChatRequest, ChatObserver& observer, std::stop_token) { return thrower(observer); };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_brain_client(loop, options_for(server.port()));
  RecordingObserver observer(loop);
  auto outcome = co_await client->stream_chat(hello(), observer, {});
  EXPECT_EQ(outcome.error().code, Code::internal);
  EXPECT_EQ(outcome.error().message.find("on purpose"), std::string::npos);
  co_await server.stop();
}
TEST(BrainRpc, ThrowingServiceIsInternal) { run(throwing_service_is_internal); }

Task<void> client_dies_after_its_call(Loop& loop) {
  Progress progress(loop);
  ScriptedBrain brain;
  brain.chat = [&](ChatRequest, ChatObserver& observer, std::stop_token stop) {
    return until_stopped(progress, observer, std::move(stop));
  };
  BrainServer server(loop, brain, options_for(0));
  EXPECT_TRUE(server.start());
  std::stop_source source;
  auto client = make_brain_client(loop, options_for(server.port()));
  RecordingObserver observer(loop);
  std::optional<Result<ChatOutcome>> outcome;
  Scope scope(loop.executor());
  scope.spawn(chat_into(*client, observer, source.get_token(), outcome));
  source.request_stop();
  co_await scope.join();
  client.reset();
  co_await server.stop();
}
TEST(BrainRpc, ClientDiesRightAfterItsCall) { run(client_dies_after_its_call); }

}  // namespace
}  // namespace librebird::rpc
