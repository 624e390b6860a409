// Servers on the web, asked from the real sandbox through the real fence: the official SDK's, and one that wants
// tokens.
#include <librebird/base/async/pool.hpp>
#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/runtimes/testkit/runtime_world.hpp>
#include <librebird/hands/testkit/run_on.hpp>
#include <librebird/net/http_client.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

extern char** environ;

namespace librebird {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// A Node program that listens on the port it is told.
class NodeServer {
 public:
  NodeServer(std::vector<std::string> words, int port) : port_(port) {
    // The official packages expect the global `crypto`, which Node.js 18 does not have yet.
    words.insert(words.begin(), {"node", "--import",
                                 "data:text/javascript,globalThis.crypto ||= (await import('node:crypto')).webcrypto"});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::setenv("PORT", std::to_string(port).c_str(), 1);
    if (::posix_spawnp(&pid_, "node", nullptr, nullptr, argv.data(), environ) != 0) pid_ = -1;
    ::unsetenv("PORT");
  }
  ~NodeServer() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  NodeServer(const NodeServer&) = delete;
  NodeServer& operator=(const NodeServer&) = delete;
  // Once it takes connections; false when it ended instead.
  [[nodiscard]] bool ready() const {
    while (pid_ > 0 && ::waitpid(pid_, nullptr, WNOHANG) == 0) {
      const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      sockaddr_in at{};
      at.sin_family = AF_INET;
      at.sin_port = htons(static_cast<std::uint16_t>(port_));
      at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      const bool taken = ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
      ::close(fd);
      if (taken) return true;
      ::usleep(10'000);
    }
    return false;
  }
  [[nodiscard]] std::string at() const { return fmt::format("127.0.0.1:{}", port_); }

 private:
  pid_t pid_ = -1;
  int port_;
};

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ::bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
  ::close(fd);
  return ntohs(at.sin_port);
}

// Knows two people by their tokens, and nobody else.
constexpr const char* kTokenServer = R"js(
const https = require('node:https'), fs = require('node:fs');
const people = { 'Bearer token-of-ada': 'Ada', 'Bearer token-of-kim': 'Kim' };
const [key, cert] = process.argv.slice(2).map((file) => fs.readFileSync(file));
https.createServer({ key, cert }, (request, response) => {
  let body = '';
  request.on('data', (piece) => { body += piece; });
  request.on('end', () => {
    const who = people[request.headers.authorization];
    if (!who) { response.writeHead(401, { 'WWW-Authenticate': 'Bearer' }); return response.end(); }
    if (request.method === 'DELETE') { response.writeHead(204); return response.end(); }
    const asked = JSON.parse(body);
    if (asked.id === undefined) { response.writeHead(202); return response.end(); }
    const results = {
      initialize: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 's', version: '1' } },
      'tools/list': { tools: [{ name: 'whoami', inputSchema: { type: 'object' } }] },
      'tools/call': { content: [{ type: 'text', text: `${who}, by ${request.headers.authorization}` }] },
    };
    const text = JSON.stringify({ jsonrpc: '2.0', id: asked.id, result: results[asked.method] });
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Mcp-Session-Id': 'one' });
    response.end(`event: message\ndata: ${text}\n\n`);
  });
}).listen(Number(process.env.PORT), '127.0.0.1');
)js";

