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
#include <optional>
#include <string>
#include <utility>
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

// In pieces of every size, as a network may bring it.
std::optional<HttpAnswer> read_in(const std::string& text, std::size_t piece, std::vector<std::string>* messages) {
  HttpAnswerReader reader;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (!reader.feed(std::string_view(text).substr(at, piece))) return std::nullopt;
    for (std::string& message : reader.take_messages()) messages->push_back(std::move(message));
  }
  const bool good = reader.end();
  for (std::string& message : reader.take_messages()) messages->push_back(std::move(message));
  return good ? std::optional(*reader.answer()) : std::nullopt;
}

TEST(HttpAnswer, IsWholeOrNothing) {
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) {
    std::vector<std::string> messages;
    const auto read =
        read_in("HTTP/1.1 200 Answer\r\ncontent-LENGTH: 2\r\nContent-Type: application/json\r\nX-A:  b \r\n\r\n{}rest",
                piece, &messages);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->status, 200);
    EXPECT_EQ(read->header("x-a"), "b");
    EXPECT_EQ(read->body, "{}");
    EXPECT_THAT(messages, ElementsAre("{}"));
    for (const char* text :
         {"", "HTTP/1.1 200 Answer\r\n", "HTTP/1.0 200 A\r\n\r\n", "HTTP/1.1 xyz\r\n\r\n", "HTTP/1.1 100 A\r\n\r\n",
          "HTTP/1.1 200 A\r\nContent-Length: 3\r\n\r\nab", "HTTP/1.1 200 A\r\nContent-Length: -1\r\n\r\nab",
          "HTTP/1.1 200 A\r\nnonsense\r\n\r\n", "HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab",
          "HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
          "HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
          "HTTP/1.1 200 A\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
      EXPECT_FALSE(read_in(text, piece, &messages)) << text;
    }
  }
  std::vector<std::string> messages;
  EXPECT_FALSE(read_in("HTTP/1.1 200 A\r\n\r\n" + std::string(5 << 20, 'x'), 10'000, &messages));
  EXPECT_FALSE(read_in("HTTP/1.1 200 A\r\nContent-Type: text/event-stream\r\n\r\ndata:" + std::string(5 << 20, 'x'),
                       10'000, &messages));
}

TEST(HttpAnswer, ComesInChunks) {
  for (const std::size_t piece : {1U, 2U, 5U, 1000U}) {
    std::vector<std::string> messages;
    const auto read = read_in(
        "HTTP/1.1 200 A\r\nContent-Type: application/json\r\nTransfer-Encoding: "
        "chunked\r\n\r\n3;x=y\r\n{\"a\r\nA\r\n\":\"bcdefg"
        "h\r\n2\r\n\"}\r\n0\r\nX: y\r\n\r\n",
        piece, &messages);
    ASSERT_TRUE(read) << piece;
    EXPECT_THAT(messages, ElementsAre("{\"a\":\"bcdefgh\"}"));
  }
}

TEST(HttpAnswer, EventsAreTheirData) {
  const std::string head = "HTTP/1.1 200 A\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\n\r\n";
  const std::string stream =
      "\xEF\xBB\xBF: hello\r\nid: 1\r\ndata:\r\n\r\nevent: message\ndata: {\"a\":\ndata: 1}\n\nevent: other\ndata: "
      "no\n\n"
      "data:{}\r\rretry: 20\nretry: x\nid: 2\n\ndata: cut short";
  for (const std::size_t piece : {1U, 2U, 3U, 1000U}) {
    std::vector<std::string> messages;
    ASSERT_TRUE(read_in(head + stream, piece, &messages));
    EXPECT_THAT(messages, ElementsAre("{\"a\":\n1}", "{}"));
  }
  EventReader events;
  (void)events.feed(stream, false);
  EXPECT_EQ(events.last_id(), "2");
  EXPECT_EQ(events.retry(), 20);
  std::vector<std::string> none;
  ASSERT_TRUE(read_in("HTTP/1.1 200 A\r\nContent-Type: text/html\r\n\r\n{}", 100, &none));
  EXPECT_THAT(none, IsEmpty());
}

TEST(HttpAnswer, AStreamIsHeardAsItComesAndTakesNoMemory) {
  HttpAnswerReader reader;
  ASSERT_TRUE(reader.feed("HTTP/1.1 200 A\r\nContent-Type: text/event-stream\r\n\r\n"));
  std::size_t heard = 0;
  for (int i = 0; i < 1000; ++i) {
    ASSERT_TRUE(reader.feed("data: " + std::string(64 * 1024, 'x') + "\n\n"));
    heard += reader.take_messages().size();
  }
  EXPECT_EQ(heard, 1000U);
  EXPECT_LT(reader.events().waiting(), 10U);
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

TEST(McpHttp, GoesOnWhereAStreamEnded) {
  const auto stream = [](const std::string& events) {
    return "HTTP/1.1 200 Answer\r\nContent-Type: text/event-stream\r\n\r\n" + events;
  };
  const std::string result =
      "data: {\"jsonrpc\":\"2.0\",\"id\":3,\"result\":{\"content\":[{\"type\":\"text\",\"text\":\"done\"}]}}\n\n";
  const Spoken spoken = speak(kCall, {kInitialized, kAccepted, kListed, stream("id: e-1\nretry: 5\ndata:\n\n"),
                                      stream("id: e-2\nretry: 5\ndata:\n\n"), stream(result), answer("", "", "200")});
  EXPECT_THAT(spoken.output, HasSubstr("\"value\":\"done\""));
  ASSERT_THAT(spoken.requests, SizeIs(7));
  for (const auto& [at, id] : {std::pair{4, "e-1"}, {5, "e-2"}}) {
    EXPECT_THAT(spoken.requests[at],
                AllOf(StartsWith("GET https://mcp.test/v1 HTTP/1.1\r\n"), HasSubstr("Accept: text/event-stream\r\n"),
                      HasSubstr("Last-Event-ID: " + std::string(id) + "\r\n"), HasSubstr("Mcp-Session-Id: s-1\r\n")));
  }
  // Without a place to go on from, it is over.
  EXPECT_THAT(speak(kCall, {kInitialized, kAccepted, kListed, stream(": nothing\n\n")}).output,
              HasSubstr("not to what it was asked"));
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
