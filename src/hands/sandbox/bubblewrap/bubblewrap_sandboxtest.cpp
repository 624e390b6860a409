// What is this plug-in's own: the system it offers, the way to the fence, and limits without control groups.
#include "bubblewrap_sandbox.hpp"
#include "seccomp_filter.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

namespace librebird::bubblewrap {
namespace {

// What the names of control groups made in this process namespace begin with.
std::string our_groups() {
  struct stat space{};
  ::stat("/proc/self/ns/pid", &space);
  return "librebird-" + std::to_string(space.st_ino) + "-";
}

using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

Task<Result<SandboxRun>> run_to_end(Sandbox& sandbox, SandboxSpec spec, std::string input) {
  LB_CO_TRY(process, co_await sandbox.start(std::move(spec), {}));
  if (!input.empty()) LB_CO_CHECK(process->write(std::move(input)));
  process->close_input();
  co_return co_await process->wait({}, {});
}

class Bubblewrap : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr)
      GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set: containment is not tested";
    std::signal(SIGPIPE, SIG_IGN);
    std::string pattern = (fs::temp_directory_path() / "bubblewrap-XXXXXX").native();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override {
    if (!folder_.empty()) fs::remove_all(folder_);
  }
  std::unique_ptr<Sandbox> sandbox(ControlGroups groups) {
    return std::make_unique<BubblewrapSandbox>(
        loop_.executor(), "/usr/bin/bwrap", LIBREBIRD_TOOL_DIRECTORY "/librebird-tool",
        Filters{compile_seccomp_filter(Processes::single).value(), compile_seccomp_filter(Processes::many).value(),
                compile_seccomp_filter(Processes::networked).value()},
        std::move(groups));
  }
  static SandboxSpec python(std::string program) {
    SandboxSpec spec;
    spec.argv = {"/usr/bin/python3", "-I", "-c", std::move(program)};
    spec.environment = {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"};
    spec.system = true;
    return spec;
  }
  Result<SandboxRun> run(SandboxSpec spec, ControlGroups groups = ControlGroups::find(), std::string input = {}) {
    const auto made = sandbox(std::move(groups));
    return testkit::run_on(loop_, run_to_end(*made, std::move(spec), std::move(input)));
  }
  std::string output(SandboxSpec spec) {
    const auto run = this->run(std::move(spec));
    return run ? run->output + run->error_output : run.error().message;
  }

  Loop loop_;
  fs::path folder_;
};

TEST_F(Bubblewrap, OffersTheSystemAndNothingElseOfTheHost) {
  EXPECT_EQ(output(python("import os; print(sorted(set(os.listdir('/')) - {'lib32', 'lib64', 'libx32'}))")),
            "['bin', 'dev', 'etc', 'lib', 'proc', 'run', 'sbin', 'tmp', 'usr']\n");
  EXPECT_EQ(output(python("import os; print(sorted(set(os.listdir('/etc')) - {'alternatives', 'ld.so.cache'}))")),
            "['group', 'hostname', 'hosts', 'nsswitch.conf', 'passwd', 'resolv.conf', 'ssl']\n");
  EXPECT_EQ(output(python("import os, pwd; print(os.listdir('/etc/ssl'), pwd.getpwuid(os.getuid()).pw_name, "
                          "open('/etc/resolv.conf').read() == '', os.uname().nodename)")),
            "['certs'] nobody True sandbox\n");
  for (const char* attempt :
       {"open('/etc/passwd', 'w')", "open('/usr/x', 'w')", "open('/x', 'w')", "os.chmod('/etc/hosts', 0o777)",
        "open('/proc/self/oom_score_adj', 'w').write('5')", "os.setuid(0)", "socket.socket(socket.AF_INET)",
        "os.memfd_create('x')", "os.mknod('/tmp/d', 0o20600, 0x103)", "open('/run/librebird-tool', 'a')"}) {
    EXPECT_THAT(output(python(std::string("import os, socket\n") + attempt)), HasSubstr("Error")) << attempt;
  }
  // What programs rightly use works.
  EXPECT_EQ(output(python("import os, subprocess, tempfile, threading, multiprocessing\n"
                          "open('/tmp/a', 'w').write('x'); os.symlink('/tmp/a', '/tmp/b');\n"
                          "t = threading.Thread(target=lambda: None); t.start(); t.join()\n"
                          "multiprocessing.Lock()\n"
                          "print(subprocess.check_output(['sh', '-c', 'echo $((6*7)) > /dev/null; cat /dev/stdin'], "
                          "input=b'fine'))")),
            "b'fine'\n");
}

TEST_F(Bubblewrap, PassesCodesAndSignalsThroughTheForwarder) {
  const auto exit = run(python("raise SystemExit(7)"));
  EXPECT_EQ(exit->end, SandboxEnd::exited);
  EXPECT_EQ(exit->exit_code, 7);
  const auto crash = run(python("import os; os.kill(os.getpid(), 11)"));
  EXPECT_EQ(crash->end, SandboxEnd::signalled);
  EXPECT_EQ(crash->exit_code, SIGSEGV);
  EXPECT_GT(crash->cpu.count(), 0);
  SandboxSpec missing = python("");
  missing.argv = {"/usr/bin/no-such-program"};
  EXPECT_EQ(run(std::move(missing))->exit_code, 126);
}

// A fence that answers what it was told, in capitals, once it was told all.
class Shouting {
 public:
  explicit Shouting(const fs::path& path) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(::listen(socket_, 64), 0);
    thread_ = std::thread([this] { serve(); });
  }
  ~Shouting() {
    ::shutdown(socket_, SHUT_RDWR);
    thread_.join();
    ::close(socket_);
  }

