// The attacks of the escape suite (tests/escape), each in a container of its own.
#include "docker_sandbox.hpp"
#include "tests/engine_service.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <boost/json.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace librebird::docker {
namespace {

namespace fs = std::filesystem;

constexpr int kAtOnce = 4;

// What an attacker would want to reach, and whether it was.
class Host {
 public:
  Host() {
    std::string pattern = "/tmp/lb-escape-XXXXXX";
    folder_ = ::mkdtemp(pattern.data());
    std::ofstream(folder_ / "host_file.txt") << "CANARY of the host\n";
    std::ofstream(folder_ / "librebird.db") << "CANARY";
    std::ofstream(folder_ / "master.key") << "CANARY";
    fs::create_directory(folder_ / "work");
    port_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof(address);
    EXPECT_EQ(::bind(port_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(port_, 16), 0);
    ::getsockname(port_, reinterpret_cast<sockaddr*>(&address), &size);
    number_ = ntohs(address.sin_port);
    file_ = listen_at((folder_ / "host.sock").native());
    abstract_ = listen_at(std::string("\0", 1) + name());
  }
  ~Host() {
    for (const int fd : {port_, file_, abstract_}) ::close(fd);
    fs::remove_all(folder_);
  }
  [[nodiscard]] std::string facts() const {
    return boost::json::serialize(boost::json::object{{"database", (folder_ / "librebird.db").native()},
                                                      {"master_key", (folder_ / "master.key").native()},
                                                      {"host_file", (folder_ / "host_file.txt").native()},
                                                      {"host_account", "daemon"},
                                                      {"host_port", std::to_string(number_)},
                                                      {"host_address", "127.0.0.1"},
                                                      {"host_socket", (folder_ / "host.sock").native()},
                                                      {"abstract_socket", name()},
                                                      {"allowed_host", "allowed.test"},
                                                      {"planted_first", "sk-escape-"},
                                                      {"planted_second", "Zq7RtV2mXw9KpLs4"},
                                                      {"server_pid", std::to_string(::getpid())},
                                                      {"marker", "lb-escape"}});
  }
  [[nodiscard]] bool touched() const {
    for (const int fd : {port_, file_, abstract_}) {
      const int caller = ::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (caller < 0) continue;
      ::close(caller);
      return true;
    }
    return fs::file_size(folder_ / "host_file.txt") != 19 || fs::file_size(folder_ / "master.key") != 6;
  }
  [[nodiscard]] std::string work() const { return (folder_ / "work").native(); }

 private:
  static std::string name() { return "lb-escape-" + std::to_string(::getpid()); }
  static int listen_at(const std::string& path) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, path.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(fd, 16), 0);
    return fd;
  }
  fs::path folder_;
  int port_ = -1;
  int file_ = -1;
  int abstract_ = -1;
  int number_ = 0;
};

std::vector<std::string> attacks() {
  std::vector<std::string> names;
  FILE* pipe = ::popen(ESCAPE_PROGRAM " --list", "r");
  char line[512];
  while (pipe != nullptr && std::fgets(line, sizeof(line), pipe) != nullptr) {
    const std::string_view text(line);
    names.emplace_back(text.substr(0, text.find('\t')));
  }
  if (pipe != nullptr) ::pclose(pipe);
  return names;
}

Task<Result<SandboxRun>> attack(Sandbox* sandbox, SandboxSpec spec) {
  LB_CO_TRY(process, co_await sandbox->start(std::move(spec), {}));
  process->close_input();
  co_return co_await process->wait({}, {});
}

// The rest were ended by a limit.
int answered = 0;

Task<void> attack_in_turn(Sandbox* sandbox, std::vector<std::string>* names, const Host* host) {
  while (!names->empty()) {
    const std::string name = names->back();
    names->pop_back();
    SandboxSpec spec;
    spec.argv = {"/escape", "--once", name, host->facts()};
    spec.mounts = {{ESCAPE_PROGRAM, "/escape", false}, {host->work(), "/work", true}};
    spec.work_directory = "/work";
    spec.limits.wall_time = Millis(4000);
    const auto run = co_await attack(sandbox, std::move(spec));
    EXPECT_TRUE(run.ok()) << name << ": " << (run ? "" : run.error().message);
    if (!run) continue;
    EXPECT_EQ(run->output.find("\"breached\":true"), std::string::npos) << name << ": " << run->output.substr(0, 500);
    EXPECT_EQ(run->output.find("\"unknown\""), std::string::npos) << name;
    EXPECT_FALSE(host->touched()) << name;
    if (run->output.find("\"breached\":false") != std::string::npos) ++answered;
  }
}

Task<int> attack_with_all(Executor executor, Sandbox* sandbox, std::vector<std::string>* names, const Host* host) {
  Scope scope(executor);
  for (int i = 0; i < kAtOnce; ++i) scope.spawn(attack_in_turn(sandbox, names, host), "attacks");
  co_await scope.join();
  // And it still serves.
  SandboxSpec spec;
  spec.argv = {"/usr/bin/sh", "-c", "echo fine"};
  spec.system = true;
  const auto run = co_await attack(sandbox, std::move(spec));
  EXPECT_TRUE(run.ok() && run->output == "fine\n");
  co_return 0;
}

TEST(DockerEscape, EveryAttackIsContained) {
  if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr)
    GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set: containment is not tested";
  std::signal(SIGPIPE, SIG_IGN);
  const EngineService& engine = EngineService::shared();
  Settings settings;
  settings.sockets = {engine.socket()};
  settings.image = engine.system_image();
  settings.tool = std::string(LIBREBIRD_TOOL_DIRECTORY) + "/librebird-tool";
  const Host host;
  std::vector<std::string> names = attacks();
  const std::size_t all = names.size();
  EXPECT_GE(all, 60U);
  Loop loop;
  DockerSandbox sandbox(loop.executor(), settings);
  testkit::run_on(loop, attack_with_all(loop.executor(), &sandbox, &names, &host));
  std::printf("%zu attacks, %d denied, the others ended by a limit\n", all, answered);
  EXPECT_GT(answered, static_cast<int>(all) * 3 / 4);
}

}  // namespace
}  // namespace librebird::docker
