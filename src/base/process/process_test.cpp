#include <librebird/base/process/process.hpp>

#include <librebird/base/async/sync.hpp>

#include <boost/asio/co_spawn.hpp>

#include <gtest/gtest.h>

#include <dirent.h>
#include <sys/wait.h>
#include <csignal>

namespace librebird {
namespace {

struct Outcome {
  std::optional<Error> error;
  ExitStatus status;
  std::string output;
};

Task<void> run_child(Executor executor, SpawnOptions options, std::string input, Outcome& outcome, int kill_with) {
  auto in = make_pipe();
  auto out = make_pipe();
  options.fds.push_back({in->read.get(), 0});
  options.fds.push_back({out->write.get(), 1});
  auto child = Process::spawn(executor, std::move(options));
  in->read.reset();
  out->write.reset();
  if (!child) {
    outcome.error = child.error();
    co_return;
  }
  co_await write_pipe(executor, std::move(in->write), std::move(input));
  if (kill_with != 0) (*child)->kill(kill_with);
  std::function<bool(std::string_view)> sink = [&outcome](std::string_view text) {
    outcome.output += text;
    return true;
  };
  co_await read_pipe(executor, std::move(out->read), sink);
  outcome.status = co_await (*child)->wait();
}

Outcome run(SpawnOptions options, std::string input = {}, int kill_with = 0) {
  std::signal(SIGPIPE, SIG_IGN);
  Loop loop;
  Outcome outcome;
  boost::asio::co_spawn(loop.executor(),
                        run_child(loop.executor(), std::move(options), std::move(input), outcome, kill_with),
                        [&loop](std::exception_ptr) { loop.stop(); });
  loop.run();
  return outcome;
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* directory = opendir("/proc/self/fd");
  while (readdir(directory) != nullptr) ++count;
  closedir(directory);
  return count;
}

TEST(Process, PassesInputAndOutput) {
  const Outcome outcome = run({.argv = {"/bin/cat"}}, "hello");
  EXPECT_EQ(outcome.output, "hello");
  EXPECT_EQ(outcome.status.value, 0);
}

TEST(Process, MovesMoreThanAPipeHolds) {
  const std::string text(1 << 20, 'x');
  // cat answers while we still write: the writer must not block the loop, so feed it from a file-sized echo of wc.
  const Outcome outcome = run({.argv = {"/usr/bin/wc", "-c"}}, text);
  EXPECT_EQ(std::stol(outcome.output), 1 << 20);
}

TEST(Process, ReportsExitCodesAndSignals) {
  EXPECT_EQ(run({.argv = {"/bin/sh", "-c", "exit 7"}}).status.value, 7);
  const Outcome killed = run({.argv = {"/bin/sh", "-c", "kill -SEGV $$"}});
  EXPECT_TRUE(killed.status.signalled);
  EXPECT_EQ(killed.status.value, SIGSEGV);
}

TEST(Process, KillsTheWholeGroup) {
  // The grandchild holds the pipe: reading ends only if it dies too.
  const Outcome outcome = run({.argv = {"/bin/sh", "-c", "sleep 1000 & sleep 1000"}}, {}, SIGKILL);
  EXPECT_TRUE(outcome.status.signalled);
}

TEST(Process, PassesNoEnvironmentAndNoDescriptors) {
  ::setenv("LIBREBIRD_SECRET", "s3cret", 1);
  const int leaked = ::dup(1);  // without close-on-exec, as a careless library would
  const Outcome environment = run({.argv = {"/usr/bin/env"}, .environment = {"A=b"}});
  EXPECT_EQ(environment.output, "A=b\n");
  const Outcome descriptors = run({.argv = {"/bin/sh", "-c", "test -e /proc/self/fd/" + std::to_string(leaked)}});
  EXPECT_EQ(descriptors.status.value, 1);
  ::close(leaked);
}

TEST(Process, StartsWithDefaultSignalsAndOwnSession) {
  const Outcome outcome =
      run({.argv = {"/bin/sh", "-c", "set -- $(cat /proc/self/stat); echo $6; grep SigIgn /proc/self/status"}});
  EXPECT_NE(outcome.output.find("SigIgn:\t0000000000000000"), std::string::npos) << outcome.output;
}

TEST(Process, SaysWhyAProgramCannotStart) {
  EXPECT_EQ(run({.argv = {"/no/such/program"}}).error->code, Code::not_found);
  EXPECT_EQ(run({.argv = {"/etc/passwd"}}).error->code, Code::permission_denied);
  EXPECT_EQ(run({.argv = {"sh"}}).error->code, Code::invalid_argument);
  EXPECT_EQ(run({.argv = {}}).error->code, Code::invalid_argument);
}

TEST(Process, SetsLimitsBeforeExec) {
  SpawnOptions options{.argv = {"/bin/sh", "-c", "ulimit -n; ulimit -c"}};
  options.limits = {{ProcessLimit::open_files, 33}, {ProcessLimit::core_size, 0}};
  EXPECT_EQ(run(std::move(options)).output, "33\n0\n");
}

TEST(Process, LeaksNothingOverManyRuns) {
  run({.argv = {"/bin/true"}});
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    run({.argv = {"/bin/true"}});
    run({.argv = {"/no/such/program"}});
  }
  EXPECT_EQ(open_descriptors(), before);
  int status = 0;
  EXPECT_EQ(::waitpid(-1, &status, WNOHANG), -1);  // no child is left, not even a zombie
}

TEST(Process, DyingUnawaitedKillsAndReaps) {
  Loop loop;
  {
    auto child = Process::spawn(loop.executor(), {.argv = {"/bin/sleep", "1000"}});
    ASSERT_TRUE(child.ok());
  }
  int status = 0;
  EXPECT_EQ(::waitpid(-1, &status, WNOHANG), -1);
}

}  // namespace
}  // namespace librebird