 private:
  void serve() const {
    for (;;) {
      const int client = ::accept(socket_, nullptr, nullptr);
      if (client < 0) return;
      std::string text;
      std::array<char, 65536> buffer;
      for (ssize_t got = 0; (got = ::read(client, buffer.data(), buffer.size())) > 0;)
        text.append(buffer.data(), static_cast<std::size_t>(got));
      for (char& c : text) c = static_cast<char>(std::toupper(c));
      for (std::size_t at = 0; at < text.size();) {
        const ssize_t sent = ::send(client, text.data() + at, text.size() - at, MSG_NOSIGNAL);
        if (sent <= 0) break;
        at += static_cast<std::size_t>(sent);
      }
      ::close(client);
    }
  }
  int socket_;
  std::thread thread_;
};

constexpr const char* kAsk = R"(
import socket
def ask(text, port=3128):
    s = socket.create_connection(('127.0.0.1', port)); s.sendall(text); s.shutdown(socket.SHUT_WR)
    answer = b''
    while piece := s.recv(65536): answer += piece
    s.close()
    return answer
)";

TEST_F(Bubblewrap, JoinsConnectionsToTheFence) {
  const Shouting fence(folder_ / "fence.sock");
  SandboxSpec spec = python(std::string(kAsk) + R"(
assert ask(b'hello') == b'HELLO'
assert ask(b'') == b''
big = b'x' * 5_000_000
assert ask(big) == big.upper()
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(20) as pool:
    assert list(pool.map(ask, [b'a%d' % i for i in range(300)])) == [b'A%d' % i for i in range(300)]
for family, kind in ((socket.AF_INET, socket.SOCK_RAW), (socket.AF_NETLINK, socket.SOCK_RAW), (38, 5), (40, 1)):
    try: socket.socket(family, kind); print('a socket of', family, kind)
    except OSError: pass
try: socket.create_connection(('192.0.2.1', 80), 1); print('out')
except OSError: print('done')
)");
  spec.egress_directory = folder_.native();
  EXPECT_EQ(output(std::move(spec)), "done\n");
}

TEST_F(Bubblewrap, EndsTheForwarderWithItsProgramAndNotBefore) {
  const Shouting fence(folder_ / "fence.sock");
  SandboxSpec spec = python(std::string(kAsk) + R"(
import os, signal, time
try: os.kill(os.getppid(), signal.SIGKILL); print('the forwarder can be killed')
except PermissionError: pass
if os.fork() == 0:
    os.setsid()
    for fd in range(3): os.close(fd)
    time.sleep(1000)
print(ask(b'still there').decode())
)");
  spec.egress_directory = folder_.native();
  spec.limits.wall_time = Millis(10'000);
  const auto run = this->run(std::move(spec));
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->end, SandboxEnd::exited);
  EXPECT_THAT(run->output, HasSubstr("STILL THERE\n"));
  EXPECT_LT(run->duration.count(), 9000);
}

