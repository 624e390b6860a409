#include "mcp_http.hpp"

#include "mcp_http_answer.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

namespace librebird::runner {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

std::string answer(const std::string& body, const std::string& headers = "Content-Type: application/json\r\n",
                   const std::string& status = "200") {
  return "HTTP/1.1 " + status + " Answer\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
         "\r\n" + body;
}

TEST(HttpAnswer, IsWholeOrNothing) {
  const auto read = parse_http_answer("HTTP/1.1 200 Answer\r\ncontent-LENGTH: 2\r\nX-A:  b \r\n\r\n{}rest");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->status, 200);
  EXPECT_EQ(read->header("x-a"), "b");
  EXPECT_EQ(read->body, "{}");
  for (const char* text : {"", "HTTP/1.1 200 Answer\r\n", "HTTP/1.0 200 A\r\n\r\n", "HTTP/1.1 xyz\r\n\r\n",
                           "HTTP/1.1 100 A\r\n\r\n", "HTTP/1.1 200 A\r\nContent-Length: 3\r\n\r\nab",
                           "HTTP/1.1 200 A\r\nContent-Length: -1\r\n\r\nab", "HTTP/1.1 200 A\r\nnonsense\r\n\r\n"}) {
    EXPECT_FALSE(parse_http_answer(text)) << text;
  }
}

TEST(HttpAnswer, EventsAreTheirData) {
  HttpAnswer stream{200, {{"content-type", "Text/Event-Stream; charset=utf-8"}}, {}};
  stream.body =
      "\xEF\xBB\xBF: hello\r\nid: 1\r\ndata:\r\n\r\nevent: message\ndata: {\"a\":\ndata: 1}\n\nevent: other\ndata: "
      "no\n\n"
      "data:{}\r\rdata: cut short";
  EXPECT_THAT(messages_of(stream), ElementsAre("{\"a\":\n1}", "{}"));
  EXPECT_THAT(messages_of({200, {{"content-type", "application/json"}}, "{}"}), ElementsAre("{}"));
  EXPECT_THAT(messages_of({200, {{"content-type", "text/html"}}, "{}"}), IsEmpty());
}

struct Spoken {
  std::string output;
  std::vector<std::string> requests;
};

// One process as the fence: answers connection after connection, then the adapter finds nobody there.
Spoken speak(const std::string& input, const std::vector<std::string>& answers) {
  std::string folder = (std::filesystem::temp_directory_path() / "librebird-http-XXXXXX").string();
  EXPECT_NE(mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/fence.sock";
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  EXPECT_EQ(bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  EXPECT_EQ(listen(listener, 8), 0);
  int in[2];
  int out[2];
  EXPECT_EQ(pipe(in), 0);
  EXPECT_EQ(pipe(out), 0);
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    dup2(in[0], 0);
    dup2(out[1], 1);
    for (const int fd : {in[0], in[1], out[0], out[1], listener}) close(fd);
    _exit(serve_mcp_http("https://mcp.test/v1", path));
  }
  close(in[0]);
  close(out[1]);
  EXPECT_EQ(write(in[1], input.data(), input.size()), static_cast<ssize_t>(input.size()));
  close(in[1]);
  Spoken spoken;
  std::array<char, 4096> buffer;
  for (const std::string& text : answers) {
    const int peer = accept(listener, nullptr, nullptr);
    std::string request;
    const auto complete = [&request] {
      const std::size_t head = request.find("\r\n\r\n");
      const std::size_t length = request.find("Content-Length: ");
      return head != std::string::npos && request.size() >= head + 4 + std::stoul(request.substr(length + 16));
    };
    while (!complete()) {
      const ssize_t got = read(peer, buffer.data(), buffer.size());
      if (got <= 0) break;
      request.append(buffer.data(), static_cast<std::size_t>(got));
    }
    spoken.requests.push_back(request);
    EXPECT_EQ(send(peer, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
    close(peer);
  }
  close(listener);
  for (ssize_t got = 0; (got = read(out[0], buffer.data(), buffer.size())) > 0;) {
    spoken.output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(out[0]);
  waitpid(child, nullptr, 0);
  std::filesystem::remove_all(folder);
  return spoken;
}

const std::string kCall =
    R"({"type":"call","id":"c1","tool":"t","arguments":{"x":1},"settings":{"access_token":"placeholder-0123456789"}})"
    "\n";
const std::string kInitialized =
    answer(R"({"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}}}})",
           "Content-Type: application/json\r\nMcp-Session-Id: s-1\r\n");
