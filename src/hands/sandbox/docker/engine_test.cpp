// Against a scripted engine: what is missing, broken or hostile must end in one clear refusal.
#include "docker_sandbox.hpp"
#include "hand_over.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

namespace librebird::docker {
namespace {

namespace fs = std::filesystem;

std::string json_answer(const std::string& body, const char* status = "200 OK") {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

const std::string kVersion = json_answer(R"({"Version":"24.0","Components":[{"Name":"Engine"}]})");
const std::string kInfo = json_answer(
    R"({"MemoryLimit":true,"CpuCfsQuota":true,"PidsLimit":true,"DefaultRuntime":"runc","Runtimes":{"runc":{},"io.x":{}},)"
    R"("SecurityOptions":["name=seccomp"]})");

// One thread, one connection at a time; the first rule whose words are in the request's first line answers. Without a
// rule it answers nothing and waits for the other side to go.
class ScriptedEngine {
 public:
  explicit ScriptedEngine(std::vector<std::pair<std::string, std::string>> rules) : rules_(std::move(rules)) {
    std::string pattern = "/tmp/lb-script-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~ScriptedEngine() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
    fs::remove_all(folder_);
  }
  [[nodiscard]] std::string socket() const { return folder_ + "/s"; }
  std::vector<std::string> asked() {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  void serve() {
    for (int fd = -1; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(fd)) {
      std::string request;
      char buffer[4096];
      ssize_t got = 0;
      while (request.find("\r\n\r\n") == std::string::npos && (got = ::read(fd, buffer, sizeof(buffer))) > 0) {
        request.append(buffer, static_cast<std::size_t>(got));
      }
      const std::string line = request.substr(0, request.find("\r\n"));
      {
        const std::lock_guard lock(mutex_);
        asked_.push_back(line);
      }
      const std::string* answer = nullptr;
      for (const auto& [words, text] : rules_) {
        if (answer == nullptr && line.find(words) != std::string::npos) answer = &text;
      }
      if (answer != nullptr) {
        (void)!::send(fd, answer->data(), answer->size(), MSG_NOSIGNAL);
      } else {
        while (::read(fd, buffer, sizeof(buffer)) > 0) {
        }
      }
    }
  }

  std::vector<std::pair<std::string, std::string>> rules_;
  std::string folder_;
  int listener_ = -1;
  std::mutex mutex_;
  std::vector<std::string> asked_;
  std::thread thread_;
};

Settings settings(const std::string& socket) {
  Settings settings;
  settings.sockets = {socket};
  settings.configured = true;
  settings.image = "localhost/librebird-sandbox:latest";
  settings.tool = "/bin/true";
  return settings;
}

Task<Status> start(Sandbox& sandbox, SandboxSpec spec, std::stop_token stop) {
  LB_CO_TRY(process, co_await sandbox.start(std::move(spec), stop));
  co_return Ok{};
}

std::string refusal_of(const Settings& with, std::stop_token stop = {}) {
  std::signal(SIGPIPE, SIG_IGN);
  Loop loop;
  DockerSandbox sandbox(loop.executor(), with);
  SandboxSpec spec;
  spec.argv = {"/probe"};
  const Status status = testkit::run_on(loop, start(sandbox, std::move(spec), stop));
  if (status) return "it started";
  return std::string(to_string(status.error().code)) + ": " + status.error().message;
}

void expect_refusal(const std::string& said, const std::string& words) {
  EXPECT_TRUE(said.starts_with("failed_precondition: ")) << said;
  EXPECT_NE(said.find(words), std::string::npos) << said;
}

TEST(DockerEngine, SaysWhatToDoWithoutASocket) {
  expect_refusal(refusal_of(settings("/no/such/socket")), "systemctl start docker");
  expect_refusal(refusal_of(settings("/no/such/socket")), "sandbox.docker.socket");
  Settings usual = settings("/no/such/podman.sock");
  usual.configured = false;
  usual.sockets.emplace_back("/no/such/docker.sock");
  expect_refusal(refusal_of(usual), "/no/such/podman.sock, /no/such/docker.sock");
  expect_refusal(refusal_of(settings("/" + std::string(200, 'x'))), "There is no container engine");
  Settings untooled = settings("/no/such/socket");
  untooled.tool.clear();
  expect_refusal(refusal_of(untooled), "librebird-tool");
}

TEST(DockerEngine, SaysWhatToDoWithoutTheRightOrAnEngine) {
  std::string socket;
  {
    const ScriptedEngine engine({});
    socket = engine.socket();
    if (::geteuid() == 0) {
      ::chmod(socket.c_str(), 0700);
      ASSERT_EQ(::chmod(fs::path(socket).parent_path().c_str(), 0755), 0);
      ASSERT_EQ(::seteuid(65534), 0);
      const std::string said = refusal_of(settings(socket));
      ASSERT_EQ(::seteuid(0), 0);
      expect_refusal(said, "usermod -aG docker");
    }
  }
  // A socket that nobody serves any more.
  std::string pattern = "/tmp/lb-dead-XXXXXX";
  const fs::path folder = ::mkdtemp(pattern.data());
  const int dead = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder / "s").native().copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(dead, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  expect_refusal(refusal_of(settings((folder / "s").native())), "does not answer");
  ::close(dead);
  fs::remove_all(folder);
}

TEST(DockerEngine, RefusesAnEngineThatCannotLimit) {
  for (const char* lacks : {"MemoryLimit", "CpuCfsQuota", "PidsLimit"}) {
    std::string info = kInfo;
    info.replace(info.find(lacks), std::string(lacks).size(), std::string(std::string(lacks).size(), 'x'));
    const ScriptedEngine engine({{"/version", kVersion}, {"/info", info}});
    expect_refusal(refusal_of(settings(engine.socket())), "cannot limit");
  }
}

TEST(DockerEngine, RefusesRootlessDocker) {
  std::string info = kInfo;
  info.replace(info.find("name=seccomp"), 12, "name=rootles");
  info.replace(info.find("rootles\""), 8, "rootless\"");
  info.replace(info.find("Content-Length: "), 19, "Content-Length: " + std::to_string(info.size() - info.find('{')));
  const ScriptedEngine engine({{"/version", kVersion}, {"/info", info}});
  expect_refusal(refusal_of(settings(engine.socket())), "Rootless Docker");
}

TEST(DockerEngine, RefusesWithoutTheRuntimeThatWasAskedFor) {
  const ScriptedEngine engine({{"/version", kVersion}, {"/info", kInfo}});
  Settings wish = settings(engine.socket());
  wish.runtime = "runsc";
  expect_refusal(refusal_of(wish), "daemon.json");
}

TEST(DockerEngine, RefusesWhenAnotherRuntimeWasGivenAndRemovesTheContainer) {
  ScriptedEngine engine({{"/version", kVersion},
                         {"/info", kInfo},
                         {"GET /v1.41/containers/json", json_answer("[]")},
                         {"/images/", json_answer(R"({"Id":"sha256:1"})")},
                         {"/containers/create", json_answer(R"({"Id":"abc"})", "201 Created")},
                         {"GET /v1.41/containers/abc/json", json_answer(R"({"HostConfig":{"Runtime":"runc"}})")},
                         {"DELETE /v1.41/containers/abc", "HTTP/1.1 204 No Content\r\n\r\n"}});
  Settings wish = settings(engine.socket());
  wish.runtime = "io.x";
  expect_refusal(refusal_of(wish), "gave the runtime runc where io.x was asked for");
  const auto asked = engine.asked();
  EXPECT_TRUE(asked.back().starts_with("DELETE /v1.41/containers/abc")) << asked.back();
  for (const std::string& line : asked) EXPECT_EQ(line.find("/start"), std::string::npos) << line;
}

TEST(DockerEngine, RemovesAContainerThatDidNotStart) {
  ScriptedEngine engine({{"/version", kVersion},
                         {"/info", kInfo},
                         {"GET /v1.41/containers/json", json_answer("[]")},
                         {"/images/", json_answer(R"({"Id":"sha256:1"})")},
                         {"/containers/create", json_answer(R"({"Id":"abc"})", "201 Created")},
                         {"/attach", "HTTP/1.1 101 UPGRADED\r\n\r\n"},
                         {"/start", json_answer(R"({"message":"seccomp: not\nsupported"})", "500 Oh")},
                         {"DELETE /v1.41/containers/abc", "HTTP/1.1 204 No Content\r\n\r\n"}});
  const std::string said = refusal_of(settings(engine.socket()));
  expect_refusal(said, "system-call filter");
  EXPECT_EQ(said.find('\n'), std::string::npos);
  EXPECT_TRUE(engine.asked().back().starts_with("DELETE"));
}

TEST(DockerEngine, BearsAnythingItIsTold) {
  const std::string huge = "HTTP/1.1 200 OK\r\n\r\n" + std::string(5 << 20, 'x');
  for (const std::string& answer :
       {std::string("nonsense\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\n\r\n"), json_answer("[]"), json_answer("{"),
        json_answer(std::string(1000, '[')), json_answer(R"({"Version":5,"Components":{}})"), huge,
        json_answer("{}", "500 Internal Server Error"), std::string()}) {
    const ScriptedEngine engine({{"/version", answer}, {"/info", answer}});
    const std::string said = refusal_of(settings(engine.socket()));
    EXPECT_NE(said, "it started");
    EXPECT_LT(said.size(), 1200U);
  }
}

Task<Status> start_and_stop(Executor executor, Sandbox& sandbox) {
  std::stop_source source;
  Scope scope(executor);
  const auto later = [](std::stop_source* from) -> Task<void> {
    co_await sleep_for(Millis(50));
    from->request_stop();
  };
  scope.spawn(later(&source), "stopper");
  SandboxSpec spec;
  spec.argv = {"/probe"};
  const Status status = co_await start(sandbox, std::move(spec), source.get_token());
  co_await scope.join();
  co_return status;
}

TEST(DockerEngine, IsNotWaitedForOnceStopped) {
  std::signal(SIGPIPE, SIG_IGN);
  const ScriptedEngine silent({});
  Loop loop;
  DockerSandbox sandbox(loop.executor(), settings(silent.socket()));
  const Status status = testkit::run_on(loop, start_and_stop(loop.executor(), sandbox));
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, Code::cancelled);
}

TEST(DockerEngine, EndsByTheContainersSideOfTheConversation) {
  // What a stream without last words is: no success.
  const std::string cut = "HTTP/1.1 101 UPGRADED\r\n\r\n" + std::string("\1\0\0\0\0\0\0\2hi", 10);
  const ScriptedEngine engine({{"/version", kVersion},
                               {"/info", kInfo},
                               {"GET /v1.41/containers/json", json_answer("[]")},
                               {"/images/", json_answer(R"({"Id":"sha256:1"})")},
                               {"/containers/create", json_answer(R"({"Id":"abc"})", "201 Created")},
                               {"/attach", cut},
                               {"/start", "HTTP/1.1 204 No Content\r\n\r\n"},
                               {"DELETE", "HTTP/1.1 204 No Content\r\n\r\n"}});
  std::signal(SIGPIPE, SIG_IGN);
  Loop loop;
  DockerSandbox sandbox(loop.executor(), settings(engine.socket()));
  const auto converse = [](Sandbox* in) -> Task<Result<SandboxRun>> {
    SandboxSpec spec;
    spec.argv = {"/probe"};
    LB_CO_TRY(process, co_await in->start(std::move(spec), {}));
    co_return co_await process->wait({}, {});
  };
  const auto run = testkit::run_on(loop, converse(&sandbox));
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->end, SandboxEnd::signalled);
  EXPECT_EQ(run->output, "hi");
}

TEST(HandOver, GivesAwayWhatIsRootsAndFollowsNoLink) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root hands over";
  std::string pattern = "/tmp/lb-hand-XXXXXX";
  const fs::path folder = ::mkdtemp(pattern.data());
  fs::create_directories(folder / "work/inner");
  std::ofstream(folder / "outside") << "x";
  std::ofstream(folder / "work/inner/file") << "x";
  std::ofstream(folder / "work/linked") << "x";
  fs::create_hard_link(folder / "outside", folder / "work/hard");
  fs::create_symlink(folder / "outside", folder / "work/link");
  fs::create_directory_symlink(folder, folder / "work/up");
  ASSERT_EQ(::chown((folder / "work/linked").c_str(), 12345, 12345), 0);
  ASSERT_TRUE(hand_over((folder / "work").native()).ok());
  const auto owner = [](const fs::path& path) {
    struct stat status{};
    ::lstat(path.c_str(), &status);
    return status.st_uid;
  };
  EXPECT_EQ(owner(folder / "work"), kNobody);
  EXPECT_EQ(owner(folder / "work/inner"), kNobody);
  EXPECT_EQ(owner(folder / "work/inner/file"), kNobody);
  EXPECT_EQ(owner(folder / "work/linked"), 12345U);
  EXPECT_EQ(owner(folder / "outside"), 0U);
  EXPECT_EQ(owner(folder), 0U);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace librebird::docker
