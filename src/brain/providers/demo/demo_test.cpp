#include "answers.hpp"

#include <librebird/brain/testkit/provider_conformance.hpp>

#include <gmock/gmock.h>

namespace librebird::plugins {
ProviderPlugin provider_demo();
}

namespace librebird::brain::demo {
namespace {

using namespace testkit;
using testing::EndsWith;
using testing::HasSubstr;

std::unique_ptr<ChatProvider> make() {
  const ManualClock clock;
  FakeHttpClient http;
  const Config config;
  return std::move(plugins::provider_demo().create({config, http, clock})).value();
}

ToolSpec tool(const std::string& name) {
  ToolSpec spec;
  spec.name = name;
  return spec;
}

class Demo : public testing::Test {
 public:
  Task<void> ask(Loop&) {
    const TextSink sink = [](std::string_view) {};
    auto result = co_await provider->complete(request, sink, {});
    answer = std::move(result).value();
  }
  const ModelAnswer& ask(const std::string& text) {
    request.messages = {{ChatRole::user, text, {}, {}}};
    run([this](Loop& loop) { return ask(loop); });
    return answer;
  }
  // Gives the results of the calls of the last answer and asks again.
  const ModelAnswer& tell(const std::vector<std::string>& results) {
    request.messages.push_back({ChatRole::assistant, "", answer.tool_calls, {}});
    for (std::size_t i = 0; i < results.size(); ++i) {
      request.messages.push_back({ChatRole::tool, results[i], {}, answer.tool_calls.at(i).id});
    }
    run([this](Loop& loop) { return ask(loop); });
    return answer;
  }
  std::unique_ptr<ChatProvider> provider = make();
  CompletionRequest request;
  ModelAnswer answer;
};

TEST_F(Demo, UsesBothToolsForBothQuestions) {
  request.tools = {tool("calculator"), tool("get_datetime")};
  ask("What is 17.5% of 2340, and what is today's date?");
  ASSERT_EQ(answer.tool_calls.size(), 2U);
  EXPECT_EQ(answer.text, "");
  tell({R"({"expression":"2340*17.5/100","result":409.5})",
        R"({"date":"November 22, 2026","time":"05:04 PM","day_of_week":"Sunday","timezone":"UTC","iso":"x"})"});
  EXPECT_EQ(answer.text, std::string("2340*17.5/100 = 409.5.\n\nIt is Sunday, November 22, 2026, 05:04 PM (UTC).\n\n") +
                             std::string(kNotice));
  EXPECT_TRUE(answer.tool_calls.empty());
}

TEST_F(Demo, OnlyOfferedToolsAreCalled) {
  ask("What is 2+3 and what time is it?");
  EXPECT_TRUE(answer.tool_calls.empty());
  EXPECT_THAT(answer.text, HasSubstr("`calculator`, which is not available"));
  request.tools = {tool("get_datetime")};
  ask("What is 2+3 and what time is it?");
  ASSERT_EQ(answer.tool_calls.size(), 1U);
  tell({R"({"date":"d","time":"t","day_of_week":"w","timezone":"z"})"});
  EXPECT_THAT(answer.text, HasSubstr("It is w, d, t (z)."));
  EXPECT_THAT(answer.text, HasSubstr("`calculator`, which is not available"));
}

TEST_F(Demo, FailuresAreToldTruthfully) {
  request.tools = {tool("get_weather")};
  ask("weather in Lisbon");
  tell({R"({"location":"Lisbon","error":"no network"})"
        "\n[Libre Bird: a note]"});
  EXPECT_THAT(answer.text, HasSubstr("The tool `get_weather` failed: no network"));
  ask("weather in Lisbon");
  tell({"not json at all ``` \xC3\xA9"});
  EXPECT_THAT(answer.text, HasSubstr("not json at all"));
}

TEST_F(Demo, EveryAnswerIsLabelled) {
  for (const char* text : {"hello", "help", "tell me a story", "", "what time is it?"}) {
    ask(text);
    EXPECT_THAT(answer.text, EndsWith(std::string(kNotice))) << text;
    EXPECT_TRUE(answer.model.demo);
  }
  EXPECT_THAT(ask("tell me a story").text, HasSubstr("LIBREBIRD_MODEL"));
}

TEST_F(Demo, EveryToolHasASentence) {
  const auto say = [](const std::string& name, const std::string& content) {
    return describe({"1", name, "{}"}, content);
  };
  EXPECT_THAT(say("text_case", R"({"original":"a b","result":"a_b","case":"snake"})"), HasSubstr("a_b"));
  EXPECT_THAT(say("base64_encode_decode", R"({"encoded":"aGk="})"), HasSubstr("aGk="));
  EXPECT_THAT(say("base64_encode_decode", R"({"decoded":"hi"})"), HasSubstr("Decoded"));
  EXPECT_THAT(say("json_prettify", R"({"result":"{}","valid":true})"), HasSubstr("valid"));
  EXPECT_THAT(say("csv_to_json", R"({"rows":2,"data":[{"a":1}]})"), HasSubstr("2 rows"));
  EXPECT_THAT(say("markdown_to_html", R"({"html":"<p>```</p>"})"), HasSubstr("````html"));
  EXPECT_THAT(say("get_system_info", R"({"disk":{"total_gb":5}})"), HasSubstr("disk"));
  EXPECT_THAT(say("search_files", R"({"query":"x","files":["/a"]})"), HasSubstr("- /a"));
  EXPECT_THAT(say("search_files", R"({"query":"x","files":[]})"), HasSubstr("No files"));
  EXPECT_THAT(say("text_stats", R"({"words":3})"), HasSubstr("3 words"));
  EXPECT_THAT(say("open_app", R"({"app":"Safari"})"), HasSubstr("Opened Safari"));
  EXPECT_THAT(say("other", R"({"a":1})"), HasSubstr("`other` answered"));
}

class Harness final : public ProviderHarness {
 public:
  ChatProvider& provider() override { return *provider_; }
  [[nodiscard]] ModelInfo model() const override { return {"demo", "demo", true}; }
  CompletionRequest expect_text() override { return request("hello"); }
  CompletionRequest expect_call() override { return request("what time is it?"); }

 private:
  static CompletionRequest request(const std::string& text) {
    CompletionRequest request;
    request.model = "demo";
    request.messages = {{ChatRole::user, text, {}, {}}};
    request.tools = {tool("get_datetime")};
    return request;
  }
  std::unique_ptr<ChatProvider> provider_ = make();
};
std::unique_ptr<ProviderHarness> make_harness() { return std::make_unique<Harness>(); }

}  // namespace
}  // namespace librebird::brain::demo

namespace librebird::brain::testkit {
INSTANTIATE_TEST_SUITE_P(Demo, ProviderConformance, testing::Values(&demo::make_harness));
}
