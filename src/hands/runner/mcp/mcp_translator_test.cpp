#include "mcp_translator.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace librebird::runner {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> found;
  std::size_t begin = 0;
  for (std::size_t end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    found.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  EXPECT_EQ(begin, text.size()) << "a line without its end";
  return found;
}

class McpTranslatorTest : public testing::Test {
 protected:
  // Through the handshake; the server offers `tools`.
  void greet(const std::string& tools) {
    mcp_.begin();
    mcp_.from_server(
        R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}})");
    mcp_.from_server(R"({"jsonrpc":"2.0","id":2,"result":{"tools":)" + tools + "}}");
    mcp_.take_for_server();
    EXPECT_THAT(lines(mcp_.take_for_host()), ElementsAre(R"({"type":"ready"})"));
  }
  void call(const std::string& id = "c1", const std::string& tool = "add", const std::string& arguments = "{}") {
    mcp_.from_host(R"({"type":"call","id":")" + id + R"(","tool":")" + tool + R"(","arguments":)" + arguments + "}");
  }
  // What the host hears when the server answers the call with this.
  std::string outcome(const std::string& result) {
    greet(R"([{"name":"add"}])");
    call();
    mcp_.take_for_server();
    mcp_.from_server(R"({"jsonrpc":"2.0","id":3,)" + result + "}");
    const auto said = lines(mcp_.take_for_host());
    EXPECT_EQ(said.size(), 1U);
    EXPECT_FALSE(mcp_.busy());
    return said.empty() ? "" : said[0];
  }

  McpTranslator mcp_;
};

TEST_F(McpTranslatorTest, ShakesHandsListsAndIsReady) {
  mcp_.begin();
  EXPECT_THAT(lines(mcp_.take_for_server()),
              ElementsAre(R"({"id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},)"
                          R"("clientInfo":{"name":"librebird","version":"1"}},"jsonrpc":"2.0"})"));
  mcp_.from_server(R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2024-11-05","capabilities":{"tools":{}}}})");
  EXPECT_THAT(lines(mcp_.take_for_server()),
              ElementsAre(R"({"method":"notifications/initialized","jsonrpc":"2.0"})",
                          R"({"id":2,"method":"tools/list","params":{},"jsonrpc":"2.0"})"));
  mcp_.from_server(R"({"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"a"}],"nextCursor":"more"}})");
  EXPECT_THAT(lines(mcp_.take_for_server()),
              ElementsAre(R"({"id":3,"method":"tools/list","params":{"cursor":"more"},"jsonrpc":"2.0"})"));
  EXPECT_EQ(mcp_.take_for_host(), "");
  mcp_.from_host(R"({"type":"describe"})");
  EXPECT_EQ(mcp_.take_for_host(), "");
  mcp_.from_server(
      R"({"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"b.c/d","title":"B",)"
      R"("inputSchema":{"type":"object","properties":{"x":{"minimum":0.5}}},"annotations":{"readOnlyHint":true}}]}})");
  EXPECT_THAT(
      lines(mcp_.take_for_host()),
      ElementsAre(
          R"({"type":"ready"})",
          R"({"type":"tools","tools":[{"type":"function","function":{"name":"a","description":"",)"
          R"("parameters":{"type":"object"}}},{"type":"function","function":{"name":"b_c_d","description":"B",)"
          R"("parameters":{"type":"object","properties":{"x":{"minimum":0.5}}}},"annotations":{"readOnlyHint":true}}]})"));
  // It is called by its own name.
  call("c1", "b_c_d", R"({"x":1.5})");
  EXPECT_THAT(lines(mcp_.take_for_server()),
              ElementsAre(R"({"id":4,"method":"tools/call","params":{"name":"b.c/d","arguments":{"x":1.5},)"
                          R"("_meta":{"progressToken":4}},"jsonrpc":"2.0"})"));
}

