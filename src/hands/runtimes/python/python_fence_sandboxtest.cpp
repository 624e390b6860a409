// Skills in Python and the network: dependencies from the package index while a skill is installed, allowed hosts while
// it is called, and nothing else, with the real fence.
#include "package_index.hpp"
#include "python_fixture.hpp"

#include <librebird/base/async/pool.hpp>
#include <librebird/hands/egress/fence.hpp>
#include <librebird/net/http_client.hpp>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <thread>

namespace librebird::plugins {
namespace {

using namespace python_test;
using testing::AllOf;
using testing::HasSubstr;

// Answers a request with the file of that path, or else with what was asked; one after the other.
class Origin {
 public:
  Origin() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof at;
    ::bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(fd_, 16);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&at), &size);
    at_ = fmt::format("127.0.0.1:{}", ntohs(at.sin_port));
    thread_ = std::thread([this] { serve(); });
  }
  ~Origin() {
    ::shutdown(fd_, SHUT_RDWR);
    thread_.join();
    ::close(fd_);
  }
  Origin(const Origin&) = delete;
  Origin& operator=(const Origin&) = delete;
  [[nodiscard]] const std::string& at() const { return at_; }
  // Before anything is asked.
  std::map<std::string, std::string> files;

 private:
  void serve() const {
    for (int peer = 0; (peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(peer)) {
      std::string head;
      char buffer[4096];
      while (head.find("\r\n\r\n") == std::string::npos) {
        const ssize_t got = ::read(peer, buffer, sizeof buffer);
        if (got <= 0) break;
        head.append(buffer, static_cast<std::size_t>(got));
      }
      std::string body = fmt::format("asked {}", head.substr(0, head.find("\r\n")));
      const std::size_t path = head.find(' ') + 1;
      if (const auto file = files.find(head.substr(path, head.find(' ', path) - path)); file != files.end()) {
        body = file->second;
      }
      const std::string answer =
          fmt::format("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{}",
                      body.size(), body);
      (void)!::write(peer, answer.data(), answer.size());
    }
  }

  int fd_;
  std::string at_;
  std::thread thread_;
};

std::vector<std::string> network_environment() {
  std::vector<std::string> names = {"NO_PROXY="};
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"}) {
    names.push_back(fmt::format("{}=http://127.0.0.1:3128", name));
  }
  for (const char* name : {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}) {
    names.push_back(fmt::format("{}=/run/egress/ca.pem", name));
  }
  return names;
}

std::string address_of(const std::string& host) {
  addrinfo* found = nullptr;
  addrinfo hints{};
  hints.ai_family = AF_INET;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return {};
  char text[INET_ADDRSTRLEN] = {};
  ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(found->ai_addr)->sin_addr, text, sizeof text);
  ::freeaddrinfo(found);
  return text;
}

class PythonFenceTest : public PythonTest {
 protected:
  void SetUp() override {
    PythonTest::SetUp();
    if (IsSkipped()) return;
    std::signal(SIGPIPE, SIG_IGN);
    net::ClientOptions options;
    options.connect_to = {{"plain.example", origin_.at()}, {"other.example", origin_.at()}};
    // The package index is the operator's choice: its address may be any, as with a mirror inside a company.
    index_ = python::find_package_index("", {}, Config::process_environment()).value();
    for (const std::string& host : index_.hosts) {
      if (std::string at = address_of(host); !at.empty()) options.connect_to.emplace(host, at + ":443");
    }
    http_ = net::make_http_client(loop_, pool_, options);
    fence_ = std::make_unique<egress::Fence>(loop_.executor(), *http_);
  }
  void TearDown() override {
    fence_.reset();
    http_.reset();
    PythonTest::TearDown();
  }

  std::string answer_with(std::vector<std::string> hosts, std::string tool, std::string arguments) {
    return testkit::run_on(loop_, ask(std::move(hosts), std::move(tool), std::move(arguments)));
  }

  Task<std::string> ask(std::vector<std::string> hosts, std::string tool, std::string arguments) {
    egress::CallPolicy policy;
    policy.hosts = std::move(hosts);
    auto network = fence_->open(std::move(policy)).value();
    SandboxSpec spec = plan();
    spec.egress_directory = network->directory();
    for (std::string& variable : network_environment()) spec.environment.push_back(std::move(variable));
    const Talk said = co_await hold(std::move(spec), call_line(std::move(tool), std::move(arguments)), nullptr);
    co_await network->close();
    decisions_ = network->decisions();
    co_return said.last();
  }

