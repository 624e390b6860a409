// Every case of every skill, run by the real librebird-tool inside the real sandbox.
#include "cases.hpp"

#include <librebird/core/ports/sandbox.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

namespace librebird::skills {
namespace {

Task<Result<SandboxRun>> run_line(Sandbox& sandbox, SandboxSpec spec, std::string line) {
  LB_CO_TRY(process, co_await sandbox.start(std::move(spec), {}));
  LB_CO_CHECK(process->write(std::move(line)));
  co_return co_await process->wait({}, {});
}

Result<SandboxRun> run_case(Loop& loop, Sandbox& sandbox, const Case& c, const std::string& directory) {
  SandboxSpec spec;
  spec.argv = {"/librebird-tool"};
  spec.mounts = {{LIBREBIRD_TOOL_DIRECTORY "/librebird-tool", "/librebird-tool", false},
                 {directory, "/work", false},
                 {"/proc/meminfo", "/proc/meminfo", false}};
  spec.limits.processes = 1;
  return testkit::run_on(loop, run_line(sandbox, std::move(spec), request_of(c, "/work") + "\n"));
}

// What a line of the protocol says came of the call, as `answer` says it.
boost::json::value outcome(const boost::json::value& line) {
  const boost::json::object& message = line.as_object();
  EXPECT_EQ(message.at("id"), "c1");
  if (message.at("type") == "result") return message.at("value");
  return boost::json::object{{"error", message.at("message")}};
}

TEST(SkillsInSandbox, AnswerEveryCase) {
  if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr) GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set";
  std::signal(SIGPIPE, SIG_IGN);
  Loop loop;
  const SystemClock clock;
  for (const SandboxPlugin& plugin : sandbox_plugins()) {
    // Native tools run wherever tools run by default; a container engine is tested in its own folder.
    if (plugin.manifest.name != sandbox_plugins().front().manifest.name) continue;
    const auto config =
        Config::load(plugin.manifest.config, "", [](std::string_view) { return std::optional<std::string>(); });
    auto sandbox = plugin.create({*config, loop.executor(), clock, LIBREBIRD_TOOL_DIRECTORY});
    ASSERT_TRUE(sandbox.ok());
    const std::string directory =
        std::filesystem::temp_directory_path() / ("skills-sandboxtest-" + std::to_string(getpid()));
    for (const Case& c : all_cases()) {
      std::filesystem::create_directories(directory);
      write_files(c, directory);
      const auto run = run_case(loop, **sandbox, c, directory);
      std::filesystem::remove_all(directory);
      ASSERT_TRUE(run.ok()) << c.name << ": " << run.error().message;
      boost::system::error_code error;
      const boost::json::value actual = boost::json::parse(run->output, error);
      ASSERT_FALSE(error) << c.name << " answered " << run->output << run->error_output;
      EXPECT_EQ(difference(c.content.at("expect"), outcome(actual)), "") << c.name;
    }
  }
}

}  // namespace
}  // namespace librebird::skills
