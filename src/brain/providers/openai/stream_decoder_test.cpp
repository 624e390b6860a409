#include "stream_decoder.hpp"

#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

namespace librebird::brain::openai {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string fixture(const std::string& name) {
  std::ifstream file(std::string(FIXTURES) + "/" + name + ".sse", std::ios::binary);
  EXPECT_TRUE(file.is_open()) << name;
  std::stringstream all;
  all << file.rdbuf();
  return all.str();
}

Result<ModelAnswer> decode(const std::string& bytes, std::size_t piece, std::string* streamed = nullptr) {
  const auto sink = [streamed](std::string_view text) {
    if (streamed != nullptr) *streamed += text;
  };
  StreamDecoder decoder(sink, "sk-secret-key");
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    LB_CHECK(decoder.feed(std::string_view(bytes).substr(at, piece)));
    if (decoder.done()) break;
  }
  return decoder.finish();
}

constexpr std::array<std::size_t, 5> kPieces{1, 2, 7, 100, 1 << 20};
const std::string kText = "Hello, wörld 🐦!";

class Texts : public testing::TestWithParam<const char*> {};
TEST_P(Texts, AreTheSameHoweverTheyArrive) {
  const std::string bytes = fixture(GetParam());
  for (const std::size_t piece : kPieces) {
    std::string streamed;
    const auto answer = decode(bytes, piece, &streamed);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    EXPECT_EQ(answer->text, kText);
    EXPECT_EQ(streamed, kText);
    EXPECT_TRUE(answer->tool_calls.empty());
    if (std::string_view(GetParam()) != "no_done") EXPECT_EQ(answer->usage, (TokenUsage{12, 7}));
    const bool cut = std::string_view(GetParam()) == "length";
    EXPECT_EQ(answer->finish_reason, cut ? FinishReason::length : FinishReason::stop);
  }
}
INSTANTIATE_TEST_SUITE_P(Fixtures, Texts,
                         testing::Values("text", "text_crlf", "no_done", "usage_in_every_chunk", "no_finish_reason",
                                         "reasoning", "garbage_lines", "plain_json", "content_parts", "length",
                                         "surrogate_halves"));

class Calls : public testing::TestWithParam<const char*> {};
TEST_P(Calls, AreTheSameHoweverTheyArrive) {
  const std::string bytes = fixture(GetParam());
  for (const std::size_t piece : kPieces) {
    const auto answer = decode(bytes, piece);
    ASSERT_TRUE(answer.ok()) << answer.error().message;
    ASSERT_EQ(answer->tool_calls.size(), 2U);
    EXPECT_EQ(answer->tool_calls[0].name, "calculator");
    EXPECT_EQ(answer->tool_calls[0].arguments_json, R"({"expression":"2340*17.5/100"})");
    EXPECT_EQ(answer->tool_calls[1].name, "get_datetime");
    EXPECT_EQ(answer->tool_calls[1].arguments_json, "{}");
    EXPECT_EQ(answer->finish_reason, FinishReason::tool_calls);
    EXPECT_EQ(answer->usage, (TokenUsage{12, 7}));
  }
}
INSTANTIATE_TEST_SUITE_P(Fixtures, Calls,
                         testing::Values("calls", "calls_interleaved", "calls_no_ids", "calls_index_zero",
                                         "calls_no_index", "calls_repeated_name", "plain_json_calls"));

struct Bad {
  const char* name;
  Code code;
  const char* says;
};
class Failures : public testing::TestWithParam<Bad> {};
TEST_P(Failures, AreTold) {
  const std::string bytes = fixture(GetParam().name);
  for (const std::size_t piece : kPieces) {
    const auto answer = decode(bytes, piece);
    ASSERT_FALSE(answer.ok());
    EXPECT_EQ(answer.error().code, GetParam().code);
    EXPECT_THAT(answer.error().message, HasSubstr(GetParam().says));
  }
}
INSTANTIATE_TEST_SUITE_P(Fixtures, Failures,
                         testing::Values(Bad{"half_call", Code::unavailable, "the model server's answer broke off"},
                                         Bad{"half_text", Code::unavailable, "broke off"},
                                         Bad{"half_event", Code::unavailable, "broke off"},
                                         Bad{"error_midstream", Code::unavailable, "The server had an error"},
                                         Bad{"error_rate_limit", Code::resource_exhausted, "Slow down"},
                                         Bad{"error_status_number", Code::invalid_argument, "context too long"},
                                         Bad{"broken_json", Code::unavailable, "not JSON"},
                                         Bad{"html", Code::unavailable, "OPENAI_BASE_URL"},
                                         Bad{"empty", Code::unavailable, "OPENAI_BASE_URL"},
                                         Bad{"plain_json_error", Code::unavailable, "model is loading"}));

