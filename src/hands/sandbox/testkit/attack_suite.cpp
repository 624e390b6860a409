// The attack suite: every sandbox plug-in must deny every attack, to a single process and to many.
#include <librebird/core/ports/sandbox.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/hands/sandbox/testkit/surroundings.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gtest/gtest.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace librebird {
namespace {

namespace fs = std::filesystem;

const sandbox_testkit::Surroundings& around() {
  static const sandbox_testkit::Surroundings surroundings = sandbox_testkit::surroundings();
  return surroundings;
}

Task<Result<SandboxRun>> run_to_end(Sandbox& sandbox, SandboxSpec spec, std::stop_token stop) {
  LB_CO_TRY(process, co_await sandbox.start(std::move(spec), stop));
  process->close_input();
  co_return co_await process->wait({}, stop);
}

// The parameter: how many processes are allowed.
class Attack : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr)
      GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set: containment is not tested";
    std::signal(SIGPIPE, SIG_IGN);
    ::setenv("LIBREBIRD_TEST_SECRET", "s3cret", 1);
    for (const SandboxPlugin& plugin : sandbox_plugins()) {
      if (plugin.manifest.name != around().sandbox) continue;
      auto config =
          Config::load(plugin.manifest.config, "", [](std::string_view) { return std::optional<std::string>(); });
      for (const auto& [key, value] : around().settings) config->set(key, value);
      auto made = plugin.create({*config, loop_.executor(), clock_, around().tool_directory});
      ASSERT_TRUE(made.ok()) << made.error().message;
      sandbox_ = std::move(made).value();
    }
    ASSERT_NE(sandbox_, nullptr) << around().sandbox;
    std::string pattern = (fs::temp_directory_path() / "attack-XXXXXX").native();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    host_ = pattern;
    std::ofstream(host_ / "secret") << "secret";
    fs::create_directory(host_ / "work");
    fs::create_symlink(host_ / "secret", host_ / "work/link");
    fs::create_symlink("../secret", host_ / "work/up");
    fs::create_symlink("/proc/1/root" + (host_ / "secret").native(), host_ / "work/through");
    std::ofstream(host_ / "work/file") << "work";
  }
  void TearDown() override {
    sandbox_.reset();
    if (!host_.empty()) fs::remove_all(host_);
  }

  SandboxSpec spec(std::vector<std::string> arguments, bool writable_work = false) const {
    SandboxSpec spec;
    spec.argv = {"/probe"};
    spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
    spec.mounts = {{SANDBOX_PROBE, "/probe", false}, {(host_ / "work").native(), "/work", writable_work}};
    spec.limits.processes = GetParam();
    return spec;
  }
  Result<SandboxRun> run(SandboxSpec spec) {
    return testkit::run_on(loop_, run_to_end(*sandbox_, std::move(spec), {}));
  }
  void expect_denied(std::vector<std::string> arguments, bool writable_work = false) {
    const std::string name = testing::PrintToString(arguments);
    const auto result = run(spec(std::move(arguments), writable_work));
    ASSERT_TRUE(result.ok()) << name << result.error().message;
    EXPECT_EQ(result->end, SandboxEnd::exited) << name << result->error_output;
    EXPECT_EQ(result->exit_code, 0) << name << result->output << result->error_output;
    EXPECT_NE(result->output.find("denied"), std::string::npos) << name << result->output;
  }

  // Several in one sandbox, one after the other: {name, argument}.
  void expect_all_denied(const std::vector<std::pair<std::string, std::string>>& attacks, bool writable_work = false) {
    std::vector<std::string> arguments = {"all"};
    for (const auto& [name, argument] : attacks) arguments.insert(arguments.end(), {name, argument});
    const auto result = run(spec(arguments, writable_work));
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(result->end, SandboxEnd::exited) << result->error_output;
    EXPECT_EQ(result->exit_code, 0) << result->output << result->error_output;
    std::size_t denied = 0;
    for (std::size_t at = 0; (at = result->output.find("denied ", at)) != std::string::npos; ++at) ++denied;
    EXPECT_EQ(denied, attacks.size()) << result->output;
  }

  Loop loop_;
  SystemClock clock_;
  std::unique_ptr<Sandbox> sandbox_;
  fs::path host_;
};

TEST_P(Attack, ProbeOfTheSandboxItself) {
  const Status works = testkit::run_on(loop_, sandbox_->probe());
  EXPECT_TRUE(works.ok()) << works.error().message;
}