TEST_F(Bubblewrap, HoldsAForkBombWithoutControlGroups) {
  SandboxSpec spec = python(R"(
import os, time
made = 0
try:
    while made < 400:
        if os.fork() == 0: time.sleep(1000)
        made += 1
except OSError: pass
print('made', made, flush=True)
time.sleep(1)
print('survived' if made >= 400 else 'refused')
)");
  spec.limits.processes = 16;
  spec.limits.wall_time = Millis(20'000);
  const auto run = this->run(std::move(spec), ControlGroups{});
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output.find("survived"), std::string::npos);
  if (getuid() == 0) {
    EXPECT_EQ(run->end, SandboxEnd::signalled);
    EXPECT_THAT(run->error_output, HasSubstr("too many processes"));
  }
  // And one that does nothing else, on every processor.
  SandboxSpec wild = python("import os\nwhile True:\n  try: os.fork()\n  except OSError: pass");
  wild.limits.processes = 16;
  wild.limits.wall_time = Millis(3000);
  const auto ended = this->run(std::move(wild), ControlGroups{});
  ASSERT_TRUE(ended.ok()) << ended.error().message;
  EXPECT_NE(ended->end, SandboxEnd::exited);
}

TEST_F(Bubblewrap, HoldsMemoryOfManyProcessesWithoutControlGroups) {
  SandboxSpec spec = python(R"(
import os, time
for i in range(6):
    if os.fork() == 0:
        hoard = bytearray(100 << 20); time.sleep(1000)
time.sleep(5)
print('survived')
)");
  spec.limits.memory_bytes = 256 << 20;
  const auto run = this->run(std::move(spec), ControlGroups{});
  ASSERT_TRUE(run.ok()) << run.error().message;
  EXPECT_EQ(run->output, "");
  EXPECT_THAT(run->error_output, HasSubstr("too much memory"));
}

TEST_F(Bubblewrap, TalksToItsProgramAsItGoes) {
  SandboxSpec spec = python("import sys\nfor line in sys.stdin: print(len(line), flush=True)");
  // More than a pipe holds, read slowly.
  const std::string line(3'000'000, 'x');
  const auto run = this->run(std::move(spec), ControlGroups::find(), line + "\nab\n");
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->output, "3000001\n3\n");
}

TEST_F(Bubblewrap, RefusesWhatItCannotContain) {
  SandboxSpec image = python("");
  image.image = "debian";
  EXPECT_EQ(run(std::move(image)).error().code, Code::failed_precondition);
  BubblewrapSandbox without(loop_.executor(), "/usr/bin/bwrap", "", {}, {});
  EXPECT_EQ(testkit::run_on(loop_, run_to_end(without, python(""), "")).error().code, Code::failed_precondition);
  BubblewrapSandbox nothing(loop_.executor(), "", "", {}, {});
  EXPECT_THAT(testkit::run_on(loop_, run_to_end(nothing, python(""), "")).error().message,
              StartsWith("bubblewrap is not installed"));
}

Task<Result<bool>> start_and_drop(Sandbox& sandbox, SandboxSpec spec) {
  LB_CO_TRY(process, co_await sandbox.start(std::move(spec), {}));
  co_return process->running();
}

TEST_F(Bubblewrap, LeavesNothingBehindWhenDropped) {
  const auto made = sandbox(ControlGroups::find());
  for (int i = 0; i < 10; ++i) {
    EXPECT_TRUE(testkit::run_on(loop_, start_and_drop(*made, python("import time; time.sleep(1000)"))).value());
  }
  std::string children;
  std::getline(std::ifstream("/proc/self/task/" + std::to_string(getpid()) + "/children"), children);
  EXPECT_EQ(children, "");
  const ControlGroups groups = ControlGroups::find();
  for (const std::string& folder : {groups.pids, groups.memory, groups.cpu}) {
    if (folder.empty()) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      EXPECT_FALSE(entry.path().filename().native().starts_with(our_groups() + std::to_string(getpid()) + "-"));
    }
  }
}

