// WebSockets over real sockets, frame by frame.

#include "net_testing.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

namespace librebird::net {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Ended {
  std::promise<std::string> how;
  std::atomic<bool> stopped{false};
};

Task<std::optional<Response>> serve(Exchange& exchange, Ended& ended) {
  if (!exchange.request().upgrade) co_return Response{.status = 426};
  auto socket = co_await exchange.upgrade({{"X-Extra", "yes"}});
  if (!socket) co_return Response{.status = 400, .body = socket.error().message};
  WebSocket& ws = **socket;
  for (;;) {
    auto message = co_await ws.read();
    if (!message || !*message) {
      ended.how.set_value(message ? "closed" : std::string(to_string(message.error().code)));
      break;
    }
    if (**message == "flood") {
      const auto text = std::make_shared<const std::string>(64 * 1024, 'f');
      while (ws.send(text)) {
      }
      ws.close(4408, "too slow");
      ended.how.set_value("flooded");
      break;
    }
    if (**message == "many") {
      for (int i = 0; i < 1000; ++i) (void)ws.send(std::make_shared<const std::string>(std::to_string(i)));
      continue;
    }
    if (**message == "bye") {
      ws.close(4401, "bye");
      ws.close(1000, "again");
      continue;
    }
    (void)ws.send(std::make_shared<const std::string>("echo " + **message));
  }
  ended.stopped = exchange.stop().stop_requested();
  co_return std::nullopt;
}

class Socket : public ::testing::Test {
 protected:
  RawSocket open(ServerOptions options = {}, std::string_view early = {}, int receive_buffer = 0) {
    if (!server_) {
      auto handler = [this](Exchange& exchange) { return serve(exchange, *ended_); };
      server_.emplace(std::move(options), handler);
    }
    RawSocket socket(server_->port(), receive_buffer);
    socket.send(std::string(kHandshake) + std::string(early));
    const std::string answer = socket.read_until("\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 101 "));
    EXPECT_THAT(answer, HasSubstr("Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Extra: yes\r\n"));
    return socket;
  }
  std::string how() {
    auto future = ended_->how.get_future();
    return future.wait_for(10s) == std::future_status::ready ? future.get() : "still open";
  }
  // The close code the server sends after these bytes, other frames skipped.
  static int close_code(RawSocket& socket) {
    for (;;) {
      const auto [first, payload] = socket.read_frame();
      if (first == 0) return 0;
      if (first == 0x88 && payload.size() >= 2) {
        return static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
      }
    }
  }
  std::unique_ptr<Ended> ended_ = std::make_unique<Ended>();
  std::optional<RunningServer> server_;
};

TEST_F(Socket, EchoesTextOfEverySize) {
  RawSocket socket = open();
  for (const std::size_t size : {0U, 1U, 125U, 126U, 300U, 65535U, 65536U, 1048576U}) {
    const std::string text(size, 'x');
    socket.send(frame(0x81, text));
    const auto [first, payload] = socket.read_frame();
    EXPECT_EQ(first, 0x81U);
    EXPECT_EQ(payload, "echo " + text);
  }
}

TEST_F(Socket, ReadsWhatCameWithTheHandshake) {
  RawSocket socket = open({}, frame(0x81, "early") + frame(0x81, "bird"));
  EXPECT_EQ(socket.read_frame().second, "echo early");
  EXPECT_EQ(socket.read_frame().second, "echo bird");
}

TEST_F(Socket, JoinsFragmentsAndAnswersPingsBetween) {
  RawSocket socket = open();
  const std::string bytes = frame(0x01, "a\xC3") + frame(0x89, "ping") + frame(0x00, "\xA4") + frame(0x80, "c");
  for (const char byte : bytes) socket.send({&byte, 1});
  EXPECT_EQ(socket.read_frame(), std::pair(0x8AU, std::string("ping")));
  EXPECT_EQ(socket.read_frame().second,
            "echo a\xC3\xA4"
            "c");
}

TEST_F(Socket, KeepsTheOrderOfManyFrames) {
  RawSocket socket = open();
  socket.send(frame(0x81, "many"));
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(socket.read_frame().second, std::to_string(i));
}

