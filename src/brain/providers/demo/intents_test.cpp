#include "intents.hpp"

#include <gtest/gtest.h>

namespace librebird::brain::demo {
namespace {

struct Case {
  std::string message;
  std::vector<Intent> intents;
};

class Understands : public testing::TestWithParam<Case> {};

TEST_P(Understands, TheMessage) { EXPECT_EQ(understand(GetParam().message).intents, GetParam().intents); }

Intent calculator(const std::string& expression) { return {"calculator", R"({"expression":")" + expression + "\"}"}; }
const Intent kNow{"get_datetime", "{}"};
Intent weather(const std::string& place) { return {"get_weather", R"({"location":")" + place + "\"}"}; }

INSTANTIATE_TEST_SUITE_P(
    Table, Understands,
    testing::Values(
        Case{"What is 17.5% of 2340, and what is today's date?", {calculator("2340*17.5/100"), kNow}},
        Case{"what is 17.5 percent of 2,340", {calculator("2340*17.5/100")}}, Case{"What time is it?", {kNow}},
        Case{"What’s today’s date?", {kNow}}, Case{"what day is it", {kNow}}, Case{"Please update the data", {}},
        Case{"12 times 3 plus 4", {calculator("12*3+4")}}, Case{"What is (2 + 3) * 4?", {calculator("(2+3)*4")}},
        Case{"calculate 100 divided by 8", {calculator("100/8")}},
        Case{"what's the square root of 144?", {calculator("sqrt(144)")}}, Case{"2^10", {calculator("2**10")}},
        Case{"how much is 7 squared?", {calculator("7**2")}}, Case{"sqrt(16) + 2", {calculator("sqrt(16)+2")}},
        Case{"17 % 5", {calculator("17%5")}}, Case{"I have 3 cats and 4 dogs", {}},
        Case{"-5 + 3 =", {calculator("-5+3")}}, Case{"(((", {}}, Case{"what is 2 +", {}},
        Case{"What's the weather in New York?", {weather("New York")}},
        Case{"weather in São Paulo and what time is it?", {kNow, weather("São Paulo")}},
        Case{"How is the weather?", {}},
        Case{"Count the words in: the quick brown fox", {{"text_stats", R"({"text":"the quick brown fox"})"}}},
        Case{"text statistics for \"what time is it?\"", {{"text_stats", R"({"text":"what time is it?"})"}}},
        Case{"Convert to snake case: Hello World", {{"text_case", R"({"text":"Hello World","case":"snake"})"}}},
        Case{"convert \"hello\" to uppercase", {{"text_case", R"({"text":"hello","case":"upper"})"}}},
        Case{"convert hello world to upper case", {{"text_case", R"({"text":"hello world","case":"upper"})"}}},
        Case{"uppercase hello world", {{"text_case", R"({"text":"hello world","case":"upper"})"}}},
        Case{"base64 encode hello", {{"base64_encode_decode", R"({"text":"hello","action":"encode"})"}}},
        Case{"encode hello in base64", {{"base64_encode_decode", R"({"text":"hello","action":"encode"})"}}},
        Case{"decode base64: aGVsbG8=", {{"base64_encode_decode", R"({"text":"aGVsbG8=","action":"decode"})"}}},
        Case{"prettify this JSON: {\"a\": 1}", {{"json_prettify", R"({"text":"{\"a\": 1}","action":"prettify"})"}}},
        Case{"is this valid json? {\"a\":", {{"json_prettify", R"({"text":"{\"a\":","action":"prettify"})"}}},
        Case{"minify json\n```json\n{ \"a\" : 1 }\n```",
             {{"json_prettify", R"({"text":"{ \"a\" : 1 }","action":"minify"})"}}},
        Case{"CSV to JSON: a,b\n1,2", {{"csv_to_json", R"({"text":"a,b\n1,2"})"}}},
        Case{"Markdown to HTML: # Hello", {{"markdown_to_html", R"({"text":"# Hello"})"}}},
        Case{"Show system info", {{"get_system_info", "{}"}}},
        Case{"find files named report", {{"search_files", R"({"query":"report"})"}}},
        Case{"open https://example.org/a?b=1", {{"open_url", R"({"url":"https://example.org/a"})"}}},
        Case{"Open example.org", {{"open_url", R"({"url":"example.org"})"}}},
        Case{"open the app Safari", {{"open_app", R"({"name":"Safari"})"}}}, Case{"what is open source?", {}},
        Case{"", {}}, Case{"hello", {}}, Case{"\xff\xfe", {}}));

TEST(Understands, GreetingsAndHelp) {
  EXPECT_TRUE(understand("Hello!").greeting);
  EXPECT_TRUE(understand("hi there").greeting);
  EXPECT_FALSE(understand("which one is this").greeting);
  EXPECT_TRUE(understand("What can you do?").help);
}

TEST(Understands, HugeAndHostileInput) {
  EXPECT_TRUE(understand(std::string(1 << 20, '(')).intents.empty());
  EXPECT_LE(understand(std::string(1 << 20, '9') + "+1").intents.size(), 1U);
  EXPECT_TRUE(understand("uppercase:").intents.empty());
  EXPECT_TRUE(understand("base64").intents.empty());
}

}  // namespace
}  // namespace librebird::brain::demo