TEST_F(McpTranslatorTest, ResultsBecomeJson) {
  EXPECT_EQ(outcome(R"("result":{"content":[{"type":"text","text":"plain"}]})"),
            R"({"type":"result","id":"c1","value":"plain"})");
}
TEST_F(McpTranslatorTest, TextThatIsJsonIsTaken) {
  EXPECT_EQ(outcome(R"("result":{"content":[{"type":"text","text":" {\"t\": 409.5}"}]})"),
            R"({"type":"result","id":"c1","value":{"t":409.5}})");
}
TEST_F(McpTranslatorTest, TextThatOnlyBeginsLikeJsonStaysText) {
  EXPECT_EQ(outcome(R"("result":{"content":[{"type":"text","text":"[sic] yes"}]})"),
            R"({"type":"result","id":"c1","value":"[sic] yes"})");
}
TEST_F(McpTranslatorTest, StructuredContentCounts) {
  EXPECT_EQ(outcome(R"("result":{"content":[{"type":"text","text":"{}"}],"structuredContent":{"sum":3}})"),
            R"({"type":"result","id":"c1","value":{"sum":3}})");
}
TEST_F(McpTranslatorTest, PicturesStayWithTheirData) {
  EXPECT_EQ(outcome(R"("result":{"content":[{"type":"text","text":"see","annotations":{"priority":1}},)"
                    R"({"type":"image","mimeType":"image/png","data":"AA=="}]})"),
            R"({"type":"result","id":"c1","value":{"content":[{"type":"text","text":"see"},)"
            R"({"type":"image","mimeType":"image/png","data":"AA=="}]}})");
}
TEST_F(McpTranslatorTest, NothingIsNull) {
  EXPECT_EQ(outcome(R"("result":{})"), R"({"type":"result","id":"c1","value":null})");
}
TEST_F(McpTranslatorTest, FailuresOfTheToolAreErrors) {
  EXPECT_EQ(
      outcome(R"("result":{"isError":true,"content":[{"type":"text","text":"no"},{"type":"text","text":"way"}]})"),
      R"({"type":"error","id":"c1","message":"no\nway"})");
}
TEST_F(McpTranslatorTest, RefusalsOfTheServerAreErrors) {
  EXPECT_EQ(outcome(R"("error":{"code":-32602,"message":"bad arguments"})"),
            R"({"type":"error","id":"c1","message":"bad arguments"})");
}
TEST_F(McpTranslatorTest, AnswersThatAreNoneAreErrors) {
  EXPECT_THAT(outcome(R"("result":7)"), HasSubstr("neither a result nor an error"));
}

TEST_F(McpTranslatorTest, ProgressAndLogReachTheRightCall) {
  greet(R"([{"name":"add"}])");
  call("c1");
  call("c2");
  for (const char* line :
       {R"({"method":"notifications/progress","params":{"progressToken":4,"progress":1,"total":4,"message":"on"}})",
        R"({"method":"notifications/progress","params":{"progressToken":3,"progress":9,"total":3}})",
        R"({"method":"notifications/progress","params":{"progressToken":3,"progress":9}})",
        R"({"method":"notifications/progress","params":{"progressToken":99,"progress":9,"total":10}})",
        R"({"method":"notifications/progress","params":{"progressToken":"x","progress":{}}})",
        R"({"method":"notifications/progress"})", R"({"method":"notifications/tools/list_changed"})"}) {
    mcp_.from_server(line);
  }
  EXPECT_THAT(lines(mcp_.take_for_host()),
              ElementsAre(R"({"type":"progress","id":"c2","fraction":0.25,"message":"on"})",
                          R"({"type":"progress","id":"c1","fraction":1})"));
  mcp_.from_server(R"({"method":"notifications/message","params":{"level":"info","data":"half way"}})");
  EXPECT_THAT(lines(mcp_.take_for_host()), ElementsAre(R"({"type":"output","id":"c1","text":"half way\n"})",
                                                       R"({"type":"output","id":"c2","text":"half way\n"})"));
}

TEST_F(McpTranslatorTest, StoppingTellsTheServerAndEndsTheCall) {
  call("early");  // before the server is ready
  mcp_.from_host(R"({"type":"cancel","id":"early"})");
  EXPECT_THAT(lines(mcp_.take_for_host()),
              ElementsAre(R"({"type":"error","id":"early","message":"The call was stopped."})"));
  greet(R"([{"name":"add"}])");
  call();
  mcp_.take_for_server();
  mcp_.from_host(R"({"type":"cancel","id":"unknown"})");
  EXPECT_EQ(mcp_.take_for_server(), "");
  mcp_.from_host(R"({"type":"cancel","id":"c1"})");
  EXPECT_THAT(lines(mcp_.take_for_server()),
              ElementsAre(HasSubstr(R"("method":"notifications/cancelled","params":{"requestId":3)")));
  EXPECT_THAT(lines(mcp_.take_for_host()),
              ElementsAre(R"({"type":"error","id":"c1","message":"The call was stopped."})"));
  // Its answer comes too late, and again.
  mcp_.from_server(R"({"jsonrpc":"2.0","id":3,"result":{"content":[]}})");
  mcp_.from_server(R"({"jsonrpc":"2.0","id":3,"result":{"content":[]}})");
  EXPECT_EQ(mcp_.take_for_host(), "");
  EXPECT_FALSE(mcp_.busy());
}

