#include "codec.hpp"

#include <gtest/gtest.h>

namespace librebird::storage {
namespace {

TEST(Codec, StepsComeBackAsTheyWere) {
  const TurnStep answer{3, ModelAnswer{"text \"quoted\"\n\xF0\x9F\xA6\x9C",
                                       {{"id", "name", "{\"a\": [1,"}, {"", "", ""}},
                                       FinishReason::tool_calls,
                                       {1, 9'007'199'254'740'993},
                                       {"p", "m", true}}};
  const TurnStep result{4, ToolResult{"id", ToolStatus::denied, "[1, 2.50, null]", Millis(123)}};
  for (const TurnStep& step : {answer, result, TurnStep{0, ModelAnswer{}}, TurnStep{0, ToolResult{}}}) {
    const auto back = decode_step(step.index, encode_step(step));
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back.value(), step);
  }
}

TEST(Codec, PartsComeBackAsTheyWere) {
  const ToolCallPart running{{"c", "t", "{}"}, std::nullopt};
  const ToolCallPart done{{"c", "t", "{}"}, ToolResult{"c", ToolStatus::ok, "1", Millis(2)}};
  const std::vector<std::pair<std::vector<MessagePart>, std::string>> cases = {
      {{}, ""},
      {{}, "text without parts"},
      {{TextPart{"same"}}, "same"},
      {{TextPart{"one"}}, "other"},
      {{TextPart{""}}, ""},
      {{TextPart{"a"}, running, done, TextPart{"b"}}, "a\n\nb"},
  };
  for (const auto& [parts, content] : cases) {
    const auto back = decode_parts(encode_parts(parts, content), content);
    ASSERT_TRUE(back.ok());
    EXPECT_EQ(back.value(), parts);
  }
  EXPECT_FALSE(encode_parts({TextPart{"same"}}, "same").has_value());
}

TEST(Codec, DamagedRowsAreDataLoss) {
  for (const char* text : {"", "{", "[]", "{}", "null", R"({"answer":1})", R"({"answer":{"text":"x"}})",
                           R"({"result":{"call_id":"x","status":"odd","content":"1","ms":1}})", "\xFF"}) {
    const auto step = decode_step(0, text);
    ASSERT_FALSE(step.ok()) << text;
    EXPECT_EQ(step.error().code, Code::data_loss);
  }
  EXPECT_EQ(decode_parts("{}", "").error().code, Code::data_loss);
  EXPECT_EQ(decode_parts("[1]", "").error().code, Code::data_loss);
}

TEST(Codec, Titles) {
  EXPECT_EQ(title_of(""), "");
  EXPECT_EQ(title_of(" \n\t "), "");
  EXPECT_EQ(title_of("\r\n one\ttwo \r\nthree"), "one two");
  EXPECT_EQ(title_of(std::string(200, 'x')).size(), 60U);
}

}  // namespace
}  // namespace librebird::storage