TEST(StreamDecoder, RefusalIsText) { EXPECT_EQ(decode(fixture("refusal"), 3)->text, "I cannot."); }

TEST(StreamDecoder, ManyLargeEventsNeedNoMoreMemoryThanOne) {
  const std::string piece(8'000, 'x');
  const std::string chunk = "data: {\"choices\":[{\"delta\":{\"content\":\"" + piece + "\"}}]}\n\n";
  StreamDecoder decoder({}, "");
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(decoder.feed(chunk).ok());
  ASSERT_TRUE(decoder.feed("data: [DONE]\n\n").ok());
  EXPECT_EQ(decoder.finish()->text.size(), 100 * piece.size());
}

TEST(StreamDecoder, OnlyDoneIsAnEmptyAnswer) { EXPECT_EQ(decode(fixture("only_done"), 3)->text, ""); }

TEST(StreamDecoder, IsBounded) {
  DecoderLimits limits;
  limits.text = 10;
  limits.arguments = 10;
  limits.calls = 2;
  limits.event = 400;
  const auto feed = [&limits](const std::string& bytes) {
    StreamDecoder decoder({}, "", limits);
    return decoder.feed(bytes);
  };
  const auto chunk = [](const std::string& delta) { return "data: {\"choices\":[{\"delta\":" + delta + "}]}\n\n"; };
  EXPECT_TRUE(feed(chunk(R"({"content":"0123456789"})")).ok());
  EXPECT_EQ(feed(chunk(R"({"content":"0123456789a"})")).error().code, Code::too_large);
  EXPECT_EQ(feed(chunk(R"({"tool_calls":[{"index":0,"function":{"arguments":"0123456789a"}}]})")).error().code,
            Code::too_large);
  EXPECT_EQ(feed(chunk(R"({"tool_calls":[{"index":0},{"index":1},{"index":2}]})")).error().code, Code::too_large);
  EXPECT_EQ(feed("data: " + std::string(500, 'x')).error().code, Code::too_large);
  EXPECT_EQ(feed("{" + std::string(500, ' ')).error().code, Code::too_large);
  EXPECT_EQ(feed(chunk(std::string(300, '['))).error().code, Code::unavailable);
}

TEST(StreamDecoder, OddTypesAreIgnored) {
  const std::string bytes =
      "data: {\"choices\":[3,{\"index\":1,\"delta\":{\"content\":\"other\"}},{\"delta\":{\"content\":{\"a\":1},"
      "\"tool_calls\":[7,{\"index\":\"x\",\"id\":4,\"function\":\"f\"}]},\"finish_reason\":5}],\"usage\":[1]}\n\n"
      "data: [DONE]\n\n";
  const auto answer = decode(bytes, 5);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text, "");
}

TEST(StreamDecoder, BrokenUtf8IsMended) {
  const auto answer = decode("data: {\"choices\":[{\"delta\":{\"content\":\"a\xff\x62\"}}]}\n\ndata: [DONE]\n\n", 1);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer->text,
            "a\xEF\xBF\xBD"
            "b");
}

TEST(StreamDecoder, LoneHalvesOfCharactersAreMended) {
  const auto answer = decode(
      "data: {\"choices\":[{\"delta\":{\"content\":\"a\\\\ud83d \\ud83d!\\udc26\\ud83d\"}}]}\n\ndata: [DONE]\n\n", 1);
  ASSERT_TRUE(answer.ok());
  EXPECT_TRUE(answer->text.starts_with("a\\ud83d \xEF\xBF\xBD")) << answer->text;
  EXPECT_TRUE(answer->text.ends_with("\xEF\xBF\xBD"));
}

TEST(StreamDecoder, KeyIsNotEchoed) {
  const auto answer = decode("data: {\"error\":{\"message\":\"bad sk-secret-key and sk-sec*****key\"}}\n\n", 9);
  EXPECT_THAT(answer.error().message, Not(HasSubstr("sk-")));
}

}  // namespace
}  // namespace librebird::brain::openai
