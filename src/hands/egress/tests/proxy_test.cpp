// Raw bytes into the fence, as an attacker would send them, with a scripted client behind it.

#include "raw_fence.hpp"

namespace librebird::egress {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(Egress, FetchesWhatIsAllowed) {
  http_.answers = {{200, {{"Content-Type", "text/plain"}, {"Set-Cookie", "a=b"}}, "sunny"}};
  const std::string answer =
      ask("GET https://wttr.in/x?format=j1 HTTP/1.1\r\nAccept: */*\r\nHost: wttr.in\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n5\r\nsunny\r\n0\r\n\r\n"));
  EXPECT_EQ(answer.find("Set-Cookie"), std::string::npos);
  ASSERT_EQ(http_.requests.size(), 1U);
  EXPECT_EQ(http_.requests[0].reach, Reach::public_only);
  EXPECT_EQ(http_.requests[0].headers.size(), 1U);
  EXPECT_EQ(decisions_, "egress GET wttr.in: 200");
}

TEST_F(Egress, RefusesTheRest) {
  for (const char* url : {"https://evil.example/", "http://wttr.in/", "https://wttr.in:8443/", "https://user@wttr.in/",
                          "https://wttr.in.evil.example/", "ftp://wttr.in/", "https://evil.example#wttr.in",
                          "https://127.0.0.1/", "https://[::1]/", "file:///etc/passwd"}) {
    EXPECT_THAT(ask(get(url)), ::testing::AnyOf(StartsWith("HTTP/1.1 403"), StartsWith("HTTP/1.1 400"))) << url;
  }
  EXPECT_THAT(ask("TRACE https://wttr.in/ HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(ask(get("/relative")), StartsWith("HTTP/1.1 400"));
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(Egress, AHostFieldThatSaysOtherwiseIsRefused) {
  for (const char* host : {"evil.example", "wttr.in:81", "wttr.in.", "", "wttr.in, evil.example", "user@wttr.in"}) {
    EXPECT_THAT(ask(std::string("GET http://wttr.in/ HTTP/1.1\r\nHost: ") + host + "\r\n\r\n", {"http://wttr.in"}),
                StartsWith("HTTP/1.1 400"))
        << host;
  }
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(Egress, ChecksEveryRedirect) {
  http_.answers = {{302, {{"Location", "https://169.254.169.254/"}}, ""}};
  EXPECT_THAT(ask(get("https://wttr.in/")), StartsWith("HTTP/1.1 403"));
  EXPECT_EQ(http_.requests.size(), 1U);
  EXPECT_EQ(decisions_, "egress GET wttr.in: 302; egress GET 169.254.169.254: denied");
  http_.requests.clear();
  http_.answers = {{301, {{"Location", "/b"}}, ""}, {200, {}, "there"}};
  EXPECT_THAT(ask(get("https://wttr.in/a")), HasSubstr("there"));
  EXPECT_EQ(http_.requests[1].url, "https://wttr.in/b");
  http_.answers.assign(5, {302, {{"Location", "/again"}}, ""});
  EXPECT_THAT(ask(get("https://wttr.in/")), StartsWith("HTTP/1.1 502"));
}

TEST_F(Egress, BoundsWhatComesAndGoes) {
  http_.answers = {{200, {{"Content-Length", "2000"}}, std::string(2000, 'x')}};
  EXPECT_THAT(ask(get("https://wttr.in/")), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask("POST https://wttr.in/ HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n"), StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(ask("GET https://wttr.in/ HTTP/1.1\r\nBad Header: x\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask("GET https://wttr.in/" + std::string(100'000, 'x')), StartsWith("HTTP/1.1 413"));
  EXPECT_EQ(ask("half a req"), "");
}

TEST_F(Egress, SeveralRequestsOnOneConnection) {
  http_.answers = {{200, {}, "one"}, {200, {}, "two"}};
  const std::string answer =
      ask("POST https://wttr.in/ HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc" + get("https://wttr.in/2"));
  EXPECT_THAT(answer, HasSubstr("one"));
  EXPECT_THAT(answer, HasSubstr("two"));
  EXPECT_EQ(http_.requests[0].body, "abc");
}

TEST_F(Egress, ProgramsSpeakPlainHttpInAbsoluteForm) {
  http_.answers = {
      {301, {{"Location", "http://wttr.in/b"}, {"Set-Cookie", "a=b"}, {"Connection", "X-Own"}, {"X-Own", "1"}}, ""}};
  const std::string answer = ask(
      "GET http://wttr.in/a?q=1 HTTP/1.1\r\nHost: wttr.in\r\nCookie: c\r\nProxy-Authorization: x\r\nTE: trailers\r\n"
      "Connection: X-Hop\r\nX-Hop: 1\r\n\r\n",
      {"http://wttr.in"});
  // Redirects are the program's own business, and so are its cookies.
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 301"));
  EXPECT_THAT(answer, HasSubstr("Set-Cookie: a=b"));
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("X-Own")));
  ASSERT_EQ(http_.requests.size(), 1U);
  EXPECT_EQ(http_.requests[0].url, "http://wttr.in/a?q=1");
  EXPECT_EQ(http_.requests[0].headers, (HttpHeaders{{"Cookie", "c"}}));
  EXPECT_THAT(ask("GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\n\r\n", {"wttr.in"}),
              HasSubstr("\"http://wttr.in\" there would allow it"));
}

TEST_F(Egress, ChunkedBodiesPassBothWays) {
  http_.answers = {{200, {{"Transfer-Encoding", "chunked"}}, "pong"}};
  const std::string answer =
      ask("POST http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nTransfer-Encoding: "
          "chunked\r\n\r\n2;x=y\r\npi\r\n2\r\nng\r\n0\r\nT: 1\r\n\r\n",
          {"http://wttr.in"});
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n4\r\npong\r\n0\r\n\r\n"));
  EXPECT_EQ(http_.requests.at(0).body, "ping");
}

TEST_F(Egress, NoBodyWhereThereIsNone) {
  http_.answers = {{200, {{"Content-Length", "10"}}, ""}, {204, {}, ""}, {304, {}, ""}, {200, {}, "last"}};
  const std::string host = " http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\n\r\n";
  const std::string answer = ask("HEAD" + host + "GET" + host + "GET" + host + "GET" + host, {"http://wttr.in"});
  EXPECT_THAT(answer, ::testing::ContainsRegex(
                          "200 Answer\r\nContent-Length: 10\r\n\r\nHTTP/1.1 204 Answer\r\n\r\nHTTP/1.1 304 "
                          "Answer\r\n\r\nHTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("last"));
}

TEST_F(Egress, SmugglingIsRefusedAndEndsTheConnection) {
  const std::string host = "Host: wttr.in\r\n";
  for (const std::string& head :
       std::vector<std::string>{host + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
                                host + "Content-Length: 5\r\nContent-Length: 5\r\n",
                                host + "Content-Length: 5, 5\r\n",
                                host + "Content-Length: +5\r\n",
                                host + "Content-Length: 0x5\r\n",
                                host + "Content-Length: -1\r\n",
                                host + "Content-Length: 99999999999999999999999\r\n",
                                host + "Content-Length:\r\n",
                                host + "Transfer-Encoding: gzip, chunked\r\n",
                                host + "Transfer-Encoding: xchunked\r\n",
                                host + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                                host + "Transfer-Encoding : chunked\r\n",
                                host + "X: a\r\n b\r\n",
                                host + "X: a\n\r\n",
                                host + "X: a\rb\r\n",
                                host + std::string("X: a\0b\r\n", 8),
                                host + host,
                                host + ": x\r\n",
                                host + "no colon\r\n",
                                host + " X: y\r\n"}) {
    const std::string answer = ask("POST http://wttr.in/ HTTP/1.1\r\n" + head + "\r\n" +
                                       "GET http://wttr.in/smuggled HTTP/1.1\r\n" + host + "\r\n",
                                   {"http://wttr.in"});
    EXPECT_THAT(answer, ::testing::AnyOf(StartsWith("HTTP/1.1 400"), StartsWith("HTTP/1.1 501"))) << head;
    EXPECT_EQ(answer.find("HTTP/1.1", 5), std::string::npos) << head << answer;
  }
  for (const char* line : {"GET http://wttr.in/ HTTP/1.1\nHost: wttr.in\r\n\r\n",
                           "GET  http://wttr.in/ HTTP/1.1\r\n\r\n", "GET\thttp://wttr.in/ HTTP/1.1\r\n\r\n",
                           "GET http://wttr.in/ HTTP/2.0\r\n\r\n", "GET http://wttr.in/ HTTP/1.1 \r\n\r\n",
                           "GET http://wttr.in/\x80 HTTP/9\r\n\r\n", "G(T http://wttr.in/ HTTP/1.1\r\n\r\n",
                           "GET http://wttr.in/\r\n\r\n", "\x16\x03\x01 something like TLS\r\n\r\n"}) {
    EXPECT_THAT(ask(line, {"http://wttr.in"}), StartsWith("HTTP/1.1 400")) << line;
  }
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(Egress, BrokenChunksSendNothing) {
  for (const char* body : {"x\r\n", "-1\r\n", "0x2\r\nab\r\n0\r\n\r\n", "2\nab\r\n0\r\n\r\n", "2\r\nabc\r\n0\r\n\r\n",
                           "ffffffffffffffffff\r\n", "2\r\nab", "2\r\nab\r\n"}) {
    const std::string answer =
        ask(std::string("POST http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nTransfer-Encoding: chunked\r\n\r\n") + body,
            {"http://wttr.in"});
    EXPECT_THAT(answer, ::testing::AnyOf(StartsWith("HTTP/1.1 400"), StartsWith("HTTP/1.1 502"))) << body;
    EXPECT_EQ(answer.find("HTTP/1.1", 5), std::string::npos) << answer;
  }
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(Egress, ExpectationsAndUpgradesAreAnswered) {
  http_.answers = {{200, {}, "done"}};
  EXPECT_THAT(
      ask("POST http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
          {"http://wttr.in"}),
      ::testing::AllOf(StartsWith("HTTP/1.1"), HasSubstr("done")));
  EXPECT_EQ(http_.requests.at(0).body, "abc");
  EXPECT_FALSE(find_header(http_.requests.at(0).headers, "Expect"));
  EXPECT_THAT(ask("GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                  {"http://wttr.in"}),
              ::testing::AllOf(StartsWith("HTTP/1.1 501"), HasSubstr("tunnel:")));
  EXPECT_THAT(ask("GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nExpect: tea\r\n\r\n", {"http://wttr.in"}),
              StartsWith("HTTP/1.1 501"));
}

TEST_F(Egress, ConnectIsForListedHostsAndOneRequestAtATime) {
  EXPECT_THAT(ask("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"),
              ::testing::AllOf(StartsWith("HTTP/1.1 403 The host evil.example is not among"), HasSubstr("(wttr.in)")));
  for (const char* target :
       {"wttr.in", "wttr.in:0", "wttr.in:65536", "wttr.in:443x", "user@wttr.in:443", "wttr.in.:443", "wttr%2ein:443",
        "[::1", "https://wttr.in:443", "wttr.in:443/path", ":443", "wttr.in:80"}) {
    EXPECT_THAT(ask("CONNECT " + std::string(target) + " HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 40")) << target;
  }
  EXPECT_THAT(ask("CONNECT wttr.in:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  // Plain HTTP in a CONNECT is checked like any other.
  http_.answers = {{200, {}, "plain"}};
  const std::string answer =
      ask("CONNECT wttr.in:80 HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\nHost: wttr.in\r\n\r\n", {"http://wttr.in"});
  EXPECT_THAT(answer, ::testing::AllOf(StartsWith("HTTP/1.1 200 Connection established"), HasSubstr("plain")));
  EXPECT_EQ(http_.requests.at(0).url, "http://wttr.in/x");
  for (const char* inner : {"GET /x HTTP/1.1\r\nHost: evil.example\r\n\r\n", "GET /x HTTP/1.1\r\n\r\n",
                            "GET http://evil.example/ HTTP/1.1\r\nHost: wttr.in\r\n\r\n",
                            "GET /x HTTP/1.1\r\nHost: wttr.in:81\r\n\r\n", "CONNECT wttr.in:80 HTTP/1.1\r\n\r\n"}) {
    EXPECT_THAT(ask(std::string("CONNECT wttr.in:80 HTTP/1.1\r\n\r\n") + inner, {"http://wttr.in"}),
                HasSubstr("HTTP/1.1 400"))
        << inner;
  }
  EXPECT_THAT(ask("CONNECT wttr.in:443 HTTP/1.1\r\n\r\nSSH-2.0-x\r\n\r\n"), HasSubstr("200 Connection"));
  EXPECT_EQ(http_.requests.size(), 1U);
}

}  // namespace
}  // namespace librebird::egress
