// The client against a peer that says exactly what its script tells it.

#include "net_testing.hpp"

#include <librebird/net/http_client.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <deque>

namespace librebird::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;
using Pieces = std::vector<std::string>;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// What came of one request.
struct Outcome {
  int status = 0;
  std::string body;
  std::optional<Error> error;
};

Task<void> ask(HttpClient& client, HttpRequest request, std::stop_token stop, Outcome& out) {
  auto response = co_await client.send(std::move(request), stop);
  if (!response) {
    out.error = response.error();
    co_return;
  }
  out.status = (*response)->status();
  for (;;) {
    auto piece = co_await (*response)->read(stop);
    if (!piece) out.error = piece.error();
    if (!piece || !*piece) co_return;
    out.body += **piece;
  }
}

class Client : public ::testing::Test {
 protected:
  Outcome get(HttpRequest request, std::stop_token stop = {}) {
    if (!client_) client_ = make_http_client(loop_, pool_, options_);
    Outcome out;
    run(loop_, ask(*client_, std::move(request), std::move(stop), out));
    return out;
  }
  Outcome get(const std::string& url) { return get(HttpRequest{.url = url}); }

  ClientOptions options_;
  Loop loop_;
  Pool pool_{"resolver", 1};
  std::unique_ptr<HttpClient> client_;
};

auto says(Pieces pieces) {
  return [pieces = std::move(pieces)](RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    for (const std::string& piece : pieces) socket.send(piece);
  };
}

// Answers and waits for the peer to close.
auto says_and_stays(Pieces pieces) {
  return [pieces = std::move(pieces)](RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    for (const std::string& piece : pieces) socket.send(piece);
    socket.read_all();
  };
}

