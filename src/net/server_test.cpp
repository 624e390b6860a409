// The server over real sockets, driven by raw bytes.

#include "net_testing.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace librebird::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

struct Seen {
  std::atomic<int> requests{0};
  std::atomic<bool> stopped{false};
  std::atomic<Code> failed{Code::internal};
  std::promise<void> handling;
  std::promise<void> gone;
};

Task<std::optional<Response>> handle(Exchange& exchange, Seen& seen) {
  const Request& request = exchange.request();
  ++seen.requests;
  if (request.path == "/echo") {
    co_return Response{.headers = {{"Content-Type", "text/plain"}}, .body = request.method + " " + request.body};
  }
  if (request.path == "/big") co_return Response{.body = std::string(8 * 1024 * 1024, 'b')};
  if (request.path == "/static") co_return Response{.static_body = "from the program"};
  if (request.path == "/inject") co_return Response{.headers = {{"X", "a\r\nSet-Cookie: b"}}};
  if (request.path == "/throw") throw std::runtime_error("on purpose");
  if (request.path == "/nothing") co_return std::nullopt;
  if (request.path == "/empty") co_return Response{.status = 204};
  if (request.path.starts_with("/upload")) {
    std::size_t pieces = 0;
    std::string all = request.body;
    for (;;) {
      auto piece = co_await exchange.read_body();
      if (!piece) {
        seen.failed = piece.error().code;
        seen.gone.set_value();
        co_return Response{.status = 400, .body = piece.error().message};
      }
      if (piece->empty()) break;
      ++pieces;
      all += *piece;
      if (request.path == "/upload/some") co_return Response{.status = 413, .body = "enough"};
    }
    const bool whole = all.find_first_not_of('u') == std::string::npos;
    co_return Response{.body = std::to_string(all.size()) + (whole ? " whole" : " broken") +
                               (pieces > 1 ? " in pieces" : "") + (request.upgrade ? " upgrade" : "")};
  }
  if (request.path == "/wait") {
    const std::stop_token stop = exchange.stop();
    seen.handling.set_value();
    co_await sleep_for(1h, stop);
    seen.stopped = stop.stop_requested();
    seen.gone.set_value();
    co_return Response{.body = "late"};
  }
  if (request.path == "/stream" || request.path == "/flood") {
    auto writer = co_await exchange.stream(200, {{"Content-Type", "text/event-stream"}});
    if (!writer) co_return std::nullopt;
    if (request.path == "/stream") {
      for (const char* piece : {"one", "", "two"}) (void)co_await (*writer)->write(piece);
      co_return std::nullopt;
    }
    for (;;) {
      auto written = co_await (*writer)->write(std::string(65536, 'f'));
      if (!written) break;
    }
    seen.stopped = (*writer)->stop().stop_requested();
    seen.gone.set_value();
    co_return std::nullopt;
  }
  co_return Response{.status = 404, .body = request.path + "|" + request.query + "|" + request.remote_address};
}

class Server : public ::testing::Test {
 protected:
  RunningServer& start(ServerOptions options = {}) {
    auto handler = [this](Exchange& exchange) { return handle(exchange, seen_); };
    server_.emplace(std::move(options), handler);
    return *server_;
  }
  // What the server says to these bytes until it closes.
  std::string ask(std::string_view bytes) {
    RawSocket socket(server_->port());
    socket.send(bytes);
    return socket.read_all();
  }
  Seen seen_;
  std::optional<RunningServer> server_;
};

constexpr std::string_view kClose = "Host: x\r\nConnection: close\r\n\r\n";

std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\n" + std::string(kClose); }

TEST_F(Server, AnswersWithLengthAndDate) {
  start();
  const std::string answer = ask(get("/a/../b?c=d"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 404 Not Found\r\nDate: "));
  EXPECT_THAT(answer, HasSubstr(" GMT\r\n"));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 16\r\n"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\n/b|c=d|127.0.0.1"));
}

