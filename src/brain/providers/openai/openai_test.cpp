#include "failure.hpp"
#include "request.hpp"

#include <librebird/brain/testkit/provider_conformance.hpp>

#include <gmock/gmock.h>
#include <boost/json/parse.hpp>

#include <fstream>
#include <sstream>

namespace librebird::plugins {
ProviderPlugin provider_openai();
}

namespace librebird::brain::openai {
namespace {

using namespace testkit;
using testing::HasSubstr;
using testing::Not;

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(FIXTURES) + "/" + name + ".sse", std::ios::binary);
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

FakeAnswer answer_of(const std::string& name, std::size_t piece = 50) {
  FakeAnswer answer;
  const std::string bytes = fixture(name);
  for (std::size_t at = 0; at < bytes.size(); at += piece) answer.pieces.push_back(bytes.substr(at, piece));
  return answer;
}

FakeAnswer refusal(int status, std::string body, HttpHeaders headers = {}) {
  FakeAnswer answer;
  answer.status = status;
  answer.headers = std::move(headers);
  answer.pieces = {std::move(body)};
  return answer;
}

Result<std::unique_ptr<ChatProvider>> make(HttpClient& http, const Clock& clock, const std::string& key,
                                           const std::string& url) {
  const ProviderPlugin plugin = plugins::provider_openai();
  const auto nothing = [](std::string_view) -> std::optional<std::string> { return std::nullopt; };
  auto config = Config::load(plugin.manifest.config, "", nothing);
  if (!key.empty()) config->set("openai.api_key", key);
  if (!url.empty()) config->set("openai.base_url", url);
  return plugin.create({*config, http, clock});
}

class OpenAi : public testing::Test {
 public:
  OpenAi() : provider(std::move(make(http, clock, "sk-secret-key", "http://127.0.0.1:9/v1/")).value()) {
    request.model = "m-1";
    request.messages = {{ChatRole::user, "hi", {}, {}}};
  }
  Task<void> ask(Loop&) {
    const TextSink sink = [this](std::string_view text) { streamed += text; };
    result = co_await provider->complete(request, sink, stop.get_token());
  }
  void ask() {
    run([this](Loop& loop) { return ask(loop); });
  }
  Task<void> list(Loop&) { names = co_await provider->models(stop.get_token()); }

  ManualClock clock;
  FakeHttpClient http;
  std::unique_ptr<ChatProvider> provider;
  CompletionRequest request;
  std::stop_source stop;
  std::string streamed;
  Result<ModelAnswer> result = ModelAnswer{};
  Result<std::vector<std::string>> names = std::vector<std::string>{};
};

TEST_F(OpenAi, SendsWhatTheProtocolAsksFor) {
  http.answers = {answer_of("text")};
  request.temperature = 0.5;
  request.max_tokens = 100;
  request.trace_parent = "00-1-2-01";
  request.messages = {{ChatRole::system, "be\nnice", {}, {}},
                      {ChatRole::user, "\"quoted\" \xff", {}, {}},
                      {ChatRole::assistant, "", {{"id1", "calc", "{\"a\":1}"}, {"id2", "calc", "{broken"}}, {}},
                      {ChatRole::tool, "{}", {}, "id1"}};
  ToolSpec tool;
  tool.name = "calc";
  tool.description = "adds";
  tool.parameters_json = R"({"type":"object"})";
  ToolSpec bad = tool;
  bad.name = "bad";
  bad.parameters_json = "{nope";
  request.tools = {tool, bad};
  request.tool_choice = "calc";
  ask();
  ASSERT_TRUE(result.ok()) << result.error().message;
  const HttpRequest& sent = http.requests.at(0);
  EXPECT_EQ(sent.url, "http://127.0.0.1:9/v1/chat/completions");
  EXPECT_EQ(find_header(sent.headers, "authorization"), "Bearer sk-secret-key");
  EXPECT_EQ(find_header(sent.headers, "traceparent"), "00-1-2-01");
  const auto body = boost::json::parse(sent.body);
  EXPECT_EQ(body, boost::json::parse(R"({"model":"m-1","messages":[
    {"role":"system","content":"be\nnice"},{"role":"user","content":"\"quoted\" �"},
    {"role":"assistant","content":null,"tool_calls":[
      {"id":"id1","type":"function","function":{"name":"calc","arguments":"{\"a\":1}"}},
      {"id":"id2","type":"function","function":{"name":"calc","arguments":"{}"}}]},
    {"role":"tool","content":"{}","tool_call_id":"id1"}],
    "tools":[{"type":"function","function":{"name":"calc","description":"adds","parameters":{"type":"object"}}},
             {"type":"function","function":{"name":"bad","description":"adds","parameters":{"type":"object","properties":{}}}}],
    "tool_choice":{"type":"function","function":{"name":"calc"}},
    "temperature":0.5,"max_tokens":100,"stream":true,"stream_options":{"include_usage":true}})"));
  EXPECT_EQ(result->model, (ModelInfo{"openai", "m-1", false}));
  EXPECT_EQ(http.ended, 1) << "the connection must be free for the next request";
}