class WebServers : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = world_.unusable(); !why.empty()) GTEST_SKIP() << why;
    if (!std::filesystem::exists(LIBREBIRD_MCP_PACKAGES "/node_modules")) {
      GTEST_SKIP() << "the packages of tests/mcp are not installed: npm ci --ignore-scripts";
    }
    world_.change = [this](SandboxSpec& spec) { spec.egress_directory = network_ ? network_->directory() : ""; };
  }
  void TearDown() override {
    close();
    fence_.reset();
    http_.reset();
  }

  void fence(const std::string& at, const std::string& ca_file = "") {
    net::ClientOptions options;
    options.connect_to = {{"mcp.test", at}};
    options.ca_file = ca_file;
    http_ = net::make_http_client(world_.loop(), pool_, options);
    fence_ = std::make_unique<egress::Fence>(world_.loop().executor(), *http_);
  }
  void open(std::string host, std::vector<egress::SecretLease> secrets = {}) {
    close();
    egress::CallPolicy policy;
    policy.hosts = {std::move(host)};
    policy.secrets = std::move(secrets);
    network_ = fence_->open(std::move(policy)).value();
  }
  void close() {
    if (!network_) return;
    testkit::run_on(world_.loop(), closed());
    network_.reset();
  }
  Task<bool> closed() {
    co_await network_->close();
    co_return true;
  }
  SkillManifest at(std::string url) {
    SkillManifest skill = world_.skill({});
    skill.url = std::move(url);
    return skill;
  }

  testkit::RuntimeWorld world_{"mcp"};
  Pool pool_{"resolver", 1};
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<egress::Fence> fence_;
  std::unique_ptr<egress::Call> network_;
};

TEST_F(WebServers, TheOfficialOneOverStreamableHttp) {
  const NodeServer server(
      {LIBREBIRD_MCP_PACKAGES "/node_modules/@modelcontextprotocol/server-everything/dist/index.js", "streamableHttp"},
      free_port());
  ASSERT_TRUE(server.ready());
  fence(server.at());
  const SkillManifest skill = at("http://mcp.test/mcp");
  open("http://mcp.test");
  const testkit::Spoken described = world_.describe(skill);
  ASSERT_FALSE(described.lines.empty()) << described.log;
  EXPECT_THAT(described.lines.back(), AllOf(HasSubstr(R"("name":"echo")"), HasSubstr(R"("name":"get-sum")")));
  open("http://mcp.test");
  EXPECT_THAT(world_.call(skill, "get-sum", R"({"a":2,"b":40})").last(),
              HasSubstr(R"("value":"The sum of 2 and 40 is 42.")"));
  open("http://mcp.test");
  EXPECT_THAT(world_.call(skill, "get-sum", R"({"a":"x"})").last(), HasSubstr(R"("type":"error")"));
  open("http://other.test");
  EXPECT_THAT(world_.call(skill, "echo", R"({"message":"x"})").last(), HasSubstr(R"("type":"error")"));
}

TEST_F(WebServers, EachCallWithItsOwnTokenWhichTheSandboxNeverSees) {
  const std::string folder = world_.folder();
  const std::string key = folder + "/key.pem";
  const std::string certificate = folder + "/certificate.pem";
  ASSERT_EQ(
      std::system(("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=mcp.test "
                   "-addext subjectAltName=DNS:mcp.test -keyout " +
                   key + " -out " + certificate + " 2>/dev/null")
                      .c_str()),
      0);
  std::ofstream(folder + "/server.js") << kTokenServer;
  const NodeServer server({folder + "/server.js", key, certificate}, free_port());
  ASSERT_TRUE(server.ready());
  fence(server.at(), certificate);
  const SkillManifest skill = at("https://mcp.test/mcp");
  const auto call_with = [&](const std::string& token) {
    open("mcp.test", {{"placeholder-0123456789", token, {"mcp.test"}}});
    return world_.call(skill, "whoami", "{}", R"({"access_token":"placeholder-0123456789"})").last();
  };
  EXPECT_THAT(call_with("token-of-ada"), HasSubstr(R"("value":"Ada, by Bearer placeholder-0123456789")"));
  EXPECT_THAT(call_with("token-of-kim"), HasSubstr(R"("value":"Kim, by Bearer placeholder-0123456789")"));
  EXPECT_THAT(call_with("token-of-nobody"), AllOf(HasSubstr(R"("type":"error")"), HasSubstr("access_token")));
  open("mcp.test");
  EXPECT_THAT(world_.call(skill, "whoami").last(), AllOf(HasSubstr(R"("type":"error")"), HasSubstr("access_token")));
}

}  // namespace
}  // namespace librebird