TEST_F(Client, SendsAWellFormedRequest) {
  std::string seen;
  ScriptedServer server({[&](RawSocket& socket) {
    seen = socket.read_until("body!");
    socket.send(kOk);
  }});
  const Outcome out = get({.method = "POST",
                           .url = server.url("/p/a?q=%20"),
                           .headers = {{"X-Key", "v"}, {"Content-Length", "999"}, {"Host", "evil"}},
                           .body = "body!"});
  EXPECT_EQ(out.body, "ok");
  EXPECT_EQ(seen, "POST /p/a?q=%20 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                      "\r\nX-Key: v\r\nUser-Agent: LibreBird/1\r\nContent-Length: 5\r\n\r\nbody!");
}

TEST_F(Client, ReadsEveryKindOfBody) {
  ScriptedServer server({
      says({"HTTP/1.1 200 OK\r\nTransfer-", "Encoding: chunked\r\n\r\n3\r\nab", "c\r\n1;x\r\nd\r", "\n0\r\n\r\n"}),
      says({"HTTP/1.1 200 OK\r\n\r\nuntil ", "the end"}),
      says({"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"}),
      says({"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"}),
  });
  EXPECT_EQ(get(server.url()).body, "abcd");
  EXPECT_EQ(get(server.url()).body, "until the end");
  EXPECT_EQ(get(server.url()).status, 204);
  const Outcome last = get(server.url());
  EXPECT_EQ(last.status, 404);
  EXPECT_EQ(last.body, "gone");
}

TEST_F(Client, HandsPiecesOnAsTheyCome) {
  std::promise<void> first_read;
  ScriptedServer server({[&](RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n");
    first_read.get_future().wait();
    socket.send("3\r\ntwo\r\n0\r\n\r\n");
  }});
  struct Body {
    static Task<void> run(HttpClient& client, std::string url, std::promise<void>& first, Pieces& pieces) {
      auto response = co_await client.send(HttpRequest{.url = std::move(url)}, {});
      EXPECT_TRUE(response.ok());
      for (;;) {
        auto piece = co_await (*response)->read({});
        if (!piece || !*piece) break;
        pieces.push_back(**piece);
        if (pieces.size() == 1) first.set_value();
      }
    }
  };
  client_ = make_http_client(loop_, pool_, {});
  Pieces pieces;
  run(loop_, Body::run(*client_, server.url(), first_read, pieces));
  EXPECT_EQ(pieces, (Pieces{"one", "two"}));
}

TEST_F(Client, ReusesConnectionsAndRetriesAStaleOne) {
  std::atomic<int> answered{0};
  ScriptedServer server({
      [&](RawSocket& socket) {
        for (int i = 0; i < 3; ++i, ++answered) {
          socket.read_until("\r\n\r\n");
          socket.send(kOk);
        }
        socket.read_until("\r\n\r\n");  // takes the fourth and dies on it
        socket.reset();
      },
      says({std::string(kOk)}),
  });
  for (int i = 0; i < 4; ++i) EXPECT_EQ(get({.method = "POST", .url = server.url(), .body = ""}).body, "ok") << i;
  EXPECT_EQ(answered, 3);
  EXPECT_EQ(server.accepted(), 2);
}

TEST_F(Client, DoesNotRetryWhatMayHaveBeenAnswered) {
  ScriptedServer server({
      [](RawSocket& socket) {
        socket.read_until("\r\n\r\n");
        socket.send(kOk);
        socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 2");
      },
  });
  EXPECT_EQ(get(server.url()).body, "ok");
  const Outcome out = get(server.url());
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
}

TEST_F(Client, ForgetsIdleConnectionsInTime) {
  options_.idle_connection_lifetime = 20ms;
  std::promise<std::string> rest;
  ScriptedServer server({[&](RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send(kOk);
    rest.set_value(socket.read_all());
  }});
  EXPECT_EQ(get(server.url()).body, "ok");
  auto closed = rest.get_future();
  while (closed.wait_for(0s) != std::future_status::ready) loop_.poll();
  EXPECT_EQ(closed.get(), "");
}

TEST_F(Client, NamesOriginAndCauseAndNothingElse) {
  ScriptedServer server({
      says({"garbage garbage\r\n\r\n"}),
      says({""}),
      says({"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"}),
      says({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"}),
      says({"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}),
      says({"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"}),
  });
  for (const char* part : {"not HTTP", "without an answer", "middle", "middle", "not HTTP", "not HTTP"}) {
    const Outcome out =
        get({.url = server.url("/private?key=secret"), .headers = {{"Authorization", "Bearer secret"}}});
    ASSERT_TRUE(out.error) << part;
    EXPECT_EQ(out.error->code, Code::unavailable);
    EXPECT_THAT(out.error->message, HasSubstr("http://127.0.0.1:" + std::to_string(server.port())));
    EXPECT_THAT(out.error->message, HasSubstr(part));
    EXPECT_THAT(out.error->message, Not(HasSubstr("secret")));
  }
}

TEST_F(Client, BoundsTheHead) {
  ScriptedServer server({says({"HTTP/1.1 200 OK\r\nA: " + std::string(70'000, 'a')})});
  const Outcome out = get(server.url());
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::too_large);
}

TEST_F(Client, GivesUpOnSilenceAndOnSlowness) {
  ScriptedServer server({
      says_and_stays({}),
      says_and_stays({"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab"}),
      [](RawSocket& socket) {
        socket.read_until("\r\n\r\n");
        socket.send("HTTP/1.1 200 OK\r\n\r\n");
        while (socket.send("x")) std::this_thread::sleep_for(1ms);  // never silent, never done
      },
  });
  for (int i = 0; i < 3; ++i) {
    const Outcome out = get({.url = server.url(), .idle_timeout = 50ms, .total_timeout = 120ms});
    ASSERT_TRUE(out.error) << i;
    EXPECT_EQ(out.error->code, Code::deadline_exceeded) << i;
  }
}

Task<void> cancel_later(std::stop_source source, std::shared_future<void> when) {
  while (when.wait_for(0s) != std::future_status::ready) co_await sleep_for(1ms);
  source.request_stop();
}

TEST_F(Client, StopsAtOnceAndClosesTheConnection) {
  std::promise<void> reached;
  std::promise<std::string> rest;
  ScriptedServer server({[&](RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nab");
    reached.set_value();
    rest.set_value(socket.read_all());
  }});
  client_ = make_http_client(loop_, pool_, {});
  std::stop_source source;
  Scope scope(loop_.executor());
  scope.spawn(cancel_later(source, reached.get_future().share()));
  const Outcome out = get({.url = server.url()}, source.get_token());
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::cancelled);
  EXPECT_EQ(rest.get_future().get(), "");
  EXPECT_EQ(get({.url = server.url()}, source.get_token()).error->code, Code::cancelled);
}

TEST_F(Client, RefusesInjectionAndBadUrls) {
  for (const HttpRequest& bad :
       {HttpRequest{.url = "http://127.0.0.1:1/", .headers = {{"A", "b\r\nC: d"}}},
        HttpRequest{.url = "http://127.0.0.1:1/", .headers = {{"A: b\r\nC", "d"}}},
        HttpRequest{.url = "http://127.0.0.1:1/", .headers = {{"", "d"}}},
        HttpRequest{.method = "GET / HTTP/1.1\r\nA:", .url = "http://127.0.0.1:1/"},
        HttpRequest{.url = "http://user:secret@127.0.0.1:1/"}, HttpRequest{.url = "nonsense"}}) {
    const Outcome out = get(bad);
    ASSERT_TRUE(out.error);
    EXPECT_EQ(out.error->code, Code::invalid_argument);
    EXPECT_THAT(out.error->message, Not(HasSubstr("secret")));
  }
}

TEST_F(Client, VetsAddresses) {
  ScriptedServer server({says({std::string(kOk)}), says({std::string(kOk)})});
  const std::string port = std::to_string(server.port());
  EXPECT_EQ(get(server.url()).body, "ok");  // leaves a connection that must not be reused below
  for (const std::string host : {"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "10.0.0.1"}) {
    const Outcome out = get({.url = "http://" + host + ":" + port + "/", .reach = Reach::public_only});
    ASSERT_TRUE(out.error) << host;
    EXPECT_EQ(out.error->code, Code::permission_denied) << host;
  }
}

TEST_F(Client, ConnectsWhereTheOperatorSays) {
  ScriptedServer server({says({std::string(kOk)})});
  options_.connect_to = {{"api.example", "127.0.0.1:" + std::to_string(server.port())}};
  EXPECT_EQ(get({.url = "http://api.example/", .reach = Reach::public_only}).body, "ok");
}

TEST_F(Client, ResolvesAndTriesEveryAddress) {
  ScriptedServer server({says({std::string(kOk)})});
  EXPECT_EQ(get("http://localhost:" + std::to_string(server.port()) + "/").body, "ok");
  const Outcome out = get("http://does-not-exist.invalid/");
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
}

TEST_F(Client, SaysThatNobodyListens) {
  std::uint16_t port = 0;
  {
    port = ScriptedServer({}).port();
  }
  const Outcome out = get("http://127.0.0.1:" + std::to_string(port) + "/");
  ASSERT_TRUE(out.error);
  EXPECT_EQ(out.error->code, Code::unavailable);
  EXPECT_THAT(out.error->message, HasSubstr("refused"));
}

TEST_F(Client, TakesAnEarlyAnswerToALargeBody) {
  ScriptedServer server({[](RawSocket& socket) {
    socket.read_until("\r\n\r\n");
    socket.send("HTTP/1.1 413 Payload Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
    socket.end_sending();
    socket.read_all();
  }});
  EXPECT_EQ(get({.method = "POST", .url = server.url(), .body = std::string(1'000'000, 'x')}).status, 413);
}

class SourceOfPieces final : public HttpBodySource {
 public:
  explicit SourceOfPieces(std::deque<std::string> pieces, bool breaks = false)
      : pieces_(std::move(pieces)), breaks_(breaks) {}
  Task<Result<std::optional<std::string>>> next(std::stop_token /*stop*/) override {
    if (pieces_.empty() && breaks_) co_return make_error(Code::permission_denied, "No more of this.");
    if (pieces_.empty()) co_return std::nullopt;
    std::string piece = std::move(pieces_.front());
    pieces_.pop_front();
    co_return piece;
  }

 private:
  std::deque<std::string> pieces_;
  bool breaks_;
};

TEST_F(Client, StreamsABodyInChunksOrToTheAnnouncedLength) {
  std::promise<std::string> first;
  std::promise<std::string> second;
  const auto reads = [](std::promise<std::string>& into, const char* end) {
    return [&into, end](RawSocket& socket) {
      socket.read_until("\r\n\r\n");
      into.set_value(socket.read_until(end));
      socket.send(kOk);
    };
  };
  ScriptedServer server({reads(first, "0\r\n\r\n"), reads(second, "world")});
  const auto body = [] { return std::make_shared<SourceOfPieces>(std::deque<std::string>{"hello ", "world"}); };
  EXPECT_EQ(get({.method = "POST", .url = server.url(), .stream = body()}).body, "ok");
  EXPECT_EQ(first.get_future().get(), "6\r\nhello \r\n5\r\nworld\r\n0\r\n\r\n");
  EXPECT_EQ(get({.method = "POST", .url = server.url(), .stream = body(), .stream_length = 11}).body, "ok");
  EXPECT_EQ(second.get_future().get(), "hello world");
}

TEST_F(Client, ABodyThatBreaksOffOrLiesAboutItsLengthBreaksTheRequestOff) {
  ScriptedServer server({says({}), says({}), says({})});
  const auto post = [&](std::shared_ptr<HttpBodySource> source, std::optional<std::uint64_t> length) {
    return get({.method = "POST", .url = server.url(), .stream = std::move(source), .stream_length = length}).error;
  };
  const auto denied = post(std::make_shared<SourceOfPieces>(std::deque<std::string>{"x"}, true), std::nullopt);
  ASSERT_TRUE(denied);
  EXPECT_EQ(denied->message, "No more of this.");
  for (const std::uint64_t length : {1, 3}) {
    const auto wrong = post(std::make_shared<SourceOfPieces>(std::deque<std::string>{"xx"}), length);
    ASSERT_TRUE(wrong);
    EXPECT_EQ(wrong->code, Code::invalid_argument);
  }
}

Task<void> through(HttpClient& client, HttpConnect target, std::string say, std::string& heard,
                   std::optional<Error>& error) {
  auto stream = co_await client.connect(std::move(target), {});
  if (!stream) {
    error = stream.error();
    co_return;
  }
  (void)co_await (*stream)->write(std::move(say));
  (*stream)->end_sending();
  for (;;) {
    auto piece = co_await (*stream)->read();
    if (!piece || !*piece) co_return;
    heard += **piece;
  }
}

TEST_F(Client, TunnelsBytesAndVetsTheirAddress) {
  ScriptedServer server({[](RawSocket& socket) { socket.send("[" + socket.read_all() + "]"); }});
  const auto client =
      make_http_client(loop_, pool_, {.connect_to = {{"mail.example", "127.0.0.1:" + std::to_string(server.port())}}});
  std::string heard;
  std::optional<Error> error;
  run(loop_, through(*client, {.host = "mail.example", .port = 993}, "EHLO", heard, error));
  EXPECT_EQ(heard, "[EHLO]");
  for (const char* host : {"127.0.0.1", "localhost", "::1", "[::1]", "0x7f.1", "2130706433", "::ffff:10.0.0.1"}) {
    error.reset();
    run(loop_, through(*client, {.host = host, .port = server.port()}, "EHLO", heard, error));
    ASSERT_TRUE(error) << host;
    EXPECT_EQ(error->code, Code::permission_denied) << host << ": " << error->message;
  }
}

}  // namespace
}  // namespace librebird::net
