#include <librebird/brain/brain.hpp>

#include <librebird/brain/testkit/fakes.hpp>

#include <gmock/gmock.h>

namespace librebird::brain {
namespace {

using namespace testkit;
using testing::Contains;
using testing::HasSubstr;

class FakeMessages final : public MessageStore {
 public:
  Task<Result<Page<Message>>> list(Principal, std::string, std::string, int) override { co_return Page<Message>{}; }
  Task<Result<Message>> get(Principal, std::string) override { co_return make_error(Code::not_found, "none"); }
  Task<Result<std::optional<Message>>> answer_of(Principal, std::string) override { co_return std::nullopt; }
  Task<Result<std::vector<MemoryItem>>> search(Principal, std::string text, int limit) override {
    asked = text;
    asked_limit = limit;
    co_return std::vector<MemoryItem>{{"c", "m1", "one", 1, 5}, {"c", "m2", "two", 2, 5}, {"c", "m2", "two", 1.5, 5}};
  }
  std::string asked;
  int asked_limit = 0;
};

class BrainTest : public testing::Test {
 public:
  BrainTest() {
    for (const char* name : {"calculator", "get_datetime"}) hands.add_echo(name, true);
    request.history = {{ChatRole::user, "What is 2+3, and what time is it?", {}, {}}};
  }
  void configure(const std::string& model, const std::string& url = "") {
    const auto environment = [&](std::string_view name) -> std::optional<std::string> {
      if (name == "LIBREBIRD_MODEL" && !model.empty()) return model;
      if (name == "OPENAI_BASE_URL" && !url.empty()) return url;
      return std::nullopt;
    };
    config = Config::load(config_keys(), "", environment).value();
  }
  Task<void> everything(Loop& loop) {
    BrainOptions options = options_from(config);
    options.retry_delay = Millis{1};
    auto brain = make_brain(loop, config, clock, ids, http, hands, store, options);
    outcome = co_await brain->stream_chat(request, observer, {});
    model = co_await brain->default_model();
    models = co_await brain->list_models({});
    memory = co_await brain->get_memory(query);
    tool = co_await brain->execute_tool({{"id", "calculator", "{}"}, {}, "", "", ""}, {});
  }
  void go() {
    run([this](Loop& loop) { return everything(loop); });
  }

  ManualClock clock;
  SystemRandom random;
  IdGenerator ids{clock, random};
  FakeHttpClient http;
  ScriptedHands hands;
  FakeMessages messages;
  MessageStore* store = &messages;
  Config config;
  RecordingObserver observer;
  ChatRequest request{.principal = {"user", "workspace", Role::member, ""}};
  MemoryQuery query{{}, "what was it", 5};
  Result<ChatOutcome> outcome = ChatOutcome{};
  Result<ModelInfo> model = ModelInfo{};
  Result<std::vector<std::string>> models = std::vector<std::string>{};
  Result<std::vector<MemoryItem>> memory = std::vector<MemoryItem>{};
  Result<ToolResult> tool = ToolResult{};
};

TEST_F(BrainTest, WhoMayNotChatIsRefusedBeforeAModelIsAsked) {
  configure("");
  for (const Principal& who : {Principal{}, Principal{"user", "workspace", Role::guest, ""},
                               Principal{"user", "workspace", Role::owner, "key", {KeyScope::read}}}) {
    request.principal = who;
    go();
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, Code::permission_denied);
  }
  EXPECT_TRUE(observer.steps.empty());
}

TEST_F(BrainTest, WithoutAModelTheDemoAnswersWithRealTools) {
  configure("");
  go();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(observer.steps.size(), 3U);
  EXPECT_THAT(observer.text, HasSubstr("demo stand-in"));
  EXPECT_EQ(outcome->final_answer.text, observer.text);
  EXPECT_EQ(*model, (ModelInfo{"demo", "demo", true}));
  EXPECT_THAT(*models, Contains("demo/demo"));
  EXPECT_TRUE(tool.ok());
}

TEST_F(BrainTest, AnUnknownOrUnconfiguredModelIsNeverTheDemo) {
  for (const auto& [name, code, says] : {std::tuple{"gpt-9", Code::not_found, "Unknown model provider"},
                                         std::tuple{"nobody/x", Code::not_found, "demo, openai"},
                                         std::tuple{"openai/x", Code::failed_precondition, "OPENAI_API_KEY"},
                                         std::tuple{"/x", Code::not_found, "Unknown"}}) {
    configure(name);
    go();
    ASSERT_FALSE(outcome.ok()) << name;
    EXPECT_EQ(outcome.error().code, code) << name;
    EXPECT_THAT(outcome.error().message, HasSubstr(says));
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.error(), outcome.error());
    EXPECT_EQ(observer.text, "");
  }
  configure("openai/", "http://127.0.0.1:9/v1");
  go();
  EXPECT_EQ(outcome.error().code, Code::invalid_argument);
}

TEST_F(BrainTest, AConfiguredModelIsAskedOverHttp) {
  configure("openai/org/m-1", "http://127.0.0.1:9/v1");
  http.otherwise.pieces = {"{\"choices\":[{\"message\":{\"content\":\"hi\"},\"finish_reason\":\"stop\"}]}"};
  go();
  ASSERT_TRUE(outcome.ok()) << outcome.error().message;
  EXPECT_EQ(observer.text, "hi");
  EXPECT_EQ(*model, (ModelInfo{"openai", "org/m-1", false}));
  EXPECT_THAT(http.requests[0].body, HasSubstr("\"model\":\"org/m-1\""));
  EXPECT_THAT(*models, Contains("openai/org/m-1"));
}

TEST_F(BrainTest, AFailingModelIsNotMistakenForALostBrain) {
  configure("openai/m-1", "http://127.0.0.1:9/v1");
  for (const Code code : {Code::unavailable, Code::resource_exhausted}) {
    http.otherwise.send_error = make_error(code, "The model server is away.");
    ASSERT_TRUE(http.otherwise.send_error->retryable);
    go();
    ASSERT_FALSE(outcome.ok());
    EXPECT_EQ(outcome.error().code, code);
    EXPECT_FALSE(outcome.error().retryable) << "the gateway would start the turn again";
  }
}

TEST_F(BrainTest, TheRequestMayNameAnother) {
  configure("openai/m-1", "http://127.0.0.1:9/v1");
  request.model = "demo/demo";
  go();
  EXPECT_TRUE(outcome.ok());
  EXPECT_TRUE(http.requests.size() == 1) << "only the list of models is asked for";
}

TEST_F(BrainTest, MemoryIsSearchedInTheStore) {
  configure("");
  query.limit = 1000;
  query.text = std::string(5000, 'x') + "\xff";
  go();
  ASSERT_TRUE(memory.ok());
  ASSERT_EQ(memory->size(), 2U);
  EXPECT_EQ(memory->at(0).message_id, "m2");
  EXPECT_EQ(messages.asked.size(), 1000U);
  EXPECT_EQ(messages.asked_limit, 50);
  store = nullptr;
  go();
  EXPECT_EQ(memory.error().code, Code::failed_precondition);
}

}  // namespace
}  // namespace librebird::brain
