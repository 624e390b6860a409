// What needs no socket: events, addresses, targets, queries, cookies, URLs, the request parser fed in any pieces.

#include "request_parser.hpp"
#include "request_target.hpp"
#include "response_parser.hpp"
#include "url.hpp"

#include <librebird/net/http_client.hpp>
#include <librebird/net/http_server.hpp>
#include <librebird/net/sse.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace librebird::net {
namespace {

std::vector<SseEvent> parse(std::string_view text, std::size_t piece) {
  SseParser parser;
  std::vector<SseEvent> all;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    auto some = parser.feed(text.substr(at, piece));
    EXPECT_TRUE(some.ok());
    if (some) all.insert(all.end(), some->begin(), some->end());
  }
  return all;
}

TEST(Sse, ReadsEveryLineEndInEveryPiece) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    const std::string text = "\xEF\xBB\xBF: hello" + end + "event: delta" + end + "id: 7" + end + "data: one" + end +
                             "data:two" + end + "retry: 5" + end + end + "data" + end + end + end + "event: none" +
                             end + end + "data:  x" + end + end + "data: cut";
    const std::vector<SseEvent> expected{{"delta", "one\ntwo", "7"}, {"", "", "7"}, {"", " x", "7"}};
    for (std::size_t piece = 1; piece <= text.size(); ++piece) ASSERT_EQ(parse(text, piece), expected) << piece;
  }
}

TEST(Sse, IgnoresAnIdWithNul) { EXPECT_EQ(parse(std::string_view("id: a\0b\ndata: x\n\n", 17), 100).at(0).id, ""); }

TEST(Sse, RefusesAnEventOverTheLimit) {
  SseParser parser(64);
  EXPECT_TRUE(parser.feed(std::string(60, 'x')).ok());
  auto over = parser.feed(std::string(10, 'x'));
  ASSERT_FALSE(over.ok());
  EXPECT_EQ(over.error().code, Code::too_large);
  SseParser lines(64);
  Result<std::vector<SseEvent>> last = std::vector<SseEvent>{};
  for (int i = 0; i < 40 && last; ++i) last = lines.feed("data: 12345\n");
  EXPECT_FALSE(last.ok());
}

TEST(Sse, WritesWhatItReads) {
  const SseEvent event{"turn.delta", "one\ntwo\n\nthree\n", "1.2"};
  EXPECT_EQ(parse(format_sse(event), 3), std::vector{event});
  EXPECT_EQ(format_sse({"a\nb", "x\r\ny", ""}), "event: ab\ndata: x\ndata: y\n\n");
}

TEST(Address, KnowsThePublicInternet) {
  for (const char* good : {"8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.0", "172.15.0.1", "172.32.0.1",
                           "192.0.1.1", "223.255.255.255", "2606:4700:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8",
                           "64:ff9b::808:808", "2002:808:808::1"}) {
    EXPECT_TRUE(is_public_address(good)) << good;
  }
  for (const char* bad : {"",
                          "example.com",
                          "8.8.8",
                          "0.0.0.0",
                          "0.1.2.3",
                          "10.0.0.1",
                          "100.64.0.1",
                          "100.127.255.255",
                          "127.0.0.1",
                          "127.9.9.9",
                          "169.254.169.254",
                          "172.16.0.1",
                          "172.31.255.255",
                          "192.0.0.8",
                          "192.0.2.1",
                          "192.168.1.1",
                          "192.88.99.1",
                          "198.18.0.1",
                          "198.19.255.255",
                          "198.51.100.1",
                          "203.0.113.9",
                          "224.0.0.1",
                          "239.1.1.1",
                          "240.0.0.1",
                          "255.255.255.255",
                          "::",
                          "::1",
                          "::7f00:1",
                          "::ffff:127.0.0.1",
                          "::ffff:10.0.0.1",
                          "::ffff:0:7f00:1",
                          "64:ff9b::7f00:1",
                          "64:ff9b::a00:1",
                          "64:ff9b:1::1",
                          "100::1",
                          "2001::1",
                          "2001:db8::1",
                          "2001:10::1",
                          "2002:7f00:1::",
                          "2002:a00:1::1",
                          "3fff::1",
                          "3ffe::1",
                          "5f00::1",
                          "fc00::1",
                          "fd12::1",
                          "fe80::1",
                          "fe80::1%1",
                          "fec0::1",
                          "ff02::1",
                          "2a00::5efe:7f00:1",
                          "4000::1",
                          "8000::1"}) {
    EXPECT_FALSE(is_public_address(bad)) << bad;
  }
}