TEST_F(OpenAi, LearnsWhatAServerDoesNotKnow) {
  request.max_tokens = 5;
  http.answers = {refusal(400, R"({"error":{"message":"Unrecognized request argument supplied: stream_options"}})"),
                  refusal(400, R"({"error":{"message":"Use 'max_completion_tokens' instead of 'max_tokens'"}})"),
                  answer_of("text"), answer_of("text")};
  ask();
  ASSERT_TRUE(result.ok());
  ask();
  EXPECT_EQ(http.requests.size(), 4U);
  EXPECT_THAT(http.requests[3].body, Not(HasSubstr("stream_options")));
  EXPECT_THAT(http.requests[3].body, HasSubstr("\"max_completion_tokens\":5"));
}

struct Refused {
  int status;
  const char* body;
  Code code;
  bool retryable;
  const char* says;
};
class Refusals : public OpenAi, public testing::WithParamInterface<Refused> {};
TEST_P(Refusals, AreMapped) {
  http.answers = {refusal(GetParam().status, GetParam().body)};
  ask();
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, GetParam().code);
  EXPECT_EQ(result.error().retryable, GetParam().retryable);
  EXPECT_EQ(result.error().retry_after, Millis{0});
  EXPECT_THAT(result.error().message, HasSubstr(GetParam().says));
  EXPECT_THAT(result.error().message, Not(HasSubstr("sk-")));
  EXPECT_LT(result.error().message.size(), 500U);
}
INSTANTIATE_TEST_SUITE_P(
    Statuses, Refusals,
    testing::Values(Refused{401, R"({"error":{"message":"Incorrect API key provided: sk-sec***key"}})",
                            Code::unauthenticated, false, "OPENAI_API_KEY"},
                    Refused{403, "<html>", Code::unauthenticated, false, "403"},
                    Refused{404, R"({"error":{"message":"The model `x` does not exist"}})", Code::not_found, false,
                            "does not exist"},
                    Refused{429, R"({"error":{"message":"Rate limit"}})", Code::resource_exhausted, true, "Rate limit"},
                    Refused{429, R"({"error":{"message":"no money","code":"insufficient_quota"}})",
                            Code::resource_exhausted, false, "quota"},
                    Refused{500, "", Code::unavailable, true, "HTTP 500"},
                    Refused{503, R"({"detail":"loading \u0007 model"})", Code::unavailable, true, "loading   model"},
                    Refused{400, R"({"error":"just text"})", Code::invalid_argument, false, "just text"},
                    Refused{400, R"({"message":"sk-secret-key leaked"})", Code::invalid_argument, false,
                            "[key] leaked"},
                    Refused{301, "", Code::unavailable, false, "redirects"},
                    Refused{418, "[1,2", Code::invalid_argument, false, "418"}));