std::string read_up(const fs::path& path) {
  std::string text(8192, '\0');
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const ssize_t got = fd >= 0 ? ::read(fd, text.data(), text.size()) : 0;
  if (fd >= 0) ::close(fd);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

// Living processes with this in their command line or their environment.
std::vector<std::string> alive_with(const std::string& marker) {
  std::vector<std::string> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().native();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const std::string text = read_up(entry.path() / "cmdline") + read_up(entry.path() / "environ");
    if (text.find(marker) != std::string::npos) found.push_back(name + " " + text.substr(0, 200));
  }
  return found;
}

Task<Result<bool>> start_many(Sandbox& sandbox, std::vector<SandboxSpec> specs, int count) {
  std::vector<std::unique_ptr<SandboxProcess>> processes;
  for (int i = 0; i < count; ++i) {
    LB_CO_TRY(process, co_await sandbox.start(specs[static_cast<std::size_t>(i) % specs.size()], {}));
    processes.push_back(std::move(process));
  }
  (void)!::write(1, "ready", 5);
  co_await sleep_for(std::chrono::hours(1));
  co_return true;
}

// Runs in a process of its own, to be killed at any moment: hands with many tools running.
[[noreturn]] void be_hands(const fs::path& folder, const std::string& marker) {
  Loop loop;
  BubblewrapSandbox sandbox(
      loop.executor(), "/usr/bin/bwrap", LIBREBIRD_TOOL_DIRECTORY "/librebird-tool",
      Filters{compile_seccomp_filter(Processes::single).value(), compile_seccomp_filter(Processes::many).value(),
              compile_seccomp_filter(Processes::networked).value()},
      ControlGroups::find());
  SandboxSpec native;
  native.argv = {"/librebird-tool"};
  native.environment = {"MARKER=" + marker};
  native.mounts = {{LIBREBIRD_TOOL_DIRECTORY "/librebird-tool", "/" + marker, false},
                   {LIBREBIRD_TOOL_DIRECTORY "/librebird-tool", "/librebird-tool", false}};
  native.limits.processes = 1;
  SandboxSpec shell;
  shell.argv = {"/bin/sh", "-c", "setsid sleep 1000 & sleep 1000; : " + marker};
  shell.environment = native.environment;
  shell.system = true;
  SandboxSpec network = shell;
  network.egress_directory = folder.native();
  (void)testkit::run_on(loop, start_many(sandbox, {native, native, shell, network}, 100));
  _exit(0);
}

TEST_F(Bubblewrap, NothingOutlivesAKilledServer) {
  const Shouting fence(folder_ / "fence.sock");
  for (int round = 0; round < 8; ++round) {
    const std::string marker = "librebird-marker-" + std::to_string(getpid()) + "-" + std::to_string(round);
    std::array<int, 2> pipe{};
    ASSERT_EQ(::pipe(pipe.data()), 0);
    const pid_t hands = fork();
    ASSERT_GE(hands, 0);
    if (hands == 0) {
      ::dup2(pipe[1], 1);
      be_hands(folder_, marker);
    }
    ::close(pipe[1]);
    // Once with all of them running, then at moments when some are just being set up.
    std::array<char, 5> ready{};
    if (round == 0) {
      EXPECT_EQ(::read(pipe[0], ready.data(), ready.size()), 5);
    } else {
      ::usleep(static_cast<useconds_t>(round * 37'000));
    }
    EXPECT_FALSE(alive_with(marker).empty());
    ::kill(hands, SIGKILL);
    ::waitpid(hands, nullptr, 0);
    ::close(pipe[0]);
    std::vector<std::string> left = alive_with(marker);
    for (int i = 0; i < 100 && !left.empty(); ++i, left = alive_with(marker)) ::usleep(20'000);
    EXPECT_THAT(left, testing::IsEmpty()) << "2 seconds after the kill";
  }
  // Its control groups go when the next server starts.
  const ControlGroups groups = ControlGroups::find();
  for (const std::string& folder : {groups.pids, groups.memory, groups.cpu}) {
    if (folder.empty()) continue;
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().native();
      if (!name.starts_with(our_groups())) continue;
      EXPECT_EQ(::kill(std::atoi(name.c_str() + our_groups().size()), 0), 0) << name << " is nobody's";
    }
  }
}

}  // namespace
}  // namespace librebird::bubblewrap
