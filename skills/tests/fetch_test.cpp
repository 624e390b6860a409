// The native tools' way out, against a fence that answers as told.
#include <librebird/skills/fetch.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <thread>

namespace librebird::skills {
namespace {

using testing::StartsWith;

// Takes one connection, reads to its end, answers, closes.
class Fence {
 public:
  explicit Fence(std::string answer) : answer_(std::move(answer)) {
    EXPECT_NE(::mkdtemp(folder_.data()), nullptr);
    path_ = folder_ + "/fence.sock";
    listener_ = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.data(), path_.size());
    EXPECT_EQ(::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Fence() {
    thread_.join();
    ::close(listener_);
    ::unlink(path_.c_str());
    ::rmdir(folder_.c_str());
  }

  Result<Fetched> fetch(std::string_view url) {
    ToolContext context;
    context.egress_socket = path_;
    return skills::fetch(context, url);
  }
  // Complete once fetch() has come back with the whole answer.
  std::string request;

 private:
  void serve() {
    const int peer = ::accept(listener_, nullptr, nullptr);
    std::array<char, 4096> buffer;
    for (ssize_t got; (got = ::read(peer, buffer.data(), buffer.size())) > 0;) {
      request.append(buffer.data(), static_cast<std::size_t>(got));
    }
    // Piece by piece: an answer comes as it likes.
    for (std::size_t at = 0; at < answer_.size(); at += 7) {
      if (::send(peer, answer_.data() + at, std::min<std::size_t>(7, answer_.size() - at), MSG_NOSIGNAL) <= 0) break;
    }
    ::close(peer);
  }

  std::string answer_;
  std::string folder_ = testing::TempDir() + "librebird-fetch-XXXXXX";
  std::string path_;
  int listener_ = -1;
  std::thread thread_;
};

TEST(Fetch, AsksInAbsoluteFormAndReadsTheWholeAnswer) {
  Fence fence("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nsunny\r\n\r\nand warm");
  const auto fetched = fence.fetch("https://wttr.in/Berlin");
  ASSERT_TRUE(fetched.ok());
  EXPECT_EQ(fetched->status, 200);
  EXPECT_EQ(fetched->body, "sunny\r\n\r\nand warm");
  EXPECT_THAT(fence.request, StartsWith("GET https://wttr.in/Berlin HTTP/1.1\r\n"));
}

TEST(Fetch, AnAnswerInChunksIsWholeOrAnError) {
  const std::string head = "HTTP/1.1 200 Answer\r\nTransfer-Encoding: chunked\r\n\r\n";
  Fence whole(head + "3\r\nsun\r\n2\r\nny\r\n0\r\n\r\n");
  const auto fetched = whole.fetch("https://wttr.in/");
  ASSERT_TRUE(fetched.ok());
  EXPECT_EQ(fetched->body, "sunny");
  for (const char* cut : {"", "3\r\nsu", "3\r\nsun\r\n", "x\r\n", "-1\r\na\r\n0\r\n\r\n", "3\r\nsunny0\r\n\r\n"}) {
    Fence fence(head + cut);
    EXPECT_EQ(fence.fetch("https://wttr.in/").error().code, Code::unavailable) << cut;
  }
}

TEST(Fetch, ARefusalIsAnAnswer) {
  Fence fence("HTTP/1.1 403 Forbidden\r\n\r\nThe host is not allowed.");
  const auto fetched = fence.fetch("https://evil.example/");
  ASSERT_TRUE(fetched.ok());
  EXPECT_EQ(fetched->status, 403);
  EXPECT_EQ(fetched->body, "The host is not allowed.");
}

TEST(Fetch, GarbageIsAnError) {
  for (const char* answer : {"", "HTTP/1.1", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 abc\r\n\r\n", "\r\n\r\n"}) {
    Fence fence(answer);
    EXPECT_EQ(fence.fetch("https://wttr.in/").error().code, Code::unavailable) << answer;
  }
}

TEST(Fetch, WithoutAFenceThereIsNoNetwork) {
  ToolContext context;
  context.egress_socket = "/nonexistent/fence.sock";
  EXPECT_EQ(fetch(context, "https://wttr.in/").error().code, Code::unavailable);
  context.egress_socket = std::string(200, 'x');
  EXPECT_EQ(fetch(context, "https://wttr.in/").error().code, Code::unavailable);
}

TEST(Fetch, EncodesForUrls) {
  EXPECT_EQ(percent_encoded("São Paulo/&?#"), "S%C3%A3o%20Paulo%2F%26%3F%23");
  EXPECT_EQ(percent_encoded("a-b.c_d~9"), "a-b.c_d~9");
}

}  // namespace
}  // namespace librebird::skills
