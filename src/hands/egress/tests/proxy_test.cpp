// Raw bytes into the fence, as an attacker would send them, with a scripted client behind it.

#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/egress/policy.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/write.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

namespace librebird::egress {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Client = boost::asio::basic_stream_socket<boost::asio::local::stream_protocol, Executor>;

Task<std::string> say(Executor executor, Call& call, std::string text) {
  Client client(executor);
  co_await client.async_connect({call.directory() + "/fence.sock"}, use_task);
  boost::system::error_code error;
  co_await boost::asio::async_write(client, boost::asio::buffer(text), boost::asio::redirect_error(use_task, error));
  client.shutdown(Client::shutdown_send, error);
  std::string answer;
  auto buffer = boost::asio::dynamic_buffer(answer);
  co_await boost::asio::async_read(client, buffer, boost::asio::redirect_error(use_task, error));
  co_return answer;
}

Task<int> closed(Call& call) {
  co_await call.close();
  co_return 0;
}

class Egress : public testing::Test {
 protected:
  Task<std::string> converse(CallPolicy policy, std::string text) {
    auto call = fence_.open(std::move(policy));
    const std::string directory = (*call)->directory();
    std::string answer = co_await say(loop_.executor(), **call, std::move(text));
    decisions_ = (*call)->decisions();
    events_ = (*call)->events();
    co_await (*call)->close();
    EXPECT_NE(::access(directory.c_str(), F_OK), 0);
    co_return answer;
  }
  std::string ask(CallPolicy policy, std::string text) {
    return testkit::run_on(loop_, converse(std::move(policy), std::move(text)));
  }
  std::string ask(std::string text, std::vector<std::string> hosts = {"wttr.in"}) {
    CallPolicy policy;
    policy.hosts = std::move(hosts);
    policy.limits.response_bytes = 1000;
    return ask(std::move(policy), std::move(text));
  }
  static std::string get(const std::string& url) { return "GET " + url + " HTTP/1.1\r\n\r\n"; }

