#include <librebird/hands/egress/fence.hpp>
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

Task<std::string> converse(Executor executor, Fence& fence, std::vector<std::string> hosts, std::string text,
                           std::string& decisions) {
  auto call = fence.open(std::move(hosts));
  Client client(executor);
  co_await client.async_connect({(*call)->directory() + "/fence.sock"}, use_task);
  boost::system::error_code error;
  co_await boost::asio::async_write(client, boost::asio::buffer(text), boost::asio::redirect_error(use_task, error));
  client.shutdown(Client::shutdown_send, error);
  std::string answer;
  auto buffer = boost::asio::dynamic_buffer(answer);
  co_await boost::asio::async_read(client, buffer, boost::asio::redirect_error(use_task, error));
  co_await (*call)->close();
  decisions = (*call)->decisions();
  const std::string path = (*call)->directory();
  call->reset();
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
  co_return answer;
}

class Egress : public testing::Test {
 protected:
  std::string ask(std::string text, std::vector<std::string> hosts = {"wttr.in"}) {
    Fence fence(loop_.executor(), http_, {.response_bytes = 1000});
    return testkit::run_on(loop_, converse(loop_.executor(), fence, std::move(hosts), std::move(text), decisions_));
  }
  static std::string get(const std::string& url) { return "GET " + url + " HTTP/1.1\r\n\r\n"; }

  Loop loop_;
  testkit::ScriptedHttpClient http_;
  std::string decisions_;
};

TEST_F(Egress, FetchesWhatIsAllowed) {
  http_.answers = {{200, {{"Content-Type", "text/plain"}, {"Set-Cookie", "a=b"}}, "sunny"}};
  const std::string answer =
      ask("GET https://wttr.in/x?format=j1 HTTP/1.1\r\nAccept: */*\r\nHost: evil\r\nConnection: close\r\n\r\n");
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
  EXPECT_THAT(ask("CONNECT wttr.in:443 HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 40"));
  EXPECT_THAT(ask("TRACE https://wttr.in/ HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 403"));
  EXPECT_THAT(ask(get("/relative")), StartsWith("HTTP/1.1 400"));
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
  EXPECT_THAT(ask("POST https://wttr.in/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
              StartsWith("HTTP/1.1 400"));
  EXPECT_THAT(ask("GET https://wttr.in/ HTTP/1.1\r\nBad Header: x\r\n\r\n"), StartsWith("HTTP/1.1 400"));
  EXPECT_EQ(ask("GET https://wttr.in/" + std::string(100'000, 'x')), "");
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

TEST(EgressPolicy, PlainHttpOnlyWhereNamed) {
  EXPECT_TRUE(may_fetch({"http://a.example"}, "GET", "http://a.example/").ok());
  EXPECT_FALSE(may_fetch({"http://a.example"}, "GET", "https://a.example/").ok());
  EXPECT_TRUE(may_fetch({"a.example:8443"}, "GET", "https://a.example:8443/").ok());
  EXPECT_TRUE(may_fetch({"A.Example"}, "GET", "HTTPS://a.EXAMPLE:443/").ok());
  EXPECT_FALSE(may_fetch({}, "GET", "https://a.example/").ok());
}

}  // namespace
}  // namespace librebird::egress
