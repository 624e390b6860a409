#include <librebird/gateway/mcp_server.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>

#include <boost/json.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::gateway {
namespace {

namespace json = boost::json;
using testing::HasSubstr;

class ScriptedHands final : public HandsService {
 public:
  explicit ScriptedHands(Executor executor) : changed(executor) {}
  Task<Result<ToolResult>> execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) override {
    requests.push_back(request);
    EXPECT_FALSE(observer.approval);  // there is nobody to ask
    if (observer.output) observer.output("half way");
    if (hold) {
      changed.notify_all();
      co_await changed.wait(stop, Millis(5'000));
      if (stop.stop_requested()) co_return make_error(Code::cancelled, "stopped");
    }
    if (error) co_return *error;
    co_return ToolResult{request.call.id, status, content, Millis(1)};
  }
  Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal, std::optional<std::int64_t>) override {
    if (principal.role == Role::guest) co_return std::vector<ToolSpec>{};
    ToolSpec tool;
    tool.name = "echo";
    tool.description = "Say it again";
    tool.parameters_json = R"({"type":"object","properties":{}})";
    co_return std::vector<ToolSpec>{tool};
  }
  Task<Result<HandsHealth>> health() override { co_return HandsHealth{}; }
  Task<Result<Approval>> decide(Principal, std::string, ApprovalDecision) override { co_return Approval{}; }
  Task<Result<std::vector<Approval>>> list_approvals(Principal, bool, int) override {
    co_return std::vector<Approval>{};
  }
  Task<Result<ToolMode>> get_mode(Principal, std::string) override { co_return ToolMode{}; }
  Task<Result<ToolMode>> set_mode(Principal, std::string, std::optional<ApprovalMode>) override {
    co_return ToolMode{};
  }
  Task<Result<std::vector<Grant>>> list_grants(Principal) override { co_return std::vector<Grant>{}; }
  Task<Status> revoke_grant(Principal, std::string) override { co_return Ok{}; }

  std::vector<ToolRequest> requests;
  ToolStatus status = ToolStatus::ok;
  std::string content = R"({"said":"hi"})";
  std::optional<Error> error;
  bool hold = false;
  Signal changed;
};

class Mcp : public testing::Test {
 protected:
  static Task<void> ask_into(McpServer& server, Principal who, McpMessage message, McpServer::Notify notify,
                             McpAnswer& out) {
    out = co_await server.answer(std::move(who), std::move(message), std::move(notify), {});
  }
  static Task<void> end(Loop& loop, Scope& scope) {
    co_await scope.join();
    loop.stop();
  }
  void finish(Scope& scope) {
    Scope last(loop_.executor());
    last.spawn(end(loop_, scope), "end");
    loop_.run();
    loop_.context().restart();
    loop_.context().poll();
    loop_.context().restart();
  }
  McpAnswer ask(const std::string& text, McpServer::Notify notify = nullptr) {
    auto message = McpMessage::parse(text);
    EXPECT_TRUE(message.ok()) << text;
    McpAnswer answer;
    Scope scope(loop_.executor());
    scope.spawn(ask_into(server_, who_, std::move(*message), std::move(notify), answer), "ask");
    finish(scope);
    return answer;
  }
  json::value result(const std::string& text) { return json::parse(ask(text).body).at("result"); }
  json::value error(const std::string& text) { return json::parse(ask(text).body).at("error"); }

  static std::string modern(const std::string& method, const std::string& more = "",
                            const std::string& version = "2026-07-28") {
    return R"({"jsonrpc":"2.0","id":"a","method":")" + method + R"(","params":{)" + more +
           R"("_meta":{"io.modelcontextprotocol/protocolVersion":")" + version +
           R"(","io.modelcontextprotocol/clientCapabilities":{}}}})";
  }

  Loop loop_;
  SystemClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  ScriptedHands hands_{loop_.executor()};
  McpServer server_{hands_, ids_, "9.9"};
  Principal who_{"u", "w", Role::member, "key"};
};

TEST_F(Mcp, OlderClientsInitialize) {
  const auto asked = result(
      R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{}}})");
  EXPECT_EQ(asked.at("protocolVersion"), "2025-06-18");
  EXPECT_EQ(asked.at("serverInfo").at("version"), "9.9");
  // An unknown one is offered the newest that begins this way.
  EXPECT_EQ(result(R"({"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"1"}})")
                .at("protocolVersion"),
            "2025-11-25");
  EXPECT_EQ(ask(R"({"jsonrpc":"2.0","id":7,"method":"ping"})").body, R"({"jsonrpc":"2.0","id":7,"result":{}})");
  EXPECT_EQ(ask(R"({"jsonrpc":"2.0","method":"notifications/initialized"})").http_status, 202);
}