TEST(Target, NormalisesOrRefuses) {
  const auto path = [](std::string_view target) {
    auto parsed = parse_target("GET", target);
    return parsed ? parsed->path : "!";
  };
  EXPECT_EQ(path("/"), "/");
  EXPECT_EQ(path("/a/b?x=%2e%2e"), "/a/b");
  EXPECT_EQ(path("/a//b/./c/../d/"), "/a/b/d/");
  EXPECT_EQ(path("/a/.."), "/");
  EXPECT_EQ(path("/a/b/.."), "/a/");
  EXPECT_EQ(path("/%41%C3%A4..b/...c"), "/A\xC3\xA4..b/...c");
  EXPECT_EQ(path("http://host:1/x/y"), "/x/y");
  EXPECT_EQ(path("HTTPS://host?q"), "/");
  for (const char* bad : {"",           "a",      "/..", "/../a",    "/a/../../b", "/%2e%2e/a",   "/a/%2E./..%2f../b",
                          "/%00",       "/a%0ab", "/%",  "/%4",      "/%zz",       "/%ff",        "/%c0%ae%c0%ae/",
                          "/%ed%a0%80", "/a#b",   "*",   "ftp://x/", "http:///x",  "http://u@h/", "example.com:443",
                          "/\x01"}) {
    EXPECT_EQ(path(bad), "!") << bad;
  }
  EXPECT_FALSE(parse_target("CONNECT", "/").ok());
  EXPECT_EQ(parse_target("OPTIONS", "*")->path, "/");
  EXPECT_EQ(parse_target("GET", "/p?a=b?c%20")->query, "a=b?c%20");
  EXPECT_EQ(parse_target("GET", "http://h:8/p")->authority, "h:8");
}

TEST(Request, FindsQueryValuesAndCookies) {
  Request request;
  request.query = "a=1&b=x%20y+z&&c&d=&a=2&bad=%zz&%65=e";
  EXPECT_EQ(request.query_value("a"), "1");
  EXPECT_EQ(request.query_value("b"), "x y z");
  EXPECT_EQ(request.query_value("c"), "");
  EXPECT_EQ(request.query_value("d"), "");
  EXPECT_EQ(request.query_value("e"), "e");
  EXPECT_EQ(request.query_value("bad"), std::nullopt);
  EXPECT_EQ(request.query_value("none"), std::nullopt);
  request.headers = {{"Cookie", "x=1; lb_session=abc=def ;broken; q=\"v\""}, {"cookie", "late=1"}};
  EXPECT_EQ(request.cookie("x"), "1");
  EXPECT_EQ(request.cookie("lb_session"), "abc=def");
  EXPECT_EQ(request.cookie("q"), "v");
  EXPECT_EQ(request.cookie("late"), "1");
  EXPECT_EQ(request.cookie("session"), std::nullopt);
}

TEST(Url, TakesOnlyPlainHttp) {
  auto url = parse_url("HTTP://Example.com?q=1#part");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->target, "/?q=1");
  EXPECT_EQ(url->origin(), "http://example.com:80");
  EXPECT_EQ(url->host_header(), "example.com");
  url = parse_url("https://[::1]:8443/a%20b");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->host, "::1");
  EXPECT_EQ(url->host_header(), "[::1]:8443");
  for (const char* bad :
       {"", "/a", "ftp://a/", "http://", "http:///x", "http://u:p@h/", "http://u@h/", "http://h:0/", "http://h:99999/",
        "http://h/\r\nX: y", "http://h/ a", "http://a%0d.b/", "file:///etc/passwd"}) {
    EXPECT_FALSE(parse_url(bad).ok()) << bad;
  }
}

// The status the server would answer with; 0 while more is needed, 200 when done.
int outcome(std::string_view text, std::size_t piece, Request* out = nullptr) {
  RequestParser parser({.head = 512, .body = 64});
  for (std::size_t at = 0; at < text.size(); at += piece) parser.feed(text.substr(at, piece));
  if (out != nullptr) *out = std::move(parser.request());
  if (parser.state() == RequestParser::State::refused) return parser.refusal().status;
  return parser.state() == RequestParser::State::done ? 200 : 0;
}

void expect_outcome(const std::string& text, int expected) {
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    ASSERT_EQ(outcome(text, piece), expected) << text << " in pieces of " << piece;
  }
}

TEST(RequestParser, TakesGoodRequests) {
  expect_outcome("GET / HTTP/1.1\r\nHost: x\r\n\r\n", 200);
  expect_outcome("\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n", 200);
  expect_outcome("GET / HTTP/1.0\r\n\r\n", 200);
  expect_outcome("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 200);
  expect_outcome(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;a=b\r\nde\r\n0\r\nT: v\r\n\r\n",
      200);
  Request request;
  outcome("POST /p?q HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", 7,
          &request);
  EXPECT_EQ(request.body, "abcde");
  EXPECT_EQ(request.path, "/p");
  EXPECT_EQ(request.query, "q");
}

// The shortest chunked body there is, in any pieces: Beast counts on more bytes than may have come.
TEST(RequestParser, TakesAnEmptyChunkedBodyInAnyPieces) {
  const std::string_view text = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    RequestParser parser({.head = 512, .body = 64});
    for (std::size_t at = 0; at < text.size(); at += piece) parser.feed(text.substr(at, piece));
    EXPECT_EQ(parser.state(), RequestParser::State::done) << piece;
  }
}