TEST_F(McpTranslatorTest, TheServersOwnRequestsAreAnswered) {
  greet("[]");
  mcp_.from_server(R"({"jsonrpc":"2.0","id":"p","method":"ping"})");
  mcp_.from_server(R"({"jsonrpc":"2.0","id":7,"method":"sampling/createMessage","params":{}})");
  EXPECT_THAT(
      lines(mcp_.take_for_server()),
      ElementsAre(R"({"id":"p","result":{},"jsonrpc":"2.0"})",
                  HasSubstr(R"("error":{"code":-32601,"message":"This client offers no sampling/createMessage.")")));
}

TEST_F(McpTranslatorTest, GarbageOfTheServerIsLogAndNothingElse) {
  greet(R"([{"name":"add"},{"name":"add"},{"name":7},{},null,{"name":""}])");
  call();
  mcp_.take_for_server();
  for (const char* line : {"Server running on stdio", "{\"jsonrpc\":", "7", "null", "[]", "[{\"id\":3}, 4]", "  ",
                           "{\"id\":3.5,\"result\":{}}", "{\"id\":-1,\"result\":{}}", "{\"id\":{},\"result\":{}}"}) {
    mcp_.from_server(line);
  }
  mcp_.from_server(std::string(100'000, '['));
  EXPECT_THAT(mcp_.take_log(), HasSubstr("Server running on stdio\n{\"jsonrpc\":\n"));
  EXPECT_THAT(lines(mcp_.take_for_host()), ElementsAre(HasSubstr("neither a result")));  // [{"id":3}]
  EXPECT_EQ(mcp_.broken(), 0);
}

TEST_F(McpTranslatorTest, AServerThatCannotBeUsedFailsWhatWaitsAndWhatComes) {
  call();
  mcp_.begin();
  mcp_.from_server(R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"1999-01-01"}})");
  EXPECT_THAT(lines(mcp_.take_for_host()),
              ElementsAre(HasSubstr("edition of the protocol that is not known here: 1999")));
  call("c2");
  EXPECT_THAT(lines(mcp_.take_for_host()), ElementsAre(HasSubstr(R"("id":"c2")")));
  EXPECT_EQ(mcp_.broken(), 0);
  mcp_.from_host(R"({"type":"describe"})");
  EXPECT_THAT(lines(mcp_.take_for_host()), ElementsAre(HasSubstr(R"({"type":"error","message":"The MCP server)")));
  EXPECT_EQ(mcp_.broken(), 1);
}

TEST_F(McpTranslatorTest, ADyingServerFailsItsCalls) {
  greet(R"([{"name":"add"}])");
  call();
  mcp_.server_failed("It died.");
  mcp_.server_failed("It died again.");
  EXPECT_THAT(lines(mcp_.take_for_host()), ElementsAre(R"({"type":"error","id":"c1","message":"It died."})"));
}

TEST_F(McpTranslatorTest, UnknownToolsAndBrokenHostLines) {
  greet("[]");
  call();
  EXPECT_THAT(lines(mcp_.take_for_host()), ElementsAre(HasSubstr("no tool named add")));
  mcp_.from_host(R"({"type":"later"})");
  EXPECT_EQ(mcp_.broken(), 0);
  mcp_.from_host("no json");
  EXPECT_EQ(mcp_.broken(), 2);
}

TEST_F(McpTranslatorTest, AServerThatListsForEverIsCutOff) {
  mcp_.begin();
  mcp_.from_server(R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}})");
  std::string said;
  int pages = 0;
  for (; said.empty() && pages < 1000; ++pages) {
    mcp_.from_server(R"({"jsonrpc":"2.0","id":)" + std::to_string(pages + 2) +
                     R"(,"result":{"tools":[],"nextCursor":"again"}})");
    said = mcp_.take_for_host();
  }
  EXPECT_THAT(lines(said), ElementsAre(R"({"type":"ready"})"));
  EXPECT_LE(pages, 101);
}

TEST_F(McpTranslatorTest, SettingsBecomeEnvironmentOnce) {
  mcp_.from_host(R"({"type":"call","id":"c1","tool":"x","settings":{"API_KEY":"abc","n":5,"b":true,"none":null,)"
                 R"("LD_PRELOAD":"x","1x":"x","a b":"x","list":[1],"":"x","nul":"a\u0000b"}})");
  EXPECT_THAT(mcp_.environment(), ElementsAre("API_KEY=abc", "n=5", "b=true"));
  mcp_.from_host(R"({"type":"call","id":"c2","tool":"x","settings":{"OTHER":"abc"}})");
  EXPECT_EQ(mcp_.environment().size(), 3U);
}

TEST_F(McpTranslatorTest, AServerWithoutToolsIsReadyAtOnce) {
  mcp_.begin();
  mcp_.from_server(R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{}}})");
  EXPECT_THAT(lines(mcp_.take_for_host()), ElementsAre(R"({"type":"ready"})"));
}

}  // namespace
}  // namespace librebird::runner