TEST_F(Mcp, TheStatelessRevisionSaysEverythingInEachMessage) {
  const auto found = result(modern("server/discover"));
  EXPECT_EQ(found.at("supportedVersions").as_array()[0], "2026-07-28");
  EXPECT_EQ(found.at("resultType"), "complete");
  EXPECT_EQ(found.at("_meta").at("io.modelcontextprotocol/serverInfo").at("name"), "librebird");
  EXPECT_EQ(result(modern("tools/list")).at("cacheScope"), "private");
  EXPECT_EQ(error(R"({"jsonrpc":"2.0","id":1,"method":"server/discover","params":{}})").at("code"), -32602);
  const McpAnswer old = ask(modern("initialize"));
  EXPECT_EQ(old.http_status, 404);
  const auto unknown = error(modern("server/discover", "", "v9"));
  EXPECT_EQ(unknown.at("code"), -32022);
  EXPECT_EQ(unknown.at("data").at("requested"), "v9");
}

TEST_F(Mcp, CallsGoToTheHands) {
  const std::string call =
      R"({"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":"echo","arguments":{"b":1}}})";
  auto said = result(call);
  EXPECT_EQ(hands_.requests.at(0).call.arguments_json, R"({"b":1})");
  EXPECT_EQ(hands_.requests.at(0).principal, who_);
  EXPECT_EQ(said.at("content").as_array()[0].at("text"), R"({"said":"hi"})");
  EXPECT_EQ(said.at("structuredContent").at("said"), "hi");
  EXPECT_FALSE(said.as_object().contains("isError"));
  hands_.status = ToolStatus::denied;
  hands_.content = R"({"error":"Not for you."})";
  said = result(call);
  EXPECT_EQ(said.at("isError"), true);
  hands_.status = ToolStatus::ok;
  hands_.content = R"("plain")";
  said = result(call);
  EXPECT_EQ(said.at("content").as_array()[0].at("text"), "plain");
  EXPECT_FALSE(said.as_object().contains("structuredContent"));
  hands_.error = make_error(Code::resource_exhausted, "Wait a little.");
  EXPECT_EQ(error(call).at("message"), "Wait a little.");
}

TEST_F(Mcp, KnowsOnlyThePersonsTools) {
  const std::string call = R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo"}})";
  who_.role = Role::guest;
  EXPECT_EQ(error(call).at("code"), -32602);
  EXPECT_TRUE(result(R"({"jsonrpc":"2.0","id":1,"method":"tools/list"})").at("tools").as_array().empty());
  EXPECT_TRUE(hands_.requests.empty());
  EXPECT_EQ(error(R"({"jsonrpc":"2.0","id":1,"method":"resources/list"})").at("code"), -32601);
  EXPECT_EQ(error(R"({"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"cursor":"x"}})").at("code"), -32602);
}

TEST_F(Mcp, TellsProgressWhereItWasAskedFor) {
  std::vector<std::string> told;
  ask(R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"echo","_meta":{"progressToken":"p"}}})",
      [&told](std::string text) { told.push_back(std::move(text)); });
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(json::parse(told[0]).at("params").at("progressToken"), "p");
  EXPECT_THAT(told[0], HasSubstr("half way"));
}

TEST_F(Mcp, CancelsOnlyTheCallersOwnCall) {
  hands_.hold = true;
  McpAnswer answer;
  Scope scope(loop_.executor());
  scope.spawn(ask_into(server_, who_,
                       *McpMessage::parse(R"({"jsonrpc":"2.0","id":5,"method":"tools/call","params":{"name":"echo"}})"),
                       nullptr, answer),
              "call");
  loop_.context().poll();
  loop_.context().restart();
  const std::string cancel = R"({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5}})";
  const Principal mine = std::exchange(who_, {"u2", "w", Role::member, "other"});
  ask(cancel);
  loop_.context().poll();
  loop_.context().restart();
  EXPECT_TRUE(answer.body.empty());
  who_ = mine;
  ask(cancel);
  finish(scope);
  EXPECT_THAT(answer.body, HasSubstr("cancelled"));
}

TEST(McpMessageTest, RefusesWhatIsNoMessage) {
  EXPECT_EQ(McpMessage::parse("{").error().code, Code::invalid_argument);
  for (const char* text :
       {"[]", "1", "{}", R"({"jsonrpc":"1.0","method":"a"})", R"({"jsonrpc":"2.0","id":null,"method":"a"})",
        R"({"jsonrpc":"2.0","id":{},"method":"a"})", R"({"jsonrpc":"2.0","id":1.5,"method":"a"})",
        R"({"jsonrpc":"2.0","id":1,"method":3})", R"({"jsonrpc":"2.0","id":1,"method":"a","params":[]})",
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","arguments":"b"}})",
        R"({"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1}})"}) {
    EXPECT_EQ(McpMessage::parse(text).error().code, Code::failed_precondition) << text;
  }
  EXPECT_EQ(McpMessage::parse(R"({"jsonrpc":"2.0","id":1,"result":{}})")->method, "");
}

}  // namespace
}  // namespace librebird::gateway
