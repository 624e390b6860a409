#include <librebird/hands/protocol/tool_protocol.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace librebird::hands::protocol {
namespace {

using Type = ProgramMessage::Type;

struct Heard {
  std::vector<ProgramMessage> messages;
  Status status = Ok{};
};

Heard hear(const std::string& text, std::size_t piece = 1 << 20, std::size_t limit = 1000) {
  Heard heard;
  LineDecoder decoder(limit);
  const auto sink = [&heard](ProgramMessage message) {
    heard.messages.push_back(std::move(message));
    return true;
  };
  for (std::size_t at = 0; at < text.size() && heard.status; at += piece) {
    heard.status = decoder.feed(std::string_view(text).substr(at, piece), sink);
  }
  if (heard.status) heard.status = decoder.finish(sink);
  return heard;
}

TEST(ToolProtocol, EncodesOnOneLine) {
  CallMessage call{.id = "c1", .tool = "a\"b", .arguments_json = "{\n\"x\":\r\n1}", .now = 5};
  call.settings_json = R"({"key":"v"})";
  const std::string line = encode_call(call);
  EXPECT_EQ(line,
            "{\"type\":\"call\",\"id\":\"c1\",\"tool\":\"a\\\"b\",\"arguments\":{ \"x\":  1},\"now\":5,\"zone\":"
            "{\"name\":\"UTC\",\"abbreviation\":\"UTC\",\"offset_seconds\":0},\"settings\":{\"key\":\"v\"},"
            "\"work_directory\":\"/work\"}\n");
  EXPECT_EQ(encode_describe(), "{\"type\":\"describe\"}\n");
  EXPECT_EQ(encode_cancel("c1"), "{\"type\":\"cancel\",\"id\":\"c1\"}\n");
}

TEST(ToolProtocol, HearsEveryMessageInAnyPieces) {
  const std::string text =
      "{\"type\":\"ready\"}\n"
      "\r\n"
      "{\"type\":\"output\",\"id\":\"c1\",\"text\":\"a\\nb\"}\r\n"
      "{\"type\":\"something new\",\"x\":[{}]}\n"
      "{\"type\":\"progress\",\"id\":\"c1\",\"fraction\":7,\"message\":\"half\"}\n"
      "{\"type\":\"event\",\"name\":\"notify\",\"data\":{\"n\":1}}\n"
      "{\"type\":\"tools\",\"tools\":[ ]}\n"
      "{\"type\":\"error\",\"id\":\"c2\",\"message\":\"no\"}\n"
      "{\"type\":\"result\",\"id\":\"c1\",\"other\":{\"value\":0},\"value\": [409.5,1e400,{\"a,}\\\"\":\"]\"}] }";
  for (const std::size_t piece : {std::size_t{1}, std::size_t{7}, std::size_t{1} << 20}) {
    const Heard heard = hear(text, piece);
    ASSERT_TRUE(heard.status.ok()) << heard.status.error().message;
    ASSERT_EQ(heard.messages.size(), 7U);
    EXPECT_EQ(heard.messages[0].type, Type::ready);
    EXPECT_EQ(heard.messages[1].text, "a\nb");
    EXPECT_EQ(heard.messages[2].fraction, 1.0);
    EXPECT_EQ(heard.messages[2].text, "half");
    EXPECT_EQ(heard.messages[3].value_json, "{\"n\":1}");
    EXPECT_EQ(heard.messages[4].value_json, "[ ]");
    EXPECT_EQ(heard.messages[5].id, "c2");
    EXPECT_EQ(heard.messages[6].value_json, "[409.5,1e400,{\"a,}\\\"\":\"]\"}]");
  }
}

TEST(ToolProtocol, GarbageIsOneErrorAndTheEnd) {
  for (const std::string& text :
       {std::string("hello\n"), std::string("[]\n"), std::string("{\"type\":\"result\",\"id\":\"c1\"}\n"),
        std::string("{\"type\":\"result\",\"id\":\"c1\",\"value\":NaN}\n"), std::string("{\"type\":\"tools\"}\n"),
        std::string("{\"type\":\"ready\"}{\"type\":\"ready\"}\n"), std::string("\xff\xfe\n"), std::string("\0\n", 2),
        std::string(2000, '['), "{\"type\":\"ready\",\"id\":\"" + std::string(300, 'x') + "\"}\n",
        std::string("{\"type\":\"result\",\"v\\u0061lue\":1}\n"), std::string("{\"type\":\"res")}) {
    Heard heard = hear(text + "{\"type\":\"ready\"}\n");
    EXPECT_FALSE(heard.status.ok()) << text;
    EXPECT_TRUE(heard.messages.empty()) << text;
  }
  LineDecoder decoder(100);
  const auto sink = [](ProgramMessage /*message*/) { return true; };
  EXPECT_FALSE(decoder.feed("x\n", sink).ok());
  EXPECT_FALSE(decoder.feed("{\"type\":\"ready\"}\n", sink).ok());
}

TEST(ToolProtocol, ALineHasALimit) {
  const Heard heard = hear("{\"type\":\"output\",\"text\":\"" + std::string(2000, 'x') + "\"}\n", 100);
  ASSERT_FALSE(heard.status.ok());
  EXPECT_EQ(heard.status.error().code, Code::too_large);
}

TEST(ToolProtocol, StopsWhereToldTo) {
  int count = 0;
  LineDecoder decoder(100);
  const auto sink = [&count](ProgramMessage /*message*/) { return ++count < 2; };
  EXPECT_TRUE(decoder.feed("{\"type\":\"ready\"}\n{\"type\":\"ready\"}\n{\"type\":\"ready\"}\ngarbage\n", sink).ok());
  EXPECT_EQ(count, 2);
}

}  // namespace
}  // namespace librebird::hands::protocol
