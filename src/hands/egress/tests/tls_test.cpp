// The TLS that ends in the fence, against clients that do not behave.

#include "origin_server.hpp"

#include <librebird/base/async/pool.hpp>
#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <csignal>
#include <filesystem>

namespace librebird::egress {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// A blocking client of the fence on a thread of the pool.
class Client {
 public:
  explicit Client(const std::string& directory) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un to{};
    to.sun_family = AF_UNIX;
    std::strncpy(to.sun_path, (directory + "/fence.sock").c_str(), sizeof to.sun_path - 1);
    ::connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to);
    context_ = ::SSL_CTX_new(::TLS_client_method());
    ::SSL_CTX_load_verify_locations(context_, (directory + "/ca.pem").c_str(), nullptr);
    ::SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    ::X509_VERIFY_PARAM_set_flags(::SSL_CTX_get0_param(context_), X509_V_FLAG_X509_STRICT);
  }
  ~Client() {
    ::SSL_free(ssl_);
    ::SSL_CTX_free(context_);
    ::close(fd_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  std::string connect_to(const std::string& authority) {
    Stream(fd_, nullptr).write("CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n");
    return Stream(fd_, nullptr).read();
  }
  // Empty: done; otherwise why not.
  std::string handshake(const std::string& name, const std::string& protocols = {}, int newest = 0) {
    ssl_ = ::SSL_new(context_);
    if (newest != 0) {
      ::SSL_set_min_proto_version(ssl_, TLS1_VERSION);
      ::SSL_set_max_proto_version(ssl_, newest);
      ::SSL_set_security_level(ssl_, 0);
    }
    if (!name.empty()) ::SSL_set_tlsext_host_name(ssl_, name.c_str());
    ::SSL_set1_host(ssl_, name.c_str());
    if (!protocols.empty()) {
      ::SSL_set_alpn_protos(ssl_, reinterpret_cast<const unsigned char*>(protocols.data()),
                            static_cast<unsigned>(protocols.size()));
    }
    ::SSL_set_fd(ssl_, fd_);
    if (::SSL_connect(ssl_) == 1) return {};
    const long verdict = ::SSL_get_verify_result(ssl_);
    return verdict != X509_V_OK ? ::X509_verify_cert_error_string(verdict) : "refused";
  }
  std::string ask(const std::string& text) {
    Stream stream(fd_, ssl_);
    stream.write(text);
    return stream.read();
  }
  std::string read_all() {
    std::string all;
    while (Stream(fd_, ssl_).fill(all)) {
    }
    return all;
  }
  [[nodiscard]] X509* certificate() const { return ::SSL_get0_peer_certificate(ssl_); }

 private:
  int fd_;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
};

class FenceTls : public ::testing::Test {
 protected:
  using Work = std::function<void(const std::string& directory)>;

  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    policy_.hosts = {"api.example", "93.184.216.34", "[2606:4700::1]", "*.wide.example"};
  }
  Task<int> with_call(Work work) {
    auto call = fence_.open(policy_);
    const auto bound = [&] {
      work((*call)->directory());
      return 0;
    };
    co_await pool_.run(bound);
    co_await (*call)->close();
    events_ = (*call)->events();
    co_return 0;
  }
  void run(Work work) { testkit::run_on(loop_, with_call(std::move(work))); }

  Loop loop_;
  Pool pool_{"clients", 1};
  testkit::ScriptedHttpClient http_;
  Fence fence_{loop_.executor(), http_};
  CallPolicy policy_;
  std::vector<EgressEvent> events_;
};

