#pragma once

// For this folder's tests: a skill's folders, the real plan, the real sandbox, and a talk with the program inside.

#include <librebird/core/ports/sandbox.hpp>
#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/protocol/tool_protocol.hpp>
#include <librebird/hands/testkit/run_on.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace librebird::plugins {

RuntimePlugin runtime_python();

namespace python_test {

using hands::protocol::CallMessage;
using hands::protocol::LineDecoder;
using hands::protocol::ProgramMessage;
using Type = ProgramMessage::Type;

// A table entry of a legacy package and what follows it.
inline constexpr const char* kTables = R"(
def _define(*names):
    return [{"type": "function", "function": {"name": name, "description": name,
             "parameters": {"type": "object", "properties": {}}}} for name in names]
)";

// Builds in the same sandbox, without any network.
class Build final : public SkillBuild {
 public:
  explicit Build(Sandbox& sandbox) : sandbox_(sandbox) {}
  Task<Result<SandboxRun>> run(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) override {
    asked_hosts = std::move(hosts);
    spec.environment.insert(spec.environment.end(), {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"});
    LB_CO_TRY(process, co_await sandbox_.start(std::move(spec), stop));
    process->close_input();
    co_return co_await process->wait({}, stop);
  }
  std::vector<std::string> asked_hosts;

 private:
  Sandbox& sandbox_;
};

class PythonTest : public testing::Test {
 protected:
  void SetUp() override {
    if (std::getenv("LIBREBIRD_NO_SANDBOX_TESTS") != nullptr) {
      GTEST_SKIP() << "LIBREBIRD_NO_SANDBOX_TESTS is set: containment is not tested";
    }
    std::string name = (std::filesystem::temp_directory_path() / "python-test-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    const RuntimePlugin python = runtime_python();
    const SandboxPlugin contained = sandbox_plugins().front();
    std::vector<ConfigKey> keys = python.manifest.config;
    keys.insert(keys.end(), contained.manifest.config.begin(), contained.manifest.config.end());
    config_.emplace(Config::load(keys, "", [](std::string_view) { return std::optional<std::string>(); }).value());
    runtime_ = python.create({*config_, LIBREBIRD_TOOL_DIRECTORY}).value();
    sandbox_ = contained.create({*config_, loop_.executor(), clock_, LIBREBIRD_TOOL_DIRECTORY}).value();
    skill_.name = "demo";
    skill_.runtime = "python";
    skill_.directory = directory_ / "skill";
    skill_.env_directory = directory_ / "env";
    for (const char* folder : {"skill", "env", "data"}) std::filesystem::create_directories(directory_ / folder);
  }
  void TearDown() override {
    sandbox_.reset();
    if (!directory_.empty()) std::filesystem::remove_all(directory_);
  }

  void write(const std::string& path, const std::string& text) {
    std::filesystem::create_directories((directory_ / "skill" / path).parent_path());
    std::ofstream(directory_ / "skill" / path) << text;
  }

  Status prepare() {
    Build build(*sandbox_);
    return testkit::run_on(loop_, runtime_->prepare(skill_, skill_.directory, build, {}));
  }

  // The plan with what the broker adds.
  SandboxSpec plan() {
    SandboxSpec spec = runtime_->plan(skill_, ToolSpec{}).value();
    spec.mounts.push_back({directory_ / "data", spec.user_folder, true});
    spec.environment.insert(spec.environment.end(), {"PATH=/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8", "TZ=UTC"});
    return spec;
  }

  static std::string call_line(std::string tool, std::string arguments = "{}", std::string settings = "{}",
                               std::string id = "c1") {
    CallMessage call{.id = std::move(id), .tool = std::move(tool), .arguments_json = std::move(arguments)};
    call.settings_json = std::move(settings);
    return encode_call(call);
  }

  using Listener = std::function<void(SandboxProcess&, const ProgramMessage&)>;
  struct Talk {
    std::vector<ProgramMessage> said;
    SandboxRun run;
    [[nodiscard]] std::string last() const {
      for (auto message = said.rbegin(); message != said.rend(); ++message) {
        if (message->type == Type::result) return message->value_json;
        if (message->type == Type::error) return "error: " + message->text;
        if (message->type == Type::tools) return message->value_json;
      }
      return fmt::format("nothing; end {} code {} log {}", static_cast<int>(run.end), run.exit_code, run.error_output);
    }
  };

  Talk talk(SandboxSpec spec, std::string input, Listener listener = nullptr) {
    return testkit::run_on(loop_, hold(std::move(spec), std::move(input), std::move(listener)));
  }
  std::string answer(std::string tool, std::string arguments = "{}", std::string settings = "{}") {
    return talk(plan(), call_line(std::move(tool), std::move(arguments), std::move(settings))).last();
  }

  // Without a listener the input ends after what is written.
  Task<Talk> hold(SandboxSpec spec, std::string input, Listener listener) {
    auto process = (co_await sandbox_->start(std::move(spec), {})).value();
    if (!input.empty()) EXPECT_TRUE(process->write(std::move(input)).ok());
    if (!listener) process->close_input();
    Talk talk;
    LineDecoder decoder(4 << 20);
    SandboxIo io;
    io.on_output = [&](std::string_view bytes) {
      const Status fed = decoder.feed(bytes, [&](ProgramMessage message) {
        talk.said.push_back(message);
        if (listener) listener(*process, message);
        return true;
      });
      EXPECT_TRUE(fed.ok()) << bytes;
    };
    auto run = co_await process->wait(io, {});
    EXPECT_TRUE(run.ok());
    if (run.ok()) talk.run = std::move(run).value();
    co_return talk;
  }

  Loop loop_;
  SystemClock clock_;
  std::filesystem::path directory_;
  std::optional<Config> config_;
  std::unique_ptr<ToolRuntime> runtime_;
  std::unique_ptr<Sandbox> sandbox_;
  SkillManifest skill_;
};

}  // namespace python_test
}  // namespace librebird::plugins
