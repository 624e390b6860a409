// Unchanged programs in the real sandbox, through the forwarder and the fence, to a TLS server on loopback.

#include "origin_server.hpp"

#include <librebird/base/async/pool.hpp>
#include <librebird/base/config.hpp>
#include <librebird/core/ports/sandbox.hpp>
#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/testkit/run_on.hpp>
#include <librebird/net/http_client.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/format.h>

#include <csignal>

namespace librebird::egress {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

const std::string kPlaceholder = "LBSECRET-0123456789abcdef";
const std::string kValue = "sk-real-value-42";

class InSandbox : public ::testing::Test {
 protected:
  void SetUp() override {
    std::signal(SIGPIPE, SIG_IGN);
    net::ClientOptions options;
    options.ca_file = origin_.ca_file();
    options.connect_to = {{"api.example", origin_.at()}, {"evil.example", origin_.at()}};
    http_ = net::make_http_client(loop_, pool_, options);
    fence_ = std::make_unique<Fence>(loop_.executor(), *http_);
    std::vector<ConfigKey> keys;
    for (const auto& plugin : sandbox_plugins()) {
      keys.insert(keys.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
    }
    config_ = Config::load(keys, "", [](std::string_view) { return std::nullopt; }).value();
    for (const auto& plugin : sandbox_plugins()) {
      if (plugin.manifest.name != "bubblewrap") continue;
      sandbox_ = plugin.create({*config_, loop_.executor(), clock_, LIBREBIRD_TOOL_DIRECTORY}).value();
    }
    ASSERT_TRUE(sandbox_);
    policy_.hosts = {"api.example"};
    policy_.secrets = {{kPlaceholder, kValue, {"api.example"}}};
  }

  Task<std::string> run_in(std::vector<std::string> argv) {
    // As the warm pool does it: opened idle, bound when the call comes.
    auto call = fence_->open_idle();
    SandboxSpec spec;
    spec.argv = std::move(argv);
    spec.system = true;
    spec.egress_directory = (*call)->directory();
    spec.environment = {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "NO_PROXY="};
    for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"}) {
      spec.environment.push_back(fmt::format("{}=http://127.0.0.1:3128", name));
    }
    for (const char* name : {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}) {
      spec.environment.push_back(fmt::format("{}=/run/egress/ca.pem", name));
    }
    auto process = co_await sandbox_->start(std::move(spec), {});
    if (!process) co_return process.error().message;
    EXPECT_TRUE((*call)->bind(policy_).ok());
    (*process)->close_input();
    auto ran = co_await (*process)->wait({}, {});
    process->reset();
    co_await (*call)->close();
    events_ = (*call)->events();
    co_return ran ? ran->output + ran->error_output : ran.error().message;
  }
  std::string run(std::vector<std::string> argv) { return testkit::run_on(loop_, run_in(std::move(argv))); }
  std::string python(const std::string& program) { return run({"/usr/bin/python3", "-c", program}); }

  OriginServer origin_{"api.example", [](const Asked& asked) { return ok("key " + asked.field("x-key") + "\n"); }};
  Loop loop_;
  Pool pool_{"resolver", 1};
  SystemClock clock_;
  std::optional<Config> config_;
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<Fence> fence_;
  std::unique_ptr<Sandbox> sandbox_;
  CallPolicy policy_;
  std::vector<EgressEvent> events_;
};

TEST_F(InSandbox, CurlAndPythonReachWhatIsAllowedWithASecretTheyNeverSee) {
  EXPECT_EQ(run({"/usr/bin/curl", "-sS", "-H", "X-Key: " + kPlaceholder, "https://api.example/"}),
            "key " + kPlaceholder + "\n");
  EXPECT_EQ(origin_.asked().at(0).field("x-key"), kValue);
  EXPECT_EQ(python("import urllib.request as u\nprint(u.urlopen(u.Request('https://api.example/', headers={'X-Key': '" +
                   kPlaceholder + "'})).read().decode(), end='')"),
            "key " + kPlaceholder + "\n");
  EXPECT_THAT(run({"/usr/bin/curl", "-sS", "https://evil.example/"}), HasSubstr("403"));
  EXPECT_EQ(events_.at(0).decision, EgressDecision::denied);
  EXPECT_EQ(origin_.asked().size(), 2U);
}

TEST_F(InSandbox, ThereIsNoOtherWayOut) {
  const std::string out = python(R"(
import os, socket, ssl, urllib.request
def attempt(name, what):
    try: print(name, 'GOT', what())
    except Exception as e: print(name, 'refused')
attempt('direct', lambda: socket.create_connection(('127.0.0.1', )" +
                                 std::to_string(origin_.port()) +
                                 R"(), 2))
attempt('name', lambda: socket.getaddrinfo('api.example', 443))
attempt('no proxy', lambda: urllib.request.build_opener(urllib.request.ProxyHandler({})).open('https://api.example/', timeout=3))
attempt('udp', lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53)) and 'sent')
for url in ('http://127.0.0.1:3128/', 'http://169.254.169.254/', 'http://0x7f.1/', 'http://[::ffff:127.0.0.1]/', 'https://localhost/'):
    attempt(url, lambda: urllib.request.urlopen(url, timeout=5).read())
attempt('write', lambda: open('/run/egress/ca.pem', 'w'))
attempt('replace', lambda: os.unlink('/run/egress/fence.sock'))
print(sorted(os.listdir('/run/egress')))
print('PRIVATE KEY' in open('/run/egress/ca.pem').read())
)");
  EXPECT_THAT(out, Not(HasSubstr("GOT")));
  EXPECT_THAT(out, HasSubstr("['ca.pem', 'fence.sock']\nFalse\n"));
  EXPECT_TRUE(origin_.asked().empty());
}

}  // namespace
}  // namespace librebird::egress