TEST_F(FenceTls, StrictVerifiersAcceptItForNamesAndAddresses) {
  http_.answers.assign(8, {200, {{"Content-Length", "2"}}, "hi"});
  run([](const std::string& directory) {
    for (const std::string name : {"api.example", "deep.down.wide.example"}) {
      Client client(directory);
      EXPECT_THAT(client.connect_to(name + ":443"), StartsWith("HTTP/1.1 200"));
      ASSERT_EQ(client.handshake(name), "") << name;
      EXPECT_THAT(client.ask("GET / HTTP/1.1\r\nHost: " + name + "\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    }
    for (const std::string address : {"93.184.216.34", "2606:4700::1"}) {
      Client client(directory);
      const std::string authority = address.find(':') == std::string::npos ? address : "[" + address + "]";
      EXPECT_THAT(client.connect_to(authority + ":443"), StartsWith("HTTP/1.1 200"));
      client.handshake("");
      EXPECT_EQ(::X509_check_ip_asc(client.certificate(), address.c_str(), 0), 1) << address;
    }
  });
}

TEST_F(FenceTls, WhatIsNotForTheNamedHostIsRefusedAndSaid) {
  struct Case {
    std::string name;
    std::string protocols;
    int newest;
    std::string said;
  };
  for (const Case& each : {Case{"evil.example", "", 0, "TLS handshake names evil.example"},
                           Case{"api.example", "\x02h2", 0, "offers no HTTP/1.1"},
                           Case{"api.example", "\x02h2\x50http/1.1", 0, "handshake"},
                           Case{"api.example", "", TLS1_1_VERSION, "handshake"}}) {
    run([&](const std::string& directory) {
      Client client(directory);
      client.connect_to("api.example:443");
      EXPECT_EQ(client.handshake(each.name, each.protocols, each.newest), each.protocols.size() > 10 ? "" : "refused")
          << each.said;
    });
    if (each.protocols.size() > 10) continue;  // this library does not send a malformed list
    ASSERT_FALSE(events_.empty()) << each.said;
    EXPECT_NE(events_[0].decision, EgressDecision::allowed);
    EXPECT_THAT(events_[0].reason, HasSubstr(each.said));
  }
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(FenceTls, RequestsInsideAreForTheNamedHost) {
  http_.answers.assign(3, {200, {{"Content-Length", "2"}}, "hi"});
  run([](const std::string& directory) {
    Client client(directory);
    client.connect_to("api.example:443");
    ASSERT_EQ(client.handshake("api.example"), "");
    EXPECT_THAT(client.ask("GET / HTTP/1.1\r\nHost: api.example\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    // Refused, and the connection goes on: nothing of a body was there to lose count of.
    EXPECT_THAT(client.ask("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"), StartsWith("HTTP/1.1 400"));
    EXPECT_THAT(client.ask("GET / HTTP/1.1\r\nHost: API.example:443\r\n\r\n"), StartsWith("HTTP/1.1 200"));
    EXPECT_THAT(client.ask("CONNECT api.example:443 HTTP/1.1\r\nHost: api.example\r\n\r\n"),
                StartsWith("HTTP/1.1 400"));
    EXPECT_EQ(client.read_all(), "");
  });
  EXPECT_EQ(http_.requests.size(), 2U);
}

TEST_F(FenceTls, AnotherCallsAuthorityIsNotTrusted) {
  const auto other = fence_.open(policy_);
  const std::string certificate = (*other)->directory() + "/ca.pem";
  run([&](const std::string& directory) {
    std::filesystem::copy_file(certificate, directory + "/ca.pem", std::filesystem::copy_options::overwrite_existing);
    Client client(directory);
    client.connect_to("api.example:443");
    EXPECT_THAT(client.handshake("api.example"), HasSubstr("certificate"));
  });
  std::string text;
  run([&](const std::string& directory) {
    for (const auto& file : std::filesystem::directory_iterator(directory))
      text += file.path().filename().string() + " ";
    Client client(directory);
  });
  EXPECT_THAT(text, ::testing::AnyOf("ca.pem fence.sock ", "fence.sock ca.pem "));
  Task<void> closing = (*other)->close();
  std::optional<int> done;
  testkit::run_on(loop_, with_call([](const std::string&) {}));
  boost::asio::co_spawn(loop_.executor(), std::move(closing), [&](std::exception_ptr) { done = 1; });
  while (!done) loop_.poll();
}

TEST_F(FenceTls, WhoIsSilentIsLetGo) {
  policy_.limits.idle_timeout = Millis(200);
  run([](const std::string& directory) {
    Client half_a_head(directory);
    Client half_a_body(directory);
    Client half_a_handshake(directory);
    Client nothing_after_connect(directory);
    half_a_head.connect_to("api.example:443");
    EXPECT_EQ(half_a_head.ask("\x16\x03\x01\x02"), "");
    half_a_handshake.connect_to("api.example:443");
    EXPECT_EQ(half_a_handshake.read_all(), "");
    Stream(-1, nullptr);
    EXPECT_THAT(half_a_body.ask("POST https://api.example/ HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc"),
                ::testing::AnyOf("", StartsWith("HTTP/1.1 50")));
  });
}

TEST_F(FenceTls, WhatAKilledProcessLeftIsRemoved) {
  namespace fs = std::filesystem;
  const std::string stale = "/tmp/librebird-egress-stale1";
  fs::create_directories(stale + "/1");
  std::fclose(std::fopen((stale + "/lock").c_str(), "w"));
  std::fclose(std::fopen((stale + "/1/fence.sock").c_str(), "w"));
  {
    Fence living(loop_.executor(), http_);
    auto call = living.open_idle();
    const std::string directory = (*call)->directory();
    if (directory.starts_with("/tmp/")) EXPECT_FALSE(fs::exists(stale));
    Fence second(loop_.executor(), http_);
    auto another = second.open_idle();
    EXPECT_TRUE(fs::exists(directory)) << "a living fence's folder was taken away";
    std::optional<int> done;
    for (auto* each : {&call, &another}) {
      done.reset();
      boost::asio::co_spawn(loop_.executor(), (**each)->close(), [&](std::exception_ptr) { done = 1; });
      while (!done) loop_.poll();
    }
  }
  fs::remove_all(stale);
}

}  // namespace
}  // namespace librebird::egress