  // As the registry of skills builds: network to the named hosts only.
  class FencedBuild final : public SkillBuild {
   public:
    FencedBuild(Sandbox& sandbox, egress::Fence& fence) : sandbox_(sandbox), fence_(fence) {}
    Task<Result<SandboxRun>> run(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) override {
      egress::CallPolicy policy;
      policy.hosts = std::move(hosts);
      LB_CO_TRY(network, fence_.open(std::move(policy)));
      spec.egress_directory = network->directory();
      spec.environment.insert(spec.environment.end(), {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"});
      for (std::string& variable : network_environment()) spec.environment.push_back(std::move(variable));
      auto process = co_await sandbox_.start(std::move(spec), stop);
      if (!process) {
        co_await network->close();
        co_return process.error();
      }
      (*process)->close_input();
      auto done = co_await (*process)->wait({}, stop);
      co_await network->close();
      decisions = network->decisions();
      if (done) log = done->error_output;
      co_return done;
    }
    std::string decisions;
    std::string log;

   private:
    Sandbox& sandbox_;
    egress::Fence& fence_;
  };

  Origin origin_;
  python::PackageIndex index_;
  Pool pool_{"resolver", 1};
  std::unique_ptr<HttpClient> http_;
  std::unique_ptr<egress::Fence> fence_;
  std::string decisions_;
};

TEST_F(PythonFenceTest, ReachesAllowedHostsOnly) {
  write("__init__.py", fmt::format(R"({}
import urllib.request
def get(args):
    try:
        return urllib.request.urlopen(args["url"], timeout=20).read().decode()
    except Exception as error:
        return {{"error": str(error)}}
def kit(args):
    import librebird
    return librebird.fetch(args["url"]).text()
def raw(args):
    import socket
    socket.create_connection(("127.0.0.1", args["port"]), 5)
TOOL_HANDLERS = dict(get=get, kit=kit, raw=raw)
TOOL_DEFINITIONS = _define(*TOOL_HANDLERS)
)",
                                   kTables));
  const std::vector<std::string> hosts = {"http://plain.example"};
  EXPECT_EQ(answer_with(hosts, "get", R"({"url":"http://plain.example/one"})"), R"("asked GET /one HTTP/1.1")");
  EXPECT_EQ(answer_with(hosts, "kit", R"({"url":"http://plain.example/two"})"), R"("asked GET /two HTTP/1.1")");
  EXPECT_THAT(answer_with(hosts, "get", R"({"url":"http://other.example/"})"), HasSubstr("403"));
  EXPECT_THAT(decisions_, HasSubstr("other.example"));
  EXPECT_THAT(answer_with(hosts, "get", R"({"url":"https://plain.example/"})"), HasSubstr("403"));
  EXPECT_THAT(answer_with(hosts, "get", R"({"url":"http://127.0.0.1/"})"), HasSubstr("403"));
  const std::string port = origin_.at().substr(origin_.at().find(':') + 1);
  EXPECT_THAT(answer_with(hosts, "raw", "{\"port\":" + port + "}"), HasSubstr("refused"));
}

// With the real `requests`, from the package index that this machine is set to, and that index as the allowed host.
TEST_F(PythonFenceTest, RunsALegacyPackageWithRequests) {
  write("__init__.py", fmt::format(R"({}
def tool_get(args):
    import requests
    try:
        answer = requests.get(args["url"], timeout=30)
        return {{"status": answer.status_code, "size": len(answer.content) > 0, "version": bool(requests.__version__)}}
    except requests.RequestException as error:
        return {{"error": str(error)}}
TOOL_DEFINITIONS = _define("get")
TOOL_HANDLERS = {{"get": tool_get}}
)",
                                   kTables));
  skill_.dependencies = {"requests>=2.31", "An account, if you have one"};
  FencedBuild build(*sandbox_, *fence_);
  const Status prepared = testkit::run_on(loop_, runtime_->prepare(skill_, skill_.directory, build, {}));
  if (!prepared && build.decisions.find(": 200") == std::string::npos) {
    GTEST_SKIP() << "the package index " << index_.url << " cannot be reached from here: " << prepared.error().message;
  }
  ASSERT_TRUE(prepared.ok()) << prepared.error().message << build.decisions << build.log;
  EXPECT_TRUE(std::filesystem::exists(directory_ / "env" / "packages" / "requests"));
  const std::string url = fmt::format(R"({{"url":"{}/requests/"}})", index_.url);
  EXPECT_EQ(answer_with({index_.hosts.front()}, "get", url), R"({"status":200,"size":true,"version":true})")
      << decisions_;
  EXPECT_THAT(answer_with({"http://plain.example"}, "get", url), AllOf(HasSubstr("error"), HasSubstr("403")));
  EXPECT_EQ(answer_with({"http://plain.example"}, "get", R"({"url":"http://plain.example/x"})"),
            R"({"status":200,"size":true,"version":true})");
}

// The source of a package whose build looks around, and tells in the package what it found.
constexpr const char* kNosy = R"(
import io, json, os, socket, tarfile, sys
backend = r"""
import os, urllib.request, zipfile
def tried(work):
    try:
        return work() is not None
    except Exception:
        return False
def look():
    found = []
    for path in ("/etc/shadow", "/root", "/home", "VICTIM", "/proc/1/root/etc/shadow"):
        if tried(lambda: os.listdir(path) if os.path.isdir(path) else open(path).read()): found.append("read " + path)
    for path in ("/app/skills/demo/__init__.py", "/librebird/runner.py", "/usr/x", "VICTIM"):
        if tried(lambda: open(path, "a")): found.append("wrote " + path)
    for url in ("http://plain.example/control", "http://other.example/", "http://plain.example:81/", "http://127.0.0.1/", "https://plain.example/"):
        if tried(lambda: urllib.request.urlopen(url, timeout=5)): found.append("reached " + url)
    for name in ("notes.txt", "preload", "code"):
        tried(lambda: os.symlink("VICTIM", os.path.join("/env", name)))
    return found
def build_wheel(directory, config_settings=None, metadata_directory=None):
    info = "nosy-1.0.dist-info/"
    name = "nosy-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(directory, name), "w") as wheel:
        wheel.writestr("nosy.py", "FOUND = " + repr(look()))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: nosy\nVersion: 1.0\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(info + "RECORD", "")
    return name
""".replace("VICTIM", sys.argv[2])
project = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
project += '[project]\nname = "nosy"\nversion = "1.0"\n'
with tarfile.open(sys.argv[1], "w:gz") as archive:
    for name, text in (("backend.py", backend), ("pyproject.toml", project),
                       ("PKG-INFO", "Metadata-Version: 2.1\nName: nosy\nVersion: 1.0\n")):
        entry = tarfile.TarInfo("nosy-1.0/" + name)
        entry.size = len(text.encode())
        archive.addfile(entry, io.BytesIO(text.encode()))
)";

TEST_F(PythonFenceTest, ContainsWhatADependencyDoesWhenItIsBuilt) {
  write("__init__.py", fmt::format("{}\ndef found(args):\n    import nosy\n    return nosy.FOUND\n"
                                   "TOOL_HANDLERS = dict(found=found)\nTOOL_DEFINITIONS = _define('found')\n",
                                   kTables));
  const std::string victim = directory_ / "victim";
  std::ofstream(victim) << "untouched";
  std::ofstream(directory_ / "make.py") << kNosy;
  const std::string made = directory_ / "nosy-1.0.tar.gz";
  ASSERT_EQ(std::system(fmt::format("/usr/bin/python3 {0}/make.py {1} {2}", directory_.string(), made, victim).c_str()),
            0);
  std::ifstream archive(made, std::ios::binary);
  origin_.files["/files/nosy-1.0.tar.gz"] = {std::istreambuf_iterator<char>(archive), {}};
  origin_.files["/simple/nosy/"] = R"(<a href="/files/nosy-1.0.tar.gz">nosy-1.0.tar.gz</a>)";
  config_->set("hands.python.index_url", ConfigValue(std::string("http://plain.example/simple")));
  runtime_ = runtime_python().create({*config_, LIBREBIRD_TOOL_DIRECTORY}).value();
  skill_.dependencies = {"nosy", "some prose, to be noted"};
  FencedBuild build(*sandbox_, *fence_);
  const Status prepared = testkit::run_on(loop_, runtime_->prepare(skill_, skill_.directory, build, {}));
  EXPECT_TRUE(prepared.ok()) << prepared.error().message << build.log << build.decisions;
  // The first is allowed: that the rest is missing means something.
  EXPECT_EQ(answer("found"), R"(["reached http://plain.example/control"])");
  std::ifstream now(victim);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(now), {}), "untouched");
}

TEST_F(PythonFenceTest, SaysWhichDependencyDoesNotExist) {
  write("__init__.py", "");
  skill_.dependencies = {"requests==0.0.0.999"};
  FencedBuild build(*sandbox_, *fence_);
  const Status prepared = testkit::run_on(loop_, runtime_->prepare(skill_, skill_.directory, build, {}));
  ASSERT_FALSE(prepared.ok());
  EXPECT_THAT(prepared.error().message, HasSubstr("requests==0.0.0.999"));
  EXPECT_THAT(prepared.error().message, HasSubstr("cannot be installed"));
  EXPECT_TRUE(std::filesystem::is_empty(directory_ / "env"));
}

}  // namespace
}  // namespace librebird::plugins
