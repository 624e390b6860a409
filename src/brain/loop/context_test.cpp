#include "context.hpp"
#include "tool_runner.hpp"

#include <gtest/gtest.h>

namespace librebird::brain::loop {
namespace {

ChatMessage user(std::string text) { return {ChatRole::user, std::move(text), {}, {}}; }
ChatMessage assistant(std::string text) { return {ChatRole::assistant, std::move(text), {}, {}}; }

TEST(Context, DropsTheOldestButNeverTheQuestion) {
  const auto context = make_context("system",
                                    {user(std::string(100, 'a')), assistant(std::string(100, 'b')),
                                     user(std::string(100, 'c')), assistant("d"), user(std::string(500, 'e'))},
                                    50);
  ASSERT_EQ(context.size(), 2U);
  EXPECT_EQ(context[0].content, "system");
  EXPECT_EQ(context[1].content, std::string(500, 'e'));
}

TEST(Context, KeepsWhatFits) {
  EXPECT_EQ(make_context("", {user("a"), assistant("b"), user("c")}, 100).size(), 3U);
  EXPECT_EQ(make_context("", {user("aaaa"), assistant("b"), user("c")}, 3).size(), 2U);
}

TEST(Context, MergesSystemMessages) {
  const auto context = make_context("ours", {{ChatRole::system, "theirs", {}, {}}, user("q")}, 100);
  ASSERT_EQ(context.size(), 2U);
  EXPECT_EQ(context[0].content, "ours\n\ntheirs");
}

TEST(Context, PairsCallsAndResults) {
  const ChatMessage calling{ChatRole::assistant, "", {{"1", "a", "{}"}, {"2", "b", "{}"}}, {}};
  const auto context = make_context("",
                                    {{ChatRole::tool, "orphan", {}, "0"},
                                     user("q"),
                                     calling,
                                     {ChatRole::tool, "second", {}, "2"},
                                     {ChatRole::tool, "other", {}, "9"}},
                                    1000);
  ASSERT_EQ(context.size(), 4U);
  EXPECT_EQ(context[2].tool_call_id, "1");
  EXPECT_NE(context[2].content.find("No result"), std::string::npos);
  EXPECT_EQ(context[3].content, "second");
}

TEST(Context, CutsInsideNoCharacter) {
  const std::string content = tool_content({"1", ToolStatus::ok, "\"\xC3\xA9\xC3\xA9\"", Millis{0}}, 4);
  EXPECT_TRUE(content.starts_with("\"\xC3\xA9\n[Libre Bird: cut")) << content;
}

TEST(Context, Weekday) {
  EXPECT_NE(system_text("x", 1'763'827'200'000, "").find("Saturday, 2025-11-22 16:00 UTC"), std::string::npos);
}

TEST(Backoff, GrowsWithJitterAndWithoutOverflow) {
  for (int attempt = 2; attempt < 80; ++attempt) {
    const Millis wait = backoff(Millis{250}, attempt, "turn");
    EXPECT_GE(wait, Millis{125});
    EXPECT_LE(wait, Millis{250 * 64});
  }
  EXPECT_NE(backoff(Millis{10'000}, 2, "a"), backoff(Millis{10'000}, 2, "b"));
}

}  // namespace
}  // namespace librebird::brain::loop