TEST_P(Attack, ReadsHostFiles) {
  const std::string secret = (host_ / "secret").native();
  const std::string us = "/proc/" + std::to_string(getpid());
  std::vector<std::string> paths = {
      secret,        "/etc/shadow", "/proc/1/environ/x", "/proc/1/root" + secret, us + "/environ",
      "/proc/kcore", "/proc/kmsg",  "/sys/kernel/notes", us + "/root" + secret,   "/dev/mem",
      "/dev/kmsg",   "/work/link",  "/work/up",          "/work/through",         "/work/../secret"};
  // An engine writes one for its container.
  if (!around().image_root) paths.insert(paths.end(), {"/etc/passwd", "/proc/1/root/etc/passwd"});
  std::string all;
  for (const std::string& path : paths) all += path + "\n";
  expect_all_denied({{"read", all},
                     {around().image_root ? "foreign_image_root" : "foreign_root", ""},
                     {"climb", secret},
                     {"chroot", ""}});
}

TEST_P(Attack, WritesOutsideScratch) {
  expect_all_denied({{"root_write", ""},
                     {"write", "/probe"},
                     {"write", "/work/file"},
                     {"write", "/work/new"},
                     {"write", "/dev/shm/x"},
                     {"write", "/var/tmp/x"},
                     {"write", "/run/x"},
                     {"write", "/etc/x"},
                     {"write", "/proc/sys/kernel/hostname"},
                     {"write", "/proc/self/oom_score_adj/x"}});
  // A link in a writable folder leads nowhere either.
  expect_all_denied({{"write", "/work/up"}, {"write", "/work/link"}}, true);
  EXPECT_EQ(fs::file_size(host_ / "secret"), 6U);
}

TEST_P(Attack, ReachesTheNetwork) {
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(server, 1), 0);
  ASSERT_EQ(::getsockname(server, reinterpret_cast<sockaddr*>(&address), &size), 0);

  const std::string name = "librebird-attack-" + std::to_string(getpid());
  const int hidden = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un abstract{};
  abstract.sun_family = AF_UNIX;
  name.copy(abstract.sun_path + 1, name.size());
  ASSERT_EQ(::bind(hidden, reinterpret_cast<sockaddr*>(&abstract),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size())),
            0);
  ASSERT_EQ(::listen(hidden, 1), 0);
  expect_all_denied({{"connect", std::to_string(ntohs(address.sin_port))}, {"sockets", ""}, {"abstract_socket", name}});
  ::close(server);
  ::close(hidden);
}

TEST_P(Attack, ReachesOtherProcesses) {
  expect_all_denied({{"kill", std::to_string(getpid())}, {"see_processes", ""}, {"trace", ""}});
}

TEST_P(Attack, UsesTheKernel) {
  expect_all_denied({{"mount", ""},
                     {"namespace", ""},
                     {"kernel_calls", ""},
                     {"gain_privilege", ""},
                     {"set_user_id_file", "/tmp/x"},
                     {"terminal", ""}});
  const auto foreign = run(spec({"old_architecture"}));
  ASSERT_TRUE(foreign.ok());
  EXPECT_TRUE(foreign->end == SandboxEnd::signalled || foreign->output.find("denied") == 0) << foreign->output;
}

TEST_P(Attack, FindsSecretsLyingAround) {
  const int careless = ::dup(2);  // without close-on-exec
  expect_all_denied({{"descriptors", ""}, {"environment", ""}});
  ::close(careless);
}

TEST_P(Attack, Exhausts) {
  expect_denied({"fill", "/tmp"});
  const auto bomb = run(spec({"memory_bomb"}));
  ASSERT_TRUE(bomb.ok()) << bomb.error().message;
  EXPECT_EQ(bomb->output.find("succeeded"), std::string::npos) << bomb->output;
  SandboxSpec forks = spec({"fork_bomb"});
  forks.limits.wall_time = Millis(5000);
  const auto forked = run(std::move(forks));
  ASSERT_TRUE(forked.ok()) << forked.error().message;
  EXPECT_EQ(forked->output.find("succeeded"), std::string::npos) << forked->output;
}

TEST_P(Attack, WritesWithoutEnd) {
  const auto result = run(spec({"endless_output"}));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->end, SandboxEnd::output_limit);
  EXPECT_LE(result->output.size(), static_cast<std::size_t>(SandboxLimits().output_bytes));
}