TEST_F(OpenAi, HonoursWaitingTimes) {
  const auto wait = [this](HttpHeaders headers) { return retry_after(headers, clock.unix_now()); };
  EXPECT_EQ(wait({{"Retry-After", "3"}}), Millis{3000});
  EXPECT_EQ(wait({{"retry-after-ms", "250"}, {"retry-after", "3"}}), Millis{250});
  EXPECT_EQ(wait({{"Retry-After", "Tue, 14 Nov 2023 22:13:25 GMT"}}), Millis{5000});
  EXPECT_EQ(wait({{"Retry-After", "soon"}}), Millis{0});
  EXPECT_EQ(wait({{"Retry-After", "-4"}}), Millis{0});
  EXPECT_EQ(wait({{"Retry-After", "1e300"}}), Millis{86'400'000});
  http.answers = {refusal(429, "", {{"Retry-After", "7"}}), refusal(500, "", {{"x-should-retry", "false"}})};
  ask();
  EXPECT_EQ(result.error().retry_after, Millis{7000});
  ask();
  EXPECT_FALSE(result.error().retryable);
}

TEST_F(OpenAi, ConnectionTrouble) {
  FakeAnswer unreachable;
  unreachable.send_error = make_error(Code::unavailable, "Connection refused.");
  FakeAnswer dying = answer_of("half_text");
  dying.read_error = make_error(Code::unavailable, "Connection reset.");
  FakeAnswer late = answer_of("no_done");
  late.read_error = make_error(Code::unavailable, "Connection reset.");
  http.answers = {unreachable, dying, late};
  ask();
  EXPECT_EQ(result.error().code, Code::unavailable);
  EXPECT_EQ(result.error().retry_after, Millis{0});
  ask();
  EXPECT_THAT(result.error().message, HasSubstr("broke off"));
  EXPECT_EQ(streamed, "Once upon");
  ask();
  EXPECT_TRUE(result.ok()) << "everything had arrived";
}

TEST_F(OpenAi, AServerThatKeepsTheConnectionBusyAfterDoneIsNotWaitedFor) {
  FakeAnswer holding = answer_of("text", 1 << 20);
  holding.hang = true;
  http.answers = {holding};
  ask();
  EXPECT_TRUE(result.ok());
}

TEST_F(OpenAi, ListsModels) {
  http.answers = {refusal(200, R"({"data":[{"id":"b"},{"id":"a"},{"id":"b"},{"id":3},7]})"), refusal(200, "<html>"),
                  refusal(401, "")};
  const auto list_names = [this](Loop& loop) { return list(loop); };
  run(list_names);
  EXPECT_EQ(*names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(http.requests[0].url, "http://127.0.0.1:9/v1/models");
  run(list_names);
  EXPECT_EQ(names.error().code, Code::unavailable);
  run(list_names);
  EXPECT_EQ(names.error().code, Code::unauthenticated);
}

TEST_F(OpenAi, Configuration) {
  EXPECT_EQ(make(http, clock, "", "").error().code, Code::failed_precondition);
  EXPECT_EQ(make(http, clock, "sk-a\r\nX: y", "").error().code, Code::failed_precondition);
  EXPECT_EQ(make(http, clock, "", "ftp://x").error().code, Code::failed_precondition);
  EXPECT_TRUE(make(http, clock, "", "http://127.0.0.1:8080/v1").ok());
  EXPECT_TRUE(make(http, clock, " sk-a\n", "").ok());
}

class Harness final : public ProviderHarness {
 public:
  ChatProvider& provider() override { return *provider_; }
  [[nodiscard]] ModelInfo model() const override { return {"openai", "m-1", false}; }
  CompletionRequest expect_text() override { return expect("text"); }
  CompletionRequest expect_call() override { return expect("one_call"); }

 private:
  CompletionRequest expect(const std::string& name) {
    http_.answers.push_back(answer_of(name));
    CompletionRequest request;
    request.model = "m-1";
    request.messages = {{ChatRole::user, "what time is it?", {}, {}}};
    ToolSpec tool;
    tool.name = "get_datetime";
    tool.parameters_json = "{}";
    request.tools = {tool};
    return request;
  }
  ManualClock clock_;
  FakeHttpClient http_;
  std::unique_ptr<ChatProvider> provider_ = std::move(make(http_, clock_, "sk-secret-key", "")).value();
};
std::unique_ptr<ProviderHarness> make_harness() { return std::make_unique<Harness>(); }

}  // namespace
}  // namespace librebird::brain::openai

namespace librebird::brain::testkit {
INSTANTIATE_TEST_SUITE_P(OpenAi, ProviderConformance, testing::Values(&openai::make_harness));
}
