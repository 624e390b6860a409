#include <librebird/gateway/openai_api.hpp>

#include <librebird/gateway/testkit/world.hpp>

#include "chat_request.hpp"

namespace librebird::gateway {
namespace {

using namespace testkit;
using testing::HasSubstr;
using testing::Not;

Code refused(std::string_view body) {
  const auto call = parse_completion(body);
  return call ? Code::internal : call.error().code;
}

TEST(ChatRequest, ReadsWhatClientsSend) {
  const auto call = parse_completion(R"({"model":"openai/x","user":"me","messages":[
      {"role":"developer","content":"brief"},{"role":"user","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]},
      {"role":"assistant","content":null,"tool_calls":[{"id":"c","type":"function","function":{"name":"f","arguments":"{"}}]},
      {"role":"tool","tool_call_id":"c","content":"1"}],
      "tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"f"}},
      "temperature":2,"max_tokens":5,"max_completion_tokens":7,"n":1,"stream":true,"stream_options":{"include_usage":true}})");
  ASSERT_TRUE(call.ok()) << call.error().message;
  EXPECT_EQ(call->chat.history[0].role, ChatRole::system);
  EXPECT_EQ(call->chat.history[1].content, "ab");
  EXPECT_EQ(call->chat.history[2].tool_calls[0].arguments_json, "{");
  EXPECT_EQ(call->chat.client_tools[0].parameters_json, R"({"type":"object","properties":{}})");
  EXPECT_EQ(call->chat.tool_choice, "f");
  EXPECT_EQ(call->chat.max_tokens, 7);
  EXPECT_TRUE(call->stream && call->include_usage);
}

TEST(ChatRequest, RefusesWhatItCannotMean) {
  const std::string user = R"("messages":[{"role":"user","content":"x"}])";
  for (const std::string& bad :
       {std::string(),
        std::string("[]"),
        std::string("{}"),
        std::string("{\"messages\":[]}"),
        std::string("{\"messages\":[1]}"),
        std::string("{\"messages\":[{\"role\":\"king\",\"content\":\"x\"}]}"),
        std::string("{\"messages\":[{\"role\":\"user\",\"content\":7}]}"),
        std::string("{\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image_url\"}]}]}"),
        std::string("{\"messages\":[{\"role\":\"tool\",\"content\":\"x\"}]}"),
        std::string("{\"a\":\"\xff\"}"),
        "{" + user + ",\"stream\":1}",
        "{" + user + ",\"n\":2}",
        "{" + user + ",\"temperature\":2.1}",
        "{" + user + ",\"temperature\":\"1\"}",
        "{" + user + ",\"max_tokens\":0}",
        "{" + user + ",\"max_tokens\":1.5}",
        "{" + user + ",\"max_tokens\":1e30}",
        "{" + user + ",\"tools\":{}}",
        "{" + user + ",\"tools\":[{}]}",
        "{" + user + ",\"tool_choice\":1}",
        "{" + user + ",\"tool_choice\":{}}",
        "{" + user + ",\"model\":3}",
        "{" + user + "}{}",
        std::string(200, '[')}) {
    EXPECT_EQ(refused(bad), Code::invalid_argument) << bad;
  }
  std::string many = "{\"messages\":[";
  for (int i = 0; i < 2'001; ++i) many += std::string(i > 0 ? "," : "") + R"({"role":"user","content":""})";
  EXPECT_EQ(refused(many + "]}"), Code::invalid_argument);
}

class FakeExchange final : public net::Exchange, public net::BodyWriter {
 public:
  explicit FakeExchange(Loop& loop, std::string method, std::string path, std::string body) : changed(loop.executor()) {
    asked.method = std::move(method);
    asked.path = std::move(path);
    asked.body = std::move(body);
  }
  const net::Request& request() const override { return asked; }
  Task<Result<std::string>> read_body() override { co_return std::string(); }
  Task<Result<net::BodyWriter*>> stream(int code, HttpHeaders) override {
    status = code;
    co_return static_cast<net::BodyWriter*>(this);
  }
  Task<Result<net::WebSocket*>> upgrade(HttpHeaders) override { co_return make_error(Code::internal, "no"); }
  std::stop_token stop() const override { return gone.get_token(); }
  Task<Status> write(std::string data) override {
    ++writes;
    changed.notify_all();
    while (slow && !gone.stop_requested()) co_await changed.wait(gone.get_token());
    if (gone.stop_requested()) co_return make_error(Code::unavailable, "The peer is gone.");
    written += data;
    co_return Ok{};
  }
  void leave() {
    gone.request_stop();
    changed.notify_all();
  }

  net::Request asked;
  std::stop_source gone;
  std::string written;
  int status = 0;
  int writes = 0;
  bool slow = false;
  Signal changed;
};

struct Call {
  Call(World& w, std::string body, std::string method = "POST", std::string path = "/v1/chat/completions")
      : api(w.brain, w.stores.usage(), w.clock, w.ids, {}),
        exchange(w.loop, std::move(method), std::move(path), std::move(body)),
        scope(w.loop.executor()) {}
  void begin(Principal principal) { scope.spawn(run(std::move(principal)), "call"); }
  Task<void> run(Principal principal) { response = co_await api.handle(exchange, std::move(principal)); }
  Task<void> whole(Principal principal) {
    begin(std::move(principal));
    co_await scope.join();
  }
  OpenAiApi api;
  FakeExchange exchange;
  std::optional<net::Response> response;
  Scope scope;
};

const char* const kPlain = R"({"messages":[{"role":"user","content":"hi"}]})";
const char* const kStream =
    R"({"messages":[{"role":"user","content":"hi"}],"stream":true,"stream_options":{"include_usage":true}})";

Task<Result<ChatOutcome>> refuses(ChatRequest, ChatObserver&, std::stop_token) {
  co_return make_error(Code::resource_exhausted, "The model's limit is reached.");
}
Task<Result<ChatOutcome>> breaks_off(ChatRequest, ChatObserver& observer, std::stop_token) {
  observer.on_text("half");
  co_await sleep_for(Millis(1));
  co_return make_error(Code::unavailable, "The model broke off.");
}
Task<Result<ChatOutcome>> never_stops(ChatRequest, ChatObserver& observer, std::stop_token stop) {
  std::size_t said = 0;
  while (!stop.stop_requested() && said < 64U * 1024 * 1024) {
    observer.on_text(std::string(64 * 1024, 'x'));
    said += 64 * 1024;
    co_await sleep_for(std::chrono::nanoseconds(0));
  }
  EXPECT_LT(said, 8U * 1024 * 1024);
  co_return make_error(Code::cancelled, "Stopped.");
}
Task<Result<ChatOutcome>> calls_back(ChatRequest request, ChatObserver&, std::stop_token) {
  EXPECT_EQ(request.client_tools.size(), 1U);
  ChatOutcome outcome = outcome_of("");
  outcome.final_answer.tool_calls = {{"c1", "f", R"({"a":1})"}};
  outcome.finish_reason = FinishReason::tool_calls;
  co_return outcome;
}
Task<Result<ChatOutcome>> in_two_steps(ChatRequest, ChatObserver& observer, std::stop_token) {
  observer.on_text("one");
  observer.on_tool_call({"c", "t", "{}"});
  observer.on_tool_result({"c", ToolStatus::ok, "1", Millis(0)});
  observer.on_text("two");
  co_return outcome_of("two");
}

Task<void> answers(World& world) {
  Call plain(world, kPlain);
  co_await plain.whole(world.owner);
  LB_CO_ASSERT(plain.response.has_value());
  EXPECT_EQ(plain.response->status, 200);
  const auto json = boost::json::parse(plain.response->body).as_object();
  EXPECT_EQ(json.at("choices").at(0).at("message").at("content").as_string(), "re: hi");
  EXPECT_EQ(json.at("usage").at("total_tokens").to_number<int>(), 8);

  Call streamed(world, kStream);
  co_await streamed.whole(world.owner);
  EXPECT_FALSE(streamed.response.has_value());
  EXPECT_THAT(streamed.exchange.written, HasSubstr(R"("content":"re: hi")"));
  EXPECT_THAT(streamed.exchange.written, HasSubstr(R"("finish_reason":"stop")"));
  EXPECT_THAT(streamed.exchange.written, HasSubstr(R"("total_tokens":8)"));
  EXPECT_TRUE(streamed.exchange.written.ends_with("data: [DONE]\n\n"));

  world.brain.script = {in_two_steps};
  Call steps(world, kPlain);
  co_await steps.whole(world.owner);
  EXPECT_THAT(steps.response->body, HasSubstr(R"("content":"one\n\ntwo")"));

  const std::string tools =
      R"({"messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"f"}}])";
  world.brain.script = {calls_back, calls_back};
  Call called(world, tools + "}");
  co_await called.whole(world.owner);
  EXPECT_THAT(called.response->body, HasSubstr(R"("content":null)"));
  EXPECT_THAT(called.response->body, HasSubstr(R"("arguments":"{\"a\":1}")"));
  Call called_streaming(world, tools + R"(,"stream":true})");
  co_await called_streaming.whole(world.owner);
  EXPECT_THAT(called_streaming.exchange.written, HasSubstr(R"("tool_calls":[{"index":0,"id":"c1")"));
  EXPECT_THAT(called_streaming.exchange.written, HasSubstr(R"("finish_reason":"tool_calls")"));
}
TEST(OpenAiApi, AnswersWholeAndStreaming) { play(answers); }

Task<void> errors(World& world) {
  for (const char* body : {kPlain, kStream}) {
    world.brain.script = {refuses};
    Call early(world, body);
    co_await early.whole(world.owner);
    LB_CO_ASSERT(early.response.has_value());
    EXPECT_EQ(early.response->status, 429);
    EXPECT_TRUE(find_header(early.response->headers, "Retry-After"));
    EXPECT_THAT(early.response->body, HasSubstr(R"("type":"rate_limit_error")"));
    EXPECT_EQ(early.exchange.status, 0);
  }
  world.brain.script = {breaks_off};
  Call late(world, kStream);
  co_await late.whole(world.owner);
  EXPECT_EQ(late.exchange.status, 200);
  EXPECT_THAT(late.exchange.written, HasSubstr(R"("content":"half")"));
  EXPECT_THAT(late.exchange.written, HasSubstr(R"(data: {"error":{"message":"The model broke off.")"));
  EXPECT_THAT(late.exchange.written, Not(HasSubstr("[DONE]")));
  world.brain.script = {breaks_off};
  Call whole(world, kPlain);
  co_await whole.whole(world.owner);
  EXPECT_EQ(whole.response->status, 503);
  Call unknown(world, "", "GET", "/v1/embeddings");
  co_await unknown.whole(world.owner);
  EXPECT_EQ(unknown.response->status, 404);
}
TEST(OpenAiApi, AnErrorHasAStatusUntilTheFirstWord) { play(errors); }

Task<void> slow_reader(World& world) {
  world.brain.script = {never_stops};
  Call call(world, kStream);
  call.exchange.slow = true;
  call.begin(world.owner);
  // It is stopped although the reader takes nothing at all.
  co_await world.until([&] { return !world.brain.requests.empty() && world.brain.running == 0; });
  call.exchange.leave();
  co_await call.scope.join();
}
TEST(OpenAiApi, ASlowReaderBoundsTheAnswer) { play(slow_reader); }

Task<void> leaves(World& world) {
  for (const char* body : {kPlain, kStream}) {
    world.brain.hold = true;
    Call call(world, body);
    call.begin(world.owner);
    co_await world.until([&] { return world.brain.running == 1; });
    if (body == kStream) co_await world.until([&] { return call.exchange.writes >= 2; });
    call.exchange.leave();
    co_await call.scope.join();
    EXPECT_EQ(world.brain.running, 0);
    EXPECT_LT(call.exchange.writes, 10);
  }
}
TEST(OpenAiApi, ACallEndsWithItsCaller) { play(leaves); }

Task<void> models(World& world) {
  Call call(world, "", "GET", "/v1/models");
  co_await call.whole(world.owner);
  EXPECT_THAT(call.response->body, HasSubstr(R"("id":"librebird")"));
  EXPECT_THAT(call.response->body, HasSubstr(R"("id":"test/scripted")"));
}
TEST(OpenAiApi, ListsModels) { play(models); }

}  // namespace
}  // namespace librebird::gateway