TEST_F(Server, KeepsTheConnectionAndAnswersPipelinedRequestsInOrder) {
  start();
  std::string all;
  for (int i = 0; i < 50; ++i) {
    const std::string body = std::to_string(i);
    all += "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  all += get("/echo");
  RawSocket socket(server_->port());
  socket.send(all);
  for (int i = 0; i < 50; ++i) {
    EXPECT_THAT(socket.read_until("\r\n\r\n"), HasSubstr("200 OK"));
    const std::string expected = "POST " + std::to_string(i);
    EXPECT_EQ(socket.read_exactly(expected.size()), expected);
  }
  EXPECT_THAT(socket.read_all(), HasSubstr("Connection: close\r\n"));
}

TEST_F(Server, AnswersHeadWithoutBody) {
  start();
  const std::string answer = ask("HEAD /echo HTTP/1.1\r\n" + std::string(kClose));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 5\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
  EXPECT_TRUE(ask("HEAD /stream HTTP/1.1\r\n" + std::string(kClose)).ends_with("\r\n\r\n"));
}

TEST_F(Server, SendsContinueOnlyWhenAsked) {
  start();
  RawSocket socket(server_->port());
  socket.send(
      "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("hi");
  EXPECT_THAT(socket.read_all(), HasSubstr("POST hi"));
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 999999999\r\n\r\n"),
              StartsWith("HTTP/1.1 413"));
}

TEST_F(Server, StreamsInChunksAndPlainToOldClients) {
  start();
  EXPECT_THAT(ask(get("/stream")), HasSubstr("\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n"));
  const std::string old = ask("GET /stream HTTP/1.0\r\n\r\n");
  EXPECT_TRUE(old.ends_with("\r\n\r\nonetwo")) << old;
}

TEST_F(Server, SendsLargeAndStaticBodiesWhole) {
  start();
  const std::string big = ask(get("/big"));
  EXPECT_EQ(big.size() - big.find("\r\n\r\n") - 4, 8U * 1024 * 1024);
  EXPECT_THAT(ask(get("/static")), HasSubstr("\r\n\r\nfrom the program"));
  EXPECT_THAT(ask(get("/empty")), Not(HasSubstr("Content-Length")));
}

TEST_F(Server, SurvivesItsHandlers) {
  start();
  for (const char* path : {"/inject", "/throw", "/nothing"}) {
    const std::string answer = ask(get(path));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 ")) << path;
    EXPECT_THAT(answer, Not(HasSubstr("Set-Cookie")));
  }
}

TEST_F(Server, RefusesWhatItMust) {
  start({.header_limit = 1024, .body_limit = 100});
  const auto status = [this](std::string_view bytes) { return ask(bytes).substr(9, 3); };
  EXPECT_EQ(status("nonsense\r\n\r\n"), "400");
  EXPECT_EQ(status("\x16\x03\x01"), "400");
  EXPECT_EQ(status("GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\n" + std::string(kClose)), "400");
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(2000, 'a') + "\r\n\r\n"), "431");
  EXPECT_EQ(status("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n" + std::string(500'000, 'x')), "413");
  EXPECT_EQ(seen_.requests, 0);
}

class Uploads : public Server {
 protected:
  Uploads() {
    options_.body_limit = 100;
    options_.streams_body = [](const Request& head) { return head.path.starts_with("/upload"); };
  }
  static std::string chunked(std::string_view path, std::size_t chunks, std::string_view more = "") {
    std::string all = fmt::format("POST {} HTTP/1.1\r\nHost: x\r\n{}Transfer-Encoding: chunked\r\n\r\n", path, more);
    for (std::size_t i = 0; i < chunks; ++i) all += "3e8\r\n" + std::string(1000, 'u') + "\r\n";
    return all + "0\r\n\r\n";
  }
  static std::string sized(std::string_view path, std::size_t size, std::string_view more = "") {
    return fmt::format("POST {} HTTP/1.1\r\nHost: x\r\n{}Content-Length: {}\r\n\r\n{}", path, more, size,
                       std::string(size, 'u'));
  }
  ServerOptions options_;
};

TEST_F(Uploads, ComeInPiecesOfAnyNumberWithNoLimitHere) {
  start(options_);
  constexpr std::string_view kLast = "Connection: close\r\n";
  EXPECT_THAT(ask(chunked("/upload", 3000, kLast)), HasSubstr("\r\n\r\n3000000 whole in pieces"));
  EXPECT_THAT(ask(sized("/upload", 3'000'000, kLast)), HasSubstr("\r\n\r\n3000000 whole in pieces"));
  EXPECT_THAT(ask(sized("/upload", 0, kLast)), HasSubstr("\r\n\r\n0 whole"));
  EXPECT_THAT(ask("POST /upload HTTP/1.1\r\n" + std::string(kClose)), HasSubstr("\r\n\r\n0 whole"));
  EXPECT_THAT(ask(sized("/echo", 101)), StartsWith("HTTP/1.1 413")) << "others keep theirs";
  EXPECT_THAT(ask(chunked("/echo", 1)), StartsWith("HTTP/1.1 413"));
}

TEST_F(Uploads, LeaveTheConnectionToTheNextRequest) {
  start(options_);
  RawSocket socket(server_->port());
  socket.send(sized("/upload", 5) + chunked("/upload", 2) + sized("/upload", 200'000) + sized("/echo", 2) + get("/b"));
  const std::string answers = socket.read_all();
  EXPECT_THAT(answers, ContainsRegex("5 whole(.|\n)*2000 whole(.|\n)*200000 whole(.|\n)*POST uu(.|\n)*/b"));
}

TEST_F(Uploads, AreAskedForOnlyWhenTheHandlerWantsThem) {
  start(options_);
  RawSocket socket(server_->port());
  socket.send(
      "POST /upload HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 2\r\n\r\n");
  EXPECT_EQ(socket.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  socket.send("uu");
  EXPECT_THAT(socket.read_all(), HasSubstr("2 whole"));
}

TEST_F(Uploads, CloseTheConnectionWhenTheyAreNotTaken) {
  start(options_);
  // What follows a body that nobody read is no request.
  const std::string answer = ask(sized("/upload/some", 300'000) + get("/echo"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(answer.ends_with("enough"));
  EXPECT_EQ(seen_.requests, 1);
}

TEST_F(Uploads, TellTheHandlerWhatIsWrongWithThem) {
  options_.body_timeout = 50ms;
  start(options_);
  const std::string broken =
      ask(std::string(chunked("/upload", 0)).replace(chunked("/upload", 0).size() - 5, 5, "zz\r\n"));
  EXPECT_THAT(broken, HasSubstr("malformed"));
  EXPECT_EQ(seen_.failed, Code::invalid_argument);
  seen_.gone = {};
  EXPECT_THAT(ask("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nuu"), HasSubstr("took too long"));
  EXPECT_EQ(seen_.failed, Code::deadline_exceeded);
  seen_.gone = {};
  RawSocket socket(server_->port());
  socket.send("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nuu");
  socket.reset();
  ASSERT_EQ(seen_.gone.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_EQ(seen_.failed, Code::unavailable);
}

TEST_F(Uploads, EndWhenTheServerStops) {
  start(options_);
  RawSocket socket(server_->port());
  socket.send("POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nuu");
  std::this_thread::sleep_for(20ms);
  server_->stop(20ms);
  EXPECT_EQ(seen_.failed, Code::unavailable);
}

TEST_F(Server, CutsOffSlowHeadsAndBodies) {
  start({.header_timeout = 50ms, .body_timeout = 50ms});
  EXPECT_THAT(ask("GET / HT"), StartsWith("HTTP/1.1 408"));
  EXPECT_THAT(ask("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab"), StartsWith("HTTP/1.1 408"));
  EXPECT_EQ(ask(""), "");  // nobody spoke: closed without a word
  RawSocket drip(server_->port());
  while (drip.send("G")) {
    if (!drip.read_some().empty()) break;
  }
  EXPECT_EQ(seen_.requests, 0);
}

TEST_F(Server, ClosesIdleConnections) {
  start({.keep_alive = 30ms});
  RawSocket socket(server_->port());
  socket.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(socket.read_all(), HasSubstr("GET "));
}

TEST_F(Server, LimitsConnections) {
  start({.connection_limit = 1});
  RawSocket first(server_->port());
  first.send("GET /echo HTTP/1.1\r\nHost: x\r\n\r\n");
  first.read_until("GET ");
  EXPECT_THAT(ask(""), StartsWith("HTTP/1.1 503"));
}

TEST_F(Server, TellsTheHandlerThatThePeerLeft) {
  start();
  RawSocket socket(server_->port());
  socket.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\nGET /echo HTTP/1.1\r\n");  // pipelined bytes hide nothing
  seen_.handling.get_future().wait();
  socket.close();
  ASSERT_EQ(seen_.gone.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_TRUE(seen_.stopped);
}

TEST_F(Server, TellsTheHandlerThatThePeerReset) {
  start();
  RawSocket socket(server_->port());
  socket.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  seen_.handling.get_future().wait();
  socket.reset();
  ASSERT_EQ(seen_.gone.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_TRUE(seen_.stopped);
}

TEST_F(Server, EndsAStreamWhosePeerLeft) {
  start();
  RawSocket socket(server_->port());
  socket.send("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
  socket.read_until("\r\n\r\n");
  socket.reset();
  ASSERT_EQ(seen_.gone.get_future().wait_for(10s), std::future_status::ready);
  EXPECT_TRUE(seen_.stopped);
}

TEST_F(Server, EndsAStreamWhosePeerDoesNotRead) {
  start({.body_timeout = 50ms});
  RawSocket socket(server_->port(), 4096);
  socket.send("GET /flood HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_EQ(seen_.gone.get_future().wait_for(10s), std::future_status::ready);
}

TEST_F(Server, StopsWithOpenConnections) {
  start();
  RawSocket idle(server_->port());
  RawSocket half(server_->port());
  half.send("GET / HT");
  RawSocket busy(server_->port());
  busy.send("GET /wait HTTP/1.1\r\nHost: x\r\n\r\n");
  RawSocket flood(server_->port());
  seen_.handling.get_future().wait();
  server_->stop(20ms);
  EXPECT_TRUE(seen_.stopped);
  EXPECT_EQ(idle.read_all(), "");
  EXPECT_FALSE(RawSocket(server_->port()).connected());
}

TEST_F(Server, DrainLetsRunningRequestsEnd) {
  Seen seen;
  std::promise<void> release;
  auto released = std::make_shared<std::shared_future<void>>(release.get_future());
  struct Slow {
    static Task<std::optional<Response>> answer(Seen& to, std::shared_ptr<std::shared_future<void>> gate) {
      to.handling.set_value();
      while (gate->wait_for(0s) != std::future_status::ready) co_await sleep_for(1ms);
      co_return Response{.body = "done"};
    }
  };
  auto handler = [&seen, released](Exchange&) { return Slow::answer(seen, released); };
  RunningServer server({}, handler);
  RawSocket socket(server.port());
  socket.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  seen.handling.get_future().wait();
  std::thread stopping([&] { server.stop(10s); });
  while (RawSocket(server.port()).connected()) std::this_thread::yield();
  release.set_value();
  const std::string answer = socket.read_all();
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_TRUE(answer.ends_with("done"));
  stopping.join();
}

TEST_F(Server, SaysWhyItCannotListen) {
  start();
  Loop loop;
  {
    HttpServer second(loop, {}, [](Exchange&) -> Task<std::optional<Response>> { co_return Response{}; });
    const auto taken = second.listen("127.0.0.1", server_->port());
    ASSERT_FALSE(taken.ok());
    EXPECT_EQ(taken.error().code, Code::unavailable);
    EXPECT_THAT(taken.error().message, HasSubstr(std::to_string(server_->port())));
    EXPECT_FALSE(second.listen("nonsense", 0).ok());
  }
}

}  // namespace
}  // namespace librebird::net
