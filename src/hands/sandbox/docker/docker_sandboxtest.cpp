// What this plug-in promises beyond the attack suite, with a container engine of the test's own.
#include "docker_sandbox.hpp"
#include "owner.hpp"
#include "tests/engine_service.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gtest/gtest.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

namespace librebird::docker {
namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

Settings settings_for(const EngineService& engine) {
  Settings settings;
  settings.sockets = {engine.socket()};
  settings.configured = true;
  settings.image = engine.system_image();
  settings.tool = std::string(LIBREBIRD_TOOL_DIRECTORY) + "/librebird-tool";
  return settings;
}

SandboxSpec shell(const std::string& script) {
  SandboxSpec spec;
  spec.argv = {"/usr/bin/sh", "-c", script};
  spec.environment = {"PATH=/usr/bin"};
  spec.system = true;
  return spec;
}

Task<Result<SandboxRun>> converse(Sandbox& sandbox, SandboxSpec spec, std::string input) {
  LB_CO_TRY(process, co_await sandbox.start(std::move(spec), {}));
  if (!input.empty()) LB_CO_CHECK(process->write(std::move(input)));
  process->close_input();
  co_return co_await process->wait({}, {});
}

class DockerSandboxTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr)
      GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set: containment is not tested";
    std::signal(SIGPIPE, SIG_IGN);
  }
  static const EngineService& engine() { return EngineService::shared(); }
  Result<SandboxRun> run(SandboxSpec spec, std::string input = {}) {
    return testkit::run_on(loop_, converse(sandbox_, std::move(spec), std::move(input)));
  }
  // Ended containers are removed by the engine, a little later.
  static bool all_gone(const EngineService& where, int seconds) {
    const auto until = steady_clock::now() + std::chrono::seconds(seconds);
    while (steady_clock::now() < until) {
      if (where.containers().empty()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  }

  Loop loop_;
  DockerSandbox sandbox_{loop_.executor(), settings_for(engine())};
};

TEST_F(DockerSandboxTest, HandsOnInputOutputAndTheEnd) {
  std::string long_text;
  while (long_text.size() < 700'000) long_text += "a line of some length to fill the pipes with\n";
  const auto echo = run(shell("cat; echo said >&2; exit 7"), long_text);
  ASSERT_TRUE(echo.ok()) << echo.error().message;
  EXPECT_EQ(echo->end, SandboxEnd::exited);
  EXPECT_EQ(echo->exit_code, 7);
  EXPECT_TRUE(echo->output == long_text) << echo->output.size();
  EXPECT_EQ(echo->error_output, "said\n");

  const auto killed = run(shell("kill -TERM $$"));
  ASSERT_TRUE(killed.ok()) << killed.error().message;
  EXPECT_EQ(killed->end, SandboxEnd::signalled);
  EXPECT_EQ(killed->exit_code, SIGTERM);
}

TEST_F(DockerSandboxTest, IsNotRootAndHasOnlyItsOwnEnvironment) {
  const auto who =
      run(shell("id -u; while read -r l; do case $l in Cap*|NoNew*|Seccomp:*) echo \"$l\";; esac; done "
                "</proc/self/status; export -p"));
  ASSERT_TRUE(who.ok()) << who.error().message;
  EXPECT_FALSE(who->output.starts_with("0\n")) << who->output;
  EXPECT_NE(who->output.find("CapEff:\t0000000000000000"), std::string::npos) << who->output;
  EXPECT_NE(who->output.find("CapBnd:\t0000000000000000"), std::string::npos) << who->output;
  EXPECT_NE(who->output.find("NoNewPrivs:\t1"), std::string::npos) << who->output;
  EXPECT_NE(who->output.find("Seccomp:\t2"), std::string::npos) << who->output;
  for (const char* foreign : {"container=", "HOSTNAME", "HOME", "TERM"}) {
    EXPECT_EQ(who->output.find(foreign), std::string::npos) << who->output;
  }
}

TEST_F(DockerSandboxTest, SaysWhenMemoryRanOut) {
  SandboxSpec bomb;
  bomb.argv = {"/probe", "memory_bomb"};
  bomb.mounts = {{SANDBOX_PROBE, "/probe", false}};
  bomb.limits.memory_bytes = 64 << 20;
  const auto result = run(bomb);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->end, SandboxEnd::out_of_memory) << result->output << result->error_output;
}

TEST_F(DockerSandboxTest, LeavesNothingBehind) {
  EXPECT_TRUE(run(shell("true")).ok());
  EXPECT_TRUE(run(shell("sleep 1000 & exit 3")).ok());
  SandboxSpec absent = shell("true");
  absent.argv = {"/no/such/program"};
  const auto not_there = run(absent);
  ASSERT_FALSE(not_there.ok());
  EXPECT_NE(not_there.error().message.find("could not be started"), std::string::npos) << not_there.error().message;
  EXPECT_TRUE(all_gone(engine(), 20)) << testing::PrintToString(engine().containers());
}

Task<Status> start_and_drop(Sandbox& sandbox, SandboxSpec spec) {
  LB_CO_TRY(process, co_await sandbox.start(std::move(spec), {}));
  EXPECT_TRUE(process->running());
  process.reset();
  co_await sleep_for(std::chrono::milliseconds(2000));
  co_return Ok{};
}

TEST_F(DockerSandboxTest, EndsWithTheProcessObject) {
  const Status status = testkit::run_on(loop_, start_and_drop(sandbox_, shell("trap '' TERM HUP; sleep 1000")));
  ASSERT_TRUE(status.ok()) << status.error().message;
  EXPECT_TRUE(all_gone(engine(), 20));
}

// The platform, killed: nobody is left to say anything to the engine.
TEST_F(DockerSandboxTest, EndsWithThePlatform) {
  const Settings settings = settings_for(engine());
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t platform = ::fork();
  if (platform == 0) {
    Loop loop;
    DockerSandbox sandbox(loop.executor(), settings);
    auto started = testkit::run_on(loop, sandbox.start(shell("trap '' TERM HUP; sleep 1000 & sleep 1000"), {}));
    (void)!::write(ready[1], started ? "y" : "n", 1);
    ::pause();
    ::_exit(0);
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  ASSERT_EQ(engine().containers().size(), 1U);
  ::kill(platform, SIGKILL);
  ::waitpid(platform, nullptr, 0);
  EXPECT_TRUE(all_gone(engine(), 20));
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_F(DockerSandboxTest, RemovesWhatAnEarlierPlatformLeft) {
  const auto create = [](const std::string& owner) {
    return engine().command("create --ulimit nofile=256:256 --ulimit nproc=1024:1024 --label " + std::string(kLabel) +
                            "=" + owner + " " + engine().system_image() + " /usr/bin/true");
  };
  const std::string gone = create("'boot/pid:[1]/1/1'");
  const std::string alive = create("'" + this_owner() + "'");
  const std::string foreign = engine().command("create --ulimit nofile=256:256 --ulimit nproc=1024:1024 " +
                                               engine().system_image() + " /usr/bin/true");
  ASSERT_EQ(engine().containers().size(), 3U) << gone << alive << foreign;
  DockerSandbox fresh(loop_.executor(), settings_for(engine()));
  EXPECT_TRUE(testkit::run_on(loop_, fresh.probe()).ok());
  std::vector<std::string> left;
  for (int i = 0; i < 100 && (left = engine().containers()).size() != 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ASSERT_EQ(left.size(), 2U);
  for (const std::string& id : left) {
    // Beside the id, some engines print warnings.
    EXPECT_TRUE(alive.find(id) != std::string::npos || foreign.find(id) != std::string::npos) << id << alive << foreign;
    EXPECT_TRUE(engine().command("rm -f " + id).ends_with('0'));
  }
}

TEST_F(DockerSandboxTest, RunsTheImageASkillNames) {
  const std::string made = engine().command(
      "import --quiet --change 'ENTRYPOINT [\"sh\",\"-c\",\"pwd; echo $FROM_IMAGE $OURS; cat\"]' --change "
      "ENV=PATH=/usr/bin --change ENV=FROM_IMAGE=there --change WORKDIR=/usr --change USER=0 " +
      fs::path(engine().socket()).parent_path().native() + "/system.tar localhost/named:1");
  ASSERT_TRUE(made.ends_with('0')) << made;
  SandboxSpec spec;
  spec.image = "localhost/named:1";
  spec.environment = {"OURS=here"};
  const auto own = run(spec, "input");
  ASSERT_TRUE(own.ok()) << own.error().message;
  EXPECT_EQ(own->output, "/usr\nthere here\ninput") << own->error_output;
  spec.argv = {"id", "-u"};
  const auto given = run(spec);
  ASSERT_TRUE(given.ok()) << given.error().message;
  EXPECT_NE(given->output, "0\n");
  EXPECT_NE(given->output, "");
}

TEST_F(DockerSandboxTest, RefusesAnImageThatIsMissingOrHasVolumes) {
  SandboxSpec spec;
  spec.image = "localhost/never-made:1";
  const auto missing = run(spec);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code, Code::failed_precondition);
  EXPECT_NE(missing.error().message.find("docker pull localhost/never-made:1"), std::string::npos);

  const std::string made =
      engine().command("import --quiet --change VOLUME=/data --change 'CMD [\"/usr/bin/true\"]' " +
                       fs::path(engine().socket()).parent_path().native() + "/system.tar localhost/volumes:1");
  ASSERT_TRUE(made.ends_with('0')) << made;
  spec.image = "localhost/volumes:1";
  const auto volumes = run(spec);
  ASSERT_FALSE(volumes.ok());
  EXPECT_NE(volumes.error().message.find("VOLUME"), std::string::npos) << volumes.error().message;

  Settings settings = settings_for(engine());
  settings.image = "localhost/librebird-sandbox:never";
  DockerSandbox without(loop_.executor(), settings);
  const Status probed = testkit::run_on(loop_, without.probe());
  ASSERT_FALSE(probed.ok());
  EXPECT_NE(probed.error().message.find("deploy/sandbox/make-image"), std::string::npos) << probed.error().message;
}

TEST_F(DockerSandboxTest, ReachesTheFenceAndNothingElse) {
  std::string folder = "/tmp/lb-fence-XXXXXX";
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  ::chmod(folder.c_str(), 0755);
  const int server = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (folder + "/fence.sock").copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(::bind(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  ASSERT_EQ(::listen(server, 4), 0);
  ::chmod(address.sun_path, 0666);

  SandboxSpec spec;
  spec.mounts = {{SANDBOX_PROBE, "/probe", false}};
  spec.egress_directory = folder;
  spec.argv = {"/probe", "connect", "3128"};
  const auto reached = run(spec);
  ASSERT_TRUE(reached.ok()) << reached.error().message;
  EXPECT_EQ(reached->output, "succeeded connect\n") << reached->error_output;
  spec.argv = {"/probe", "connect", "22"};
  const auto other = run(spec);
  ASSERT_TRUE(other.ok()) << other.error().message;
  EXPECT_EQ(other->output, "denied connect\n");
  spec.argv = {"/probe", "write", "/run/egress/new"};
  EXPECT_EQ(run(spec)->output, "denied write\n");
  ::close(server);
  fs::remove_all(folder);
  EXPECT_FALSE(run(spec).ok());  // the fence is gone: no call
}

TEST_F(DockerSandboxTest, AWishedForRuntimeIsGivenOrRefused) {
  Settings settings = settings_for(engine());
  settings.runtime = "no-such-runtime";
  DockerSandbox unknown(loop_.executor(), settings);
  const auto refused = testkit::run_on(loop_, converse(unknown, shell("true"), ""));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, Code::failed_precondition);
  EXPECT_NE(refused.error().message.find("no-such-runtime"), std::string::npos);

  // Podman 4.3 knows runsc here, and takes runc all the same.
  settings.runtime = "runsc";
  DockerSandbox wished(loop_.executor(), settings);
  const auto result = testkit::run_on(loop_, converse(wished, shell("cat /proc/version"), ""));
  if (result) {
    EXPECT_NE(result->output.find("Linux version 4.4.0"), std::string::npos) << result->output;
  } else {
    EXPECT_EQ(result.error().code, Code::failed_precondition) << result.error().message;
    EXPECT_NE(result.error().message.find("runsc"), std::string::npos) << result.error().message;
  }
  EXPECT_TRUE(all_gone(engine(), 20));
}

TEST_F(DockerSandboxTest, RunsInGvisor) {
  if (::access("/usr/bin/runsc", X_OK) != 0) GTEST_SKIP() << "runsc is not installed: gVisor is not tested";
  const EngineService gvisor("runsc");
  Settings settings = settings_for(gvisor);
  settings.runtime = "runsc";
  DockerSandbox sandbox(loop_.executor(), settings);
  const auto result = testkit::run_on(loop_, converse(sandbox, shell("cat; id -u; cat /proc/version"), "hello "));
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_TRUE(result->output.starts_with("hello ")) << result->output << result->error_output;
  // The kernel that gVisor says it is.
  EXPECT_NE(result->output.find("Linux version 4.4.0"), std::string::npos)
      << static_cast<int>(result->end) << " " << result->exit_code << " " << result->output << result->error_output;
  SandboxSpec stubborn = shell("trap '' TERM; sleep 1000");
  stubborn.limits.wall_time = Millis(300);
  const auto ended = testkit::run_on(loop_, converse(sandbox, stubborn, ""));
  ASSERT_TRUE(ended.ok()) << ended.error().message;
  EXPECT_EQ(ended->end, SandboxEnd::timed_out);
  EXPECT_TRUE(all_gone(gvisor, 20));
}

Task<void> one_of_many(Sandbox* sandbox, int number, int* good) {
  const std::string text = std::to_string(number);
  SandboxSpec spec = shell("read -r x; echo $x");
  auto result = co_await converse(*sandbox, std::move(spec), text + "\n");
  EXPECT_TRUE(result.ok()) << (result ? "" : result.error().message);
  if (result && result->output == text + "\n") ++*good;
}

Task<void> many(Executor executor, Sandbox* sandbox, int* good) {
  Scope scope(executor);
  for (int i = 0; i < 8; ++i) scope.spawn(one_of_many(sandbox, i, good), "one");
  co_await scope.join();
}

TEST_F(DockerSandboxTest, ServesSeveralAtOnce) {
  int good = 0;
  const auto all = [](Executor executor, Sandbox* sandbox, int* count) -> Task<int> {
    co_await many(executor, sandbox, count);
    co_return *count;
  };
  testkit::run_on(loop_, all(loop_.executor(), &sandbox_, &good));
  EXPECT_EQ(good, 8);
}

}  // namespace
}  // namespace librebird::docker