TEST_F(Socket, ClosesInOrder) {
  RawSocket socket = open();
  socket.send(frame(0x88, std::string("\x03\xE8", 2)));
  EXPECT_EQ(close_code(socket), 1000);
  EXPECT_EQ(how(), "closed");
  EXPECT_EQ(socket.read_all(), "");
}

TEST_F(Socket, ClosesFromOurSideOnce) {
  RawSocket socket = open();
  socket.send(frame(0x81, "bye"));
  const auto [first, payload] = socket.read_frame();
  EXPECT_EQ(first, 0x88U);
  EXPECT_EQ(payload,
            "\x11\x31"
            "bye");
  socket.send(frame(0x88, std::string("\x11\x31", 2)));
  EXPECT_EQ(how(), "closed");
  EXPECT_EQ(socket.read_all(), "");
}

TEST_F(Socket, RefusesBinary) {
  RawSocket socket = open();
  socket.send(frame(0x82, "x"));
  EXPECT_EQ(close_code(socket), 1003);
  EXPECT_EQ(how(), "invalid_argument");
}

TEST_F(Socket, RefusesBrokenUtf8) {
  RawSocket socket = open();
  socket.send(frame(0x81, "\xC0\xAE"));
  EXPECT_EQ(close_code(socket), 1007);
  EXPECT_EQ(how(), "invalid_argument");
}

TEST_F(Socket, RefusesOversizedMessages) {
  RawSocket socket = open({.frame_limit = 1000});
  socket.send(frame(0x01, std::string(600, 'x')));
  socket.send(frame(0x80, std::string(600, 'x')));
  EXPECT_EQ(close_code(socket), 1009);
  EXPECT_EQ(how(), "too_large");
}

TEST_F(Socket, RefusesBrokenFrames) {
  const std::string bad_close("\x03\xED", 2);
  for (const std::string& bytes :
       {frame(0x81, "unmasked", false), frame(0xC1, "reserved bit"), frame(0x83, "reserved opcode"),
        frame(0x89, std::string(126, 'p')), frame(0x09, "fragmented ping"), frame(0x80, "continues nothing"),
        frame(0x01, "a") + frame(0x81, "starts inside"), frame(0x88, "x"), frame(0x88, bad_close)}) {
    server_.reset();
    ended_ = std::make_unique<Ended>();
    RawSocket socket = open();
    socket.send(bytes);
    const int code = close_code(socket);
    EXPECT_TRUE(code == 1002 || code == 1007) << code;
    EXPECT_EQ(how(), "invalid_argument");
  }
}

TEST_F(Socket, RefusesAnImpossibleLength) {
  RawSocket socket = open();
  socket.send(std::string("\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 10) + "mask");
  EXPECT_NE(close_code(socket), 1000);
  EXPECT_NE(how(), "closed");
}

TEST_F(Socket, NoticesALostPeer) {
  RawSocket socket = open();
  socket.reset();
  EXPECT_EQ(how(), "unavailable");
}

TEST_F(Socket, TellsASlowReaderApart) {
  RawSocket socket = open({.send_queue_limit = 1024 * 1024}, {}, 4096);
  socket.send(frame(0x81, "flood"));
  EXPECT_EQ(how(), "flooded");
  EXPECT_EQ(close_code(socket), 4408);
}

TEST_F(Socket, PingsAndThenDropsASilentPeer) {
  RawSocket socket = open({.websocket_idle = 30ms});
  EXPECT_EQ(socket.read_frame().first, 0x89U);
  socket.send(frame(0x8A, ""));
  EXPECT_EQ(socket.read_frame().first, 0x89U);
  EXPECT_EQ(how(), "unavailable");
}

TEST_F(Socket, GoesAwayWhenTheServerStops) {
  RawSocket socket = open();
  std::thread stopping([this] { server_->stop(10s); });
  EXPECT_EQ(close_code(socket), 1001);
  socket.send(frame(0x88, std::string("\x03\xE9", 2)));
  stopping.join();
  EXPECT_EQ(how(), "closed");
}

TEST_F(Socket, NeedsAHandshake) {
  open();
  RawSocket socket(server_->port());
  socket.send(
      "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 12\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_THAT(socket.read_until("\r\n"), HasSubstr("426"));
}

}  // namespace
}  // namespace librebird::net