  Loop loop_;
  testkit::ScriptedHttpClient http_;
  Fence fence_{loop_.executor(), http_};
  std::string decisions_;
  std::vector<EgressEvent> events_;
};

TEST_F(Egress, FetchesWhatIsAllowed) {
  http_.answers = {{200, {{"Content-Type", "text/plain"}, {"Set-Cookie", "a=b"}}, "sunny"}};
  const std::string answer =
      ask("GET https://wttr.in/x?format=j1 HTTP/1.1\r\nAccept: */*\r\nHost: wttr.in\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nsunny"));
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
    EXPECT_THAT(ask(get(url)), testing::AnyOf(StartsWith("HTTP/1.1 403"), StartsWith("HTTP/1.1 400"))) << url;
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
  http_.answers = {{200, {}, std::string(2000, 'x')}};
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
  EXPECT_THAT(answer, testing::Not(HasSubstr("X-Own")));
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
  EXPECT_THAT(answer,
              testing::ContainsRegex("200 Answer\r\nContent-Length: 10\r\n\r\nHTTP/1.1 204 Answer\r\n\r\nHTTP/1.1 304 "
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
    EXPECT_THAT(answer, testing::AnyOf(StartsWith("HTTP/1.1 400"), StartsWith("HTTP/1.1 501"))) << head;
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
    EXPECT_THAT(answer, testing::AnyOf(StartsWith("HTTP/1.1 400"), StartsWith("HTTP/1.1 502"))) << body;
    EXPECT_EQ(answer.find("HTTP/1.1", 5), std::string::npos) << answer;
  }
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(Egress, ExpectationsAndUpgradesAreAnswered) {
  http_.answers = {{200, {}, "done"}};
  EXPECT_THAT(
      ask("POST http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
          {"http://wttr.in"}),
      testing::AllOf(StartsWith("HTTP/1.1"), HasSubstr("done")));
  EXPECT_EQ(http_.requests.at(0).body, "abc");
  EXPECT_FALSE(find_header(http_.requests.at(0).headers, "Expect"));
  EXPECT_THAT(ask("GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
                  {"http://wttr.in"}),
              testing::AllOf(StartsWith("HTTP/1.1 501"), HasSubstr("tunnel:")));
  EXPECT_THAT(ask("GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nExpect: tea\r\n\r\n", {"http://wttr.in"}),
              StartsWith("HTTP/1.1 501"));
}

TEST_F(Egress, ConnectIsForListedHostsAndOneRequestAtATime) {
  EXPECT_THAT(ask("CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example:443\r\n\r\n"),
              testing::AllOf(StartsWith("HTTP/1.1 403 The host evil.example is not among"), HasSubstr("(wttr.in)")));
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
  EXPECT_THAT(answer, testing::AllOf(StartsWith("HTTP/1.1 200 Connection established"), HasSubstr("plain")));
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

TEST_F(Egress, AnIdleCallRefusesEverythingUntilItIsBound) {
  auto call = fence_.open_idle();
  ASSERT_TRUE(call.ok());
  const auto talk = [&](std::string text) {
    return testkit::run_on(loop_, say(loop_.executor(), **call, std::move(text)));
  };
  EXPECT_THAT(talk(get("https://wttr.in/")), StartsWith("HTTP/1.1 403"));
  CallPolicy wrong;
  wrong.hosts = {"a b"};
  const auto refused = (*call)->bind(wrong);
  ASSERT_FALSE(refused.ok());
  EXPECT_THAT(refused.error().message, HasSubstr("a b"));
  EXPECT_THAT(talk(get("https://wttr.in/")), StartsWith("HTTP/1.1 403"));
  CallPolicy policy;
  policy.hosts = {"wttr.in"};
  ASSERT_TRUE((*call)->bind(policy).ok());
  http_.answers = {{200, {}, "sunny"}, {200, {}, "again"}};
  EXPECT_THAT(talk(get("https://wttr.in/")), HasSubstr("sunny"));
  EXPECT_EQ((*call)->events().size(), 1U);
  policy.hosts = {"other.example"};
  ASSERT_TRUE((*call)->bind(policy).ok());
  EXPECT_TRUE((*call)->events().empty());
  EXPECT_THAT(talk(get("https://wttr.in/")), StartsWith("HTTP/1.1 403"));
  testkit::run_on(loop_, closed(**call));
}

TEST_F(Egress, EventsSayWhatHappenedAndAreBounded) {
  std::vector<EgressEvent> told;
  CallPolicy policy;
  policy.hosts = {"http://wttr.in"};
  policy.limits.events = 3;
  policy.on_event = [&](const EgressEvent& event) { told.push_back(event); };
  http_.answers = {{200, {}, "four"}};
  std::string text = "POST http://wttr.in/p/a?secret=1 HTTP/1.1\r\nHost: wttr.in\r\nContent-Length: 2\r\n\r\nab";
  for (int i = 0; i < 5; ++i) text += "GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\n\r\n";
  ask(policy, text);
  ASSERT_EQ(told.size(), 3U);
  EXPECT_EQ(told[0].method, "POST");
  EXPECT_EQ(told[0].path, "/p/a");
  EXPECT_EQ(told[0].status, 200);
  EXPECT_EQ(told[0].bytes_up, 2U);
  EXPECT_EQ(told[0].bytes_down, 4U);
  EXPECT_EQ(told[0].decision, EgressDecision::allowed);
  EXPECT_EQ(told[1].decision, EgressDecision::denied);
  EXPECT_EQ(told[1].host, "evil.example");
  EXPECT_THAT(told[2].reason, HasSubstr("further events"));
  EXPECT_EQ(events_.size(), 3U);
}

TEST_F(Egress, BudgetsOfACall) {
  const std::string one = "GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\n\r\n";
  CallPolicy policy;
  policy.hosts = {"http://wttr.in"};
  policy.limits.requests = 2;
  http_.answers.assign(3, {200, {}, "x"});
  EXPECT_THAT(ask(policy, one + one + one), HasSubstr("HTTP/1.1 429"));
  EXPECT_EQ(http_.requests.size(), 2U);
  policy.limits.requests = 100;
  policy.limits.download_bytes = 10;
  http_.answers = {{200, {{"Content-Length", "100"}}, std::string(100, 'x')}};
  const std::string cut = ask(policy, one);
  EXPECT_EQ(cut.find("xxx"), std::string::npos);
  EXPECT_EQ(events_.at(0).decision, EgressDecision::denied);
  policy.limits.upload_bytes = 10;
  EXPECT_THAT(ask(policy, "POST http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nContent-Length: 11\r\n\r\n01234567890"),
              HasSubstr("HTTP/1.1 429"));
  policy.limits = {};
  policy.limits.body_bytes = 4;
  EXPECT_THAT(ask(policy, "POST http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\nContent-Length: 5\r\n\r\n01234"),
              HasSubstr("HTTP/1.1 413"));
  policy.limits = {};
  policy.limits.requests_per_second = 0.001;
  http_.requests.clear();
  http_.answers.assign(9, {200, {}, "x"});
  EXPECT_THAT(ask(policy, one + one), testing::AllOf(StartsWith("HTTP/1.1 200"), HasSubstr("HTTP/1.1 429")));
}

TEST_F(Egress, ConnectionsOfACallAreBounded) {
  CallPolicy policy;
  policy.hosts = {"http://wttr.in"};
  policy.limits.connections = 2;
  auto call = fence_.open(policy);
  std::vector<Client> held;
  for (int i = 0; i < 2; ++i) {
    held.emplace_back(loop_.executor());
    held.back().connect({(*call)->directory() + "/fence.sock"});
  }
  EXPECT_THAT(testkit::run_on(loop_, say(loop_.executor(), **call, "")), StartsWith("HTTP/1.1 503"));
  held.clear();
  testkit::run_on(loop_, closed(**call));
}

TEST_F(Egress, AnAnswerOnlyAProxyMayGiveIsNotPassedOn) {
  for (const int status : {101, 407}) {
    http_.answers = {{status, {{"Proxy-Authenticate", "Basic"}}, ""}};
    EXPECT_THAT(ask("GET http://wttr.in/ HTTP/1.1\r\nHost: wttr.in\r\n\r\n", {"http://wttr.in"}),
                StartsWith("HTTP/1.1 502"));
  }
}

struct Seen {
  std::string name;
  bool known = false;
};

// Knows one key's looks and one value; like a real scanner, it says so only when it has seen a byte more.
class Looker {
 public:
  std::optional<Seen> feed(std::string_view piece) {
    seen_ += piece;
    return look(seen_.substr(0, seen_.empty() ? 0 : seen_.size() - 1));
  }
  [[nodiscard]] std::optional<Seen> finish() const { return look(seen_); }

 private:
  static std::optional<Seen> look(const std::string& text) {
    if (text.find("KEY-12345678") != std::string::npos) return Seen{"a key", false};
    if (text.find("my own password") != std::string::npos) return Seen{"the setting password", true};
    return std::nullopt;
  }
  std::string seen_;
};

TEST_F(Egress, WhatLeaksIsStoppedAndWhatReturnsIsFlagged) {
  CallPolicy policy;
  policy.hosts = {"http://wttr.in", "wttr.in"};
  const auto make = [] { return std::make_unique<Looker>(); };
  policy.inspector = std::make_shared<WatchingInspector<decltype(make)>>(make);
  const std::string host = "Host: wttr.in\r\n";
  const std::string large(300'000, 'x');
  for (const std::string& text : std::vector<std::string>{
           "GET http://wttr.in/?k=KEY-12345678 HTTP/1.1\r\n" + host + "\r\n",
           "GET http://wttr.in/ HTTP/1.1\r\n" + host + "X: KEY-12345678\r\n\r\n",
           "GET http://wttr.in/ HTTP/1.1\r\n" + host + "Authorization: my own password\r\n\r\n",
           "POST http://wttr.in/ HTTP/1.1\r\n" + host + "Content-Length: 12\r\n\r\nKEY-12345678",
           "POST https://wttr.in/ HTTP/1.1\r\nContent-Length: 12\r\n\r\nKEY-12345678",
           "POST http://wttr.in/ HTTP/1.1\r\n" + host +
               "Transfer-Encoding: chunked\r\n\r\n6\r\nxKEY-1\r\n7\r\n2345678\r\n0\r\n\r\n",
           "POST http://wttr.in/ HTTP/1.1\r\n" + host + "Content-Length: 300012\r\n\r\n" + large + "KEY-12345678"}) {
    EXPECT_THAT(ask(policy, text), testing::AllOf(StartsWith("HTTP/1.1 403"), HasSubstr("looks like a secret")))
        << text.substr(0, 200);
    ASSERT_FALSE(events_.empty());
    EXPECT_EQ(events_[0].decision, EgressDecision::denied);
  }
  EXPECT_TRUE(http_.requests.empty()) << "a large body had begun to leave";
  // Credentials look like secrets because they are.
  http_.answers = {{200, {}, "fine"},
                   {200, {}, "it is KEY-12345678"},
                   {200, {{"X", "KEY-12345678"}}, ""},
                   {200, {}, "whole KEY-12345678"}};
  const std::string get = "GET http://wttr.in/ HTTP/1.1\r\n" + host;
  EXPECT_THAT(ask(policy, get + "Authorization: Bearer KEY-12345678\r\n\r\n" + get + "\r\n" + get + "\r\n" +
                              this->get("https://wttr.in/")),
              HasSubstr("fine"));
  ASSERT_EQ(events_.size(), 4U);
  EXPECT_EQ(events_[0].decision, EgressDecision::allowed);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(events_[i].decision, EgressDecision::flagged) << i;
}

TEST_F(Egress, PrivateNetworksAreForExactHostsOfTheOperator) {
  CallPolicy policy;
  policy.hosts = {"index.corp"};
  policy.reach = Reach::any;
  http_.answers = {{200, {}, "x"}};
  EXPECT_THAT(ask(policy, get("https://index.corp/")), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(http_.requests.at(0).reach, Reach::any);
  for (const char* host : {"*", "*.corp", "http://*"}) {
    policy.hosts = {"index.corp", host};
    EXPECT_FALSE(fence_.open(policy).ok()) << host;
  }
}

TEST_F(Egress, ACallMayBeDroppedWithoutBeingClosed) {
  std::string directory;
  {
    auto idle = fence_.open_idle();
    directory = (*idle)->directory();
    loop_.poll();
    Client client(loop_.executor());
    client.connect({directory + "/fence.sock"});
    loop_.poll();
  }
  EXPECT_NE(::access(directory.c_str(), F_OK), 0);
  loop_.poll();
  {
    Loop loop;
    Fence fence(loop.executor(), http_);
    auto idle = fence.open_idle();
    directory = (*idle)->directory();
    loop.poll();
  }
  EXPECT_NE(::access(directory.c_str(), F_OK), 0);
}

}  // namespace
}  // namespace librebird::egress
