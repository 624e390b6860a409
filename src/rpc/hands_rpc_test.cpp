#include "rpc_testkit.hpp"

#include <hands.grpc.pb.h>

#include <grpcpp/create_channel.h>

#include <thread>

namespace librebird::rpc {
namespace {

using namespace testkit;

Task<Result<ToolResult>> chatty(ToolRequest request, OutputSink on_output) {
  for (int i = 0; i < 1000; ++i) {
    on_output("line\n");
    if (i % 100 == 0) co_await sleep_for(0ns);
  }
  on_output("\xff\xfe");  // programs write what they like
  co_return ToolResult{request.call.id, ToolStatus::ok, "{\"n\":1}", 3ms};
}

Task<void> output_streams(Loop& loop) {
  ScriptedHands hands;
  hands.tool = [](ToolRequest request, ToolObserver sink, std::stop_token) {
    return chatty(std::move(request), std::move(sink.output));
  };
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_hands_client(loop, options_for(server.port()));
  std::string output;
  auto result =
      co_await client->execute_tool({{"id", "chatty", "{}"}, hello().principal},
                                    ToolObserver{[&output](std::string_view text) { output += text; }, {}, {}}, {});
  EXPECT_TRUE(result) << result.error().message;
  if (result) EXPECT_EQ(*result, (ToolResult{"id", ToolStatus::ok, "{\"n\":1}", 3ms}));
  EXPECT_EQ(output.size(), 5002U);
  EXPECT_TRUE(output.ends_with("\xff\xfe"));
  // No sink is no mistake.
  EXPECT_TRUE(co_await client->execute_tool({{"id", "chatty", "{}"}, hello().principal}, ToolObserver{}, {}));
  auto tools = co_await client->list_tools({"somebody", "w", Role::guest, ""}, std::nullopt);
  EXPECT_TRUE(tools && tools->size() == 1 && tools->at(0).skill == "somebody");
  auto health = co_await client->health();
  EXPECT_TRUE(health && health->ready && health->sandbox == "bubblewrap");
  co_await server.stop();
}
TEST(HandsRpc, OutputStreams) { run(output_streams); }

Task<Result<ToolResult>> until_killed(OutputSink on_output, std::stop_token stop, bool& killed, Signal& changed) {
  on_output("started");
  co_await sleep_for(1h, stop);
  killed = true;
  changed.notify_all();
  co_return Error{Code::cancelled, "killed"};
}
Task<void> run_tool(HandsService& client, OutputSink sink, std::stop_token stop,
                    std::optional<Result<ToolResult>>& out) {
  out.emplace(co_await client.execute_tool({{"id", "sleep", "{}"}, hello().principal},
                                           ToolObserver{std::move(sink), {}, {}}, stop));
}
Task<void> cancel_kills_the_tool(Loop& loop) {
  bool killed = false;
  Signal changed(loop.executor());
  ScriptedHands hands;
  hands.tool = [&](ToolRequest, ToolObserver sink, std::stop_token stop) {
    return until_killed(std::move(sink.output), std::move(stop), killed, changed);
  };
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_hands_client(loop, options_for(server.port()));
  std::stop_source source;
  std::optional<Result<ToolResult>> result;
  Scope scope(loop.executor());
  // Stopped from within the sink: the call ends cleanly all the same.
  scope.spawn(run_tool(*client, [&](std::string_view) { source.request_stop(); }, source.get_token(), result));
  co_await scope.join();
  EXPECT_EQ(result->error().code, Code::cancelled);
  while (!killed) co_await changed.wait();
  co_await server.stop();
}
TEST(HandsRpc, CancelKillsTheTool) { run(cancel_kills_the_tool); }

Task<Result<ToolResult>> asks_first(ToolRequest request, ToolObserver observer) {
  EXPECT_EQ(request.mode, ApprovalMode::read_only);
  EXPECT_TRUE(request.resumed);
  if (!observer.approval) co_return ToolResult{request.call.id, ToolStatus::denied, "{}", 0ms};
  Approval question = ScriptedHands::question("q");
  observer.approval(question);
  observer.progress({"call", 0.5, "half \xff"});
  observer.progress({"call", std::nullopt, ""});
  question.state = ApprovalState::granted;
  question.decision = ApprovalDecision::once;
  question.decided_at = 7;
  observer.approval(question);
  co_return ToolResult{request.call.id, ToolStatus::ok, "{}", 0ms};
}
Task<void> questions_and_progress_pass(Loop& loop) {
  ScriptedHands hands;
  hands.tool = [](ToolRequest request, ToolObserver observer, std::stop_token) {
    return asks_first(std::move(request), std::move(observer));
  };
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_hands_client(loop, options_for(server.port()));
  ToolRequest request{{"id", "t", "{}"}, hello().principal};
  request.mode = ApprovalMode::read_only;
  request.resumed = true;
  std::vector<Approval> asked;
  std::vector<ToolProgress> progress;
  ToolObserver observer;
  observer.approval = [&](const Approval& approval) { asked.push_back(approval); };
  observer.progress = [&](const ToolProgress& step) { progress.push_back(step); };
  EXPECT_TRUE(co_await client->execute_tool(request, observer, {}));
  EXPECT_EQ(asked.size(), 2U);
  if (asked.size() == 2) {
    EXPECT_EQ(asked[0], ScriptedHands::question("q"));
    EXPECT_EQ(asked[1].decision, ApprovalDecision::once);
    EXPECT_EQ(asked[1].decided_at, 7);
  }
  EXPECT_EQ(progress, (std::vector<ToolProgress>{{"call", 0.5, "half \xff"}, {"call", std::nullopt, ""}}));
  // Whoever cannot ask must not look as if it could.
  const auto refused = co_await client->execute_tool(request, ToolObserver{}, {});
  EXPECT_TRUE(refused && refused->status == ToolStatus::denied);
  co_await server.stop();
}
TEST(HandsRpc, QuestionsAndProgressPass) { run(questions_and_progress_pass); }

Task<void> approvals_pass(Loop& loop) {
  ScriptedHands hands;
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_hands_client(loop, options_for(server.port()));
  const Principal me = hello().principal;
  for (const auto decision : {ApprovalDecision::once, ApprovalDecision::always, ApprovalDecision::deny}) {
    EXPECT_EQ((co_await client->decide(me, "q", decision))->decision, decision);
  }
  EXPECT_EQ((co_await client->decide(me, "absent", ApprovalDecision::once)).error().code, Code::not_found);
  const auto listed = co_await client->list_approvals(me, true, 17);
  EXPECT_TRUE(listed && listed->size() == 1 && listed->at(0).id == "17" && listed->at(0).state == ApprovalState::open);
  const auto mode = co_await client->get_mode(me, "c");
  EXPECT_TRUE(mode && *mode == (ToolMode{std::nullopt, ApprovalMode::automatic, ApprovalMode::read_only}));
  const auto set = co_await client->set_mode(me, "", ApprovalMode::read_only);
  EXPECT_TRUE(set && *set == (ToolMode{ApprovalMode::read_only, std::nullopt, ApprovalMode::ask}));
  const auto unset = co_await client->set_mode(me, "c", std::nullopt);
  EXPECT_TRUE(unset && *unset == ToolMode{});
  const auto grants = co_await client->list_grants(me);
  EXPECT_TRUE(grants && grants->size() == 1 && grants->at(0).host == "*.\xff" && grants->at(0).user_id == me.user_id);
  EXPECT_TRUE(co_await client->revoke_grant(me, "g"));
  EXPECT_EQ((co_await client->revoke_grant(me, "absent")).error().code, Code::not_found);
  co_await server.stop();
}
TEST(HandsRpc, ApprovalsPass) { run(approvals_pass); }

Task<Result<ToolResult>> ran_before() { co_return Error{Code::already_exists, "This call ran before.", false, 0ms}; }
Task<void> errors_are_exact(Loop& loop) {
  ScriptedHands hands;
  hands.tool = [](ToolRequest, ToolObserver, std::stop_token) { return ran_before(); };
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_hands_client(loop, options_for(server.port()));
  auto result = co_await client->execute_tool({{"id", "x", "{}"}, hello().principal}, ToolObserver{}, {});
  EXPECT_EQ(result.error(), (Error{Code::already_exists, "This call ran before.", false, 0ms}));
  co_await server.stop();
}
TEST(HandsRpc, ErrorsAreExact) { run(errors_are_exact); }

Task<void> expect_refused(Loop& loop, int port, std::string secret) {
  RpcOptions options = options_for(port);
  options.secret = std::move(secret);
  auto client = make_hands_client(loop, options);
  const auto health = co_await client->health();
  EXPECT_FALSE(health);
  EXPECT_EQ(health.error().code, Code::unauthenticated) << health.error().message;
}
Task<void> wrong_secret_is_refused(Loop& loop) {
  ScriptedHands hands;
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  co_await expect_refused(loop, server.port(), "another-secret-of-the-kind");
  co_await expect_refused(loop, server.port(), options_for(0).secret + "x");
  co_await expect_refused(loop, server.port(), options_for(0).secret.substr(1));
  co_await server.stop();
}
TEST(RpcAuth, WrongSecretIsRefused) { run(wrong_secret_is_refused); }

// A client of the generated code: the wire is what the .proto files say, for any language.
struct Foreign {
  grpc::Status without_secret;
  grpc::Status unknown_method;
  grpc::Status twice;
  grpc::Status unknown_enum;
  grpc::Status health;
  v1::HealthResponse response;
  int events = 0;
};
Foreign call_as_stranger(int port) {
  Foreign seen;
  auto channel = grpc::CreateChannel(fmt::format("127.0.0.1:{}", port), grpc::InsecureChannelCredentials());
  auto stub = v1::Hands::NewStub(channel);
  const std::string bearer = "Bearer " + options_for(0).secret;
  {
    grpc::ClientContext context;
    v1::HealthResponse response;
    seen.without_secret = stub->Health(&context, {}, &response);
  }
  {
    grpc::ClientContext context;
    context.AddMetadata("authorization", "Bearer wrong");
    context.AddMetadata("authorization", bearer);
    v1::HealthResponse response;
    seen.twice = stub->Health(&context, {}, &response);
  }
  {
    grpc::ClientContext context;
    context.AddMetadata("authorization", bearer);
    v1::ListToolsRequest request;
    request.mutable_principal()->set_role(static_cast<v1::Principal::Role>(99));
    v1::ListToolsResponse response;
    seen.unknown_enum = stub->ListTools(&context, request, &response);
  }
  {
    grpc::ClientContext context;
    context.AddMetadata("authorization", bearer);
    seen.health = stub->Health(&context, {}, &seen.response);
  }
  {
    grpc::ClientContext context;
    context.AddMetadata("authorization", bearer);
    v1::ExecuteToolRequest request;
    request.mutable_principal()->set_role(v1::Principal::ROLE_MEMBER);
    auto reader = stub->ExecuteTool(&context, request);
    v1::ExecuteToolEvent event;
    while (reader->Read(&event)) ++seen.events;
    seen.unknown_method = reader->Finish();
  }
  return seen;
}
Task<void> generated_clients_work(Loop& loop) {
  ScriptedHands hands;
  hands.tool = [](ToolRequest request, ToolObserver sink, std::stop_token) {
    return chatty(std::move(request), std::move(sink.output));
  };
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  std::thread thread;
  auto start = [&thread, port = server.port()](Resume<Foreign> resume) {
    thread = std::thread([port, resume = std::move(resume)]() mutable { resume(call_as_stranger(port)); });
  };
  const Foreign seen = co_await suspend<Foreign>(std::ref(start));
  thread.join();
  EXPECT_EQ(seen.without_secret.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(seen.twice.error_code(), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(seen.unknown_enum.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_TRUE(seen.health.ok()) << seen.health.error_message();
  EXPECT_TRUE(seen.response.ready());
  EXPECT_TRUE(seen.unknown_method.ok()) << seen.unknown_method.error_message();
  EXPECT_GT(seen.events, 1);
  co_await server.stop();
}
TEST(HandsRpc, GeneratedClientsWork) { run(generated_clients_work); }

Task<void> wrong_service_is_refused(Loop& loop) {
  ScriptedHands hands;
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  auto brain = make_brain_client(loop, options_for(server.port()));
  const auto model = co_await brain->default_model();
  EXPECT_EQ(model.error().code, Code::failed_precondition) << model.error().message;
  co_await server.stop();
}
TEST(HandsRpc, WrongServiceIsRefused) { run(wrong_service_is_refused); }

Task<void> taken_port_is_an_error(Loop& loop) {
  ScriptedHands hands;
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  HandsServer second(loop, hands, options_for(server.port()));
  const Status taken = second.start();
  EXPECT_FALSE(taken);
  co_await second.stop();
  co_await server.stop();
  co_await server.stop();
}
TEST(HandsRpc, TakenPortIsAnError) { run(taken_port_is_an_error); }

Task<void> unix_sockets_work(Loop& loop) {
  ScriptedHands hands;
  RpcOptions options = options_for(0);
  options.address = fmt::format("unix:{}/hands-{}.sock", testing::TempDir().substr(0, 60), getpid());
  HandsServer server(loop, hands, options);
  const Status started = server.start();
  EXPECT_TRUE(started);
  EXPECT_EQ(server.port(), 0);
  auto client = make_hands_client(loop, options);
  EXPECT_TRUE(co_await client->health());
  co_await server.stop();
}
TEST(HandsRpc, UnixSocketsWork) { run(unix_sockets_work); }

Task<void> nobody_listens(Loop& loop) {
  auto client = make_hands_client(loop, options_for(1));
  const auto health = co_await client->health();
  EXPECT_EQ(health.error().code, Code::unavailable) << health.error().message;
  RpcOptions bare = options_for(1);
  bare.secret.clear();
  auto refused = make_hands_client(loop, bare);
  EXPECT_EQ((co_await refused->health()).error().code, Code::failed_precondition);
}
TEST(HandsRpc, NobodyListens) { run(nobody_listens); }

}  // namespace
}  // namespace librebird::rpc