TEST_P(Attack, IgnoresItsEnd) {
  SandboxSpec stubborn = spec({"ignore_signals"});
  stubborn.limits.wall_time = Millis(200);
  const auto ended = run(std::move(stubborn));
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->end, SandboxEnd::timed_out);

  SandboxSpec busy = spec({"spin"});
  busy.limits.cpu_seconds = 1;
  const auto spun = run(std::move(busy));
  ASSERT_TRUE(spun.ok());
  EXPECT_TRUE(spun->end == SandboxEnd::timed_out || spun->end == SandboxEnd::signalled);
}

Task<void> stop_later(std::stop_source* source) {
  co_await sleep_for(Millis(50));
  source->request_stop();
}

Task<Result<SandboxRun>> stop_soon(Executor executor, Sandbox& sandbox, SandboxSpec spec) {
  LB_CO_TRY(process, co_await sandbox.start(std::move(spec), {}));
  std::stop_source source;
  Scope scope(executor);
  scope.spawn(stop_later(&source), "stopper");
  auto result = co_await process->wait({}, source.get_token());
  co_await scope.join();
  co_return result;
}

Task<Status> stop_while_starting(Sandbox& sandbox, SandboxSpec spec) {
  std::stop_source source;
  source.request_stop();
  auto process = co_await sandbox.start(std::move(spec), source.get_token());
  co_return process ? Status(Ok{}) : Status(process.error());
}

TEST_P(Attack, IsStoppedAtOnce) {
  const auto result = testkit::run_on(loop_, stop_soon(loop_.executor(), *sandbox_, spec({"ignore_signals"})));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->end, SandboxEnd::cancelled);
  const Status never = testkit::run_on(loop_, stop_while_starting(*sandbox_, spec({"ignore_signals"})));
  ASSERT_FALSE(never.ok());
  EXPECT_EQ(never.error().code, Code::cancelled);
}

TEST_P(Attack, OutlivesItsParent) {
  const auto result = run(spec({"outlive", "/work/alive"}, true));
  ASSERT_TRUE(result.ok()) << result.error().message;
  // Whatever it left behind is dead when run() returns: the file does not grow any more.
  std::error_code error;
  const auto size = fs::file_size(host_ / "work/alive", error);
  ::usleep(100'000);
  std::error_code later;
  EXPECT_EQ(fs::file_size(host_ / "work/alive", later), size);
}

TEST_P(Attack, HasAWritableWorkFolderWhereGranted) {
  const auto result = run(spec({"write", "/work/new"}, true));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->output, "succeeded write\n");
  EXPECT_TRUE(fs::exists(host_ / "work/new"));
}

TEST_P(Attack, NeverUsesASandboxTwice) {
  // What one call leaves in its scratch, the next must not find.
  for (int i = 0; i < 2; ++i) {
    SandboxSpec first = spec({"write", "/tmp/left"});
    first.mounts.resize(1);
    EXPECT_EQ(run(std::move(first))->output, "succeeded write\n");
    SandboxSpec second = spec({"exists", "/tmp/left"});
    second.mounts.resize(1);
    EXPECT_EQ(run(std::move(second))->output, "denied exists\n");
  }
}

TEST_P(Attack, MalformedSpecsAreRefused) {
  for (auto change :
       {+[](SandboxSpec& s) { s.argv.clear(); }, +[](SandboxSpec& s) { s.argv[0] = "probe"; },
        +[](SandboxSpec& s) { s.mounts.push_back({"/etc", "relative", false}); },
        +[](SandboxSpec& s) { s.mounts.push_back({"/etc", "/a/../b", false}); },
        +[](SandboxSpec& s) { s.environment = {"LD_PRELOAD=/x"}; }, +[](SandboxSpec& s) { s.environment = {"x"}; }}) {
    SandboxSpec broken = spec({"descriptors"});
    change(broken);
    EXPECT_FALSE(run(std::move(broken)).ok());
  }
  SandboxSpec absent = spec({"descriptors"});
  absent.mounts.push_back({"/no/such/path", "/x", false});
  EXPECT_FALSE(run(std::move(absent)).ok());
}

INSTANTIATE_TEST_SUITE_P(Sandbox, Attack, testing::Values(1, 16),
                         [](const auto& info) { return info.param == 1 ? "single" : "many"; });

}  // namespace
}  // namespace librebird