TEST(ResponseParser, TakesAnEmptyChunkedBodyInAnyPieces) {
  for (const std::string text :
       {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\na: b\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"}) {
    for (std::size_t piece = 1; piece <= text.size(); ++piece) {
      ResponseParser parser(false);
      for (std::size_t at = 0; at < text.size(); at += piece) {
        ASSERT_TRUE(parser.feed(std::string_view(text).substr(at, piece)));
      }
      EXPECT_TRUE(parser.done()) << piece;
    }
  }
}

TEST(RequestParser, RefusesSmuggling) {
  const std::string post = "POST / HTTP/1.1\r\nHost: x\r\n";
  expect_outcome(post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
  expect_outcome(post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400);
  expect_outcome(post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400);
  expect_outcome(post + "Content-Length: 3, 3\r\n\r\nabc", 400);
  expect_outcome(post + "Content-Length: +3\r\n\r\nabc", 400);
  expect_outcome(post + "Content-Length: -1\r\n\r\n", 400);
  expect_outcome(post + "Content-Length: 99999999999999999999999\r\n\r\n", 400);
  expect_outcome(post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501);
  expect_outcome(post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 400);
  expect_outcome(post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501);
  expect_outcome("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400);
  expect_outcome(post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400);
  expect_outcome(post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400);
  expect_outcome(post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400);
  expect_outcome(post + "Content-Length : 3\r\n\r\nabc", 400);
  expect_outcome(post + "A: b\r\n folded\r\n\r\n", 400);
  expect_outcome(post + "A: b\n\r\n", 400);
  expect_outcome("GET / HTTP/1.1\nHost: x\n\n", 400);
  expect_outcome("GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", 400);
}

TEST(RequestParser, RefusesMalformedHeads) {
  expect_outcome("GET / HTTP/1.1\r\n\r\n", 400);
  expect_outcome("GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400);
  expect_outcome("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400);
  expect_outcome("GET / HTTP/1.1\r\nHost: u@x\r\n\r\n", 400);
  expect_outcome("GET / HTTP/2.0\r\nHost: x\r\n\r\n", 400);
  expect_outcome("GET  / HTTP/1.1\r\nHost: x\r\n\r\n", 400);
  expect_outcome("GET /\r\nHost: x\r\n\r\n", 400);
  expect_outcome("GET /../x HTTP/1.1\r\nHost: x\r\n\r\n", 400);
  expect_outcome("CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400);
  expect_outcome("\x16\x03\x01\x02garbage", 400);
  expect_outcome(std::string("GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n", 34), 400);
  expect_outcome("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(600, 'a'), 431);
  expect_outcome("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(600, 'a') + "\r\n\r\n", 431);
  expect_outcome("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65\r\n\r\n", 413);
  expect_outcome(
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n" + std::string(64, 'a') + "\r\n1\r\n",
      413);
  expect_outcome("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;" + std::string(600, 'a'), 400);
}

TEST(RequestParser, AbsoluteTargetStandsForTheHost) {
  Request request;
  EXPECT_EQ(outcome("GET http://real:8/p HTTP/1.1\r\nHost: fake\r\n\r\n", 5, &request), 200);
  EXPECT_EQ(request.header("host"), "real:8");
  EXPECT_EQ(request.path, "/p");
}

TEST(RequestParser, KnowsAHandshake) {
  const std::string head =
      "GET /ws HTTP/1.1\r\nHost: x\r\nConnection: a, upgrade\r\nSec-WebSocket-Version: 13\r\nUpgrade: ";
  Request request;
  EXPECT_EQ(outcome(head + "WebSocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 9, &request), 200);
  EXPECT_TRUE(request.upgrade);
  outcome(head + "WebSocket\r\nSec-WebSocket-Key: short\r\n\r\n", 9, &request);
  EXPECT_FALSE(request.upgrade);
  outcome(head + "h2c\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 9, &request);
  EXPECT_FALSE(request.upgrade);
}

TEST(ResponseParser, RefusesAnEndBehindAnInterimAnswer) {
  ResponseParser parser(false);
  EXPECT_TRUE(parser.feed("HTTP/1.1 100 Continue\r\n\r\n").ok());
  EXPECT_FALSE(parser.end_of_input().ok());
}

TEST(ResponseParser, SkipsInterimAnswersInAnyPiece) {
  const std::string text =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n"
      "HTTP/1.1 200 OK\r\nA: b\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    ResponseParser parser(false);
    for (std::size_t at = 0; at < text.size(); at += piece)
      ASSERT_TRUE(parser.feed(std::string_view(text).substr(at, piece)).ok());
    ASSERT_TRUE(parser.done()) << piece;
    EXPECT_EQ(parser.status(), 200);
    EXPECT_EQ(parser.take_body(), "hello");
    EXPECT_TRUE(parser.reusable());
    EXPECT_EQ(parser.headers().size(), 2U);
  }
}

}  // namespace
}  // namespace librebird::net