const std::string kAccepted = answer("", "", "202");
const std::string kListed = answer(R"({"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"t"}]}})");

TEST(McpHttp, SpeaksInOrderWithTokenSessionAndEdition) {
  const std::string events =
      "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\",\"params\":"
      "{\"progressToken\":3,\"progress\":1,\"total\":2}}\n\n"
      "data: {\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":[{\"type\":\"text\","
      "\"text\":\"done\"}]}}\n\n";
  const Spoken spoken = speak(kCall, {kInitialized, kAccepted, kListed,
                                      answer(events, "Content-Type: text/event-stream\r\n"), answer("", "", "200")});
  EXPECT_EQ(spoken.output,
            "{\"type\":\"ready\"}\n{\"type\":\"progress\",\"id\":\"c1\",\"fraction\":0.5}\n"
            "{\"type\":\"result\",\"id\":\"c1\",\"value\":\"done\"}\n");
  ASSERT_THAT(spoken.requests, SizeIs(5));
  EXPECT_THAT(spoken.requests[0],
              AllOf(StartsWith("POST https://mcp.test/v1 HTTP/1.1\r\n"), HasSubstr("\"initialize\""),
                    HasSubstr("Authorization: Bearer placeholder-0123456789\r\n"), Not(HasSubstr("Mcp-Session-Id")),
                    HasSubstr("Accept: application/json, text/event-stream\r\n"), Not(HasSubstr("Host:"))));
  EXPECT_THAT(spoken.requests[1], HasSubstr("notifications/initialized"));
  EXPECT_THAT(spoken.requests[2], HasSubstr("tools/list"));
  EXPECT_THAT(spoken.requests[3], AllOf(HasSubstr("tools/call"), HasSubstr("Mcp-Session-Id: s-1\r\n"),
                                        HasSubstr("MCP-Protocol-Version: 2025-06-18\r\n")));
  EXPECT_THAT(spoken.requests[4],
              AllOf(StartsWith("DELETE https://mcp.test/v1 HTTP/1.1\r\n"), HasSubstr("Mcp-Session-Id: s-1\r\n")));
}

TEST(McpHttp, EveryFailureIsOneClearError) {
  const auto failure = [](std::vector<std::string> answers) { return speak(kCall, answers).output; };
  EXPECT_THAT(failure({}), HasSubstr("gave no answer that can be read"));
  EXPECT_THAT(failure({"garbage"}), HasSubstr("gave no answer that can be read"));
  EXPECT_THAT(failure({std::string(16, 'x')}), HasSubstr("gave no answer that can be read"));
  EXPECT_THAT(failure({answer("", "WWW-Authenticate: Bearer\r\n", "401")}),
              AllOf(HasSubstr("(status 401)"), HasSubstr("access_token")));
  EXPECT_THAT(failure({answer("no\n", "X-LibreBird-Egress: denied\r\n", "403")}),
              AllOf(HasSubstr("was not reached: no"), Not(HasSubstr("access_token"))));
  EXPECT_THAT(failure({answer(R"({"error":{"message":"too old"}})", "", "400")}), HasSubstr("status 400: too old"));
  EXPECT_THAT(failure({answer("<html>", "Content-Type: text/html\r\n")}), HasSubstr("not to what it was asked"));
  EXPECT_THAT(failure({answer(R"({"jsonrpc":"2.0","id":7,"result":{}})")}), HasSubstr("not to what it was asked"));
  EXPECT_THAT(failure({answer("{}", "Content-Type: application/json\r\nMcp-Session-Id: a b\r\n")}),
              HasSubstr("characters that are not allowed"));
  EXPECT_THAT(failure({kInitialized, kAccepted, answer("", "", "404"), answer("")}), HasSubstr("(status 404)"));
}

TEST(McpHttp, ATokenThatWouldBreakTheHeaderIsNeverSent) {
  const Spoken spoken =
      speak(R"({"type":"call","id":"c1","tool":"t","arguments":{},"settings":{"access_token":"a\r\nX: y"}})"
            "\n",
            {});
  EXPECT_THAT(spoken.output, HasSubstr("holds characters that no access token has"));
}

}  // namespace
}  // namespace librebird::runner
