#pragma once

// The real sandbox and a real runtime plug-in, for tests. One thread; each call runs the loop until it is done.

#include <librebird/base/async/task.hpp>
#include <librebird/base/config.hpp>
#include <librebird/core/ports/sandbox.hpp>
#include <librebird/core/ports/tool_runtime.hpp>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::testkit {

// What the program said about one call.
struct Spoken {
  SandboxRun run;
  std::vector<std::string> lines;  // of the tool protocol
  std::string log;                 // standard error
  // The last line of the type "result" or "error"; empty if there is none.
  [[nodiscard]] std::string last() const;
};

class RuntimeWorld {
 public:
  // `runtime`: a plug-in's name. Settings that differ from the defaults.
  explicit RuntimeWorld(const std::string& runtime, std::map<std::string, std::string> settings = {});
  ~RuntimeWorld();
  RuntimeWorld(const RuntimeWorld&) = delete;
  RuntimeWorld& operator=(const RuntimeWorld&) = delete;

  // Empty, or why sandboxes cannot be had here.
  [[nodiscard]] std::string unusable();
  // A skill's folder with these files (path → text), and an empty env_directory.
  SkillManifest skill(const std::map<std::string, std::string>& files);
  Status prepare(const SkillManifest& skill);
  Spoken describe(const SkillManifest& skill);
  Spoken call(const SkillManifest& skill, std::string_view tool, std::string_view arguments_json = "{}",
              std::string_view settings_json = "{}");
  // As the broker would start it, with these lines as input.
  Spoken speak(const SkillManifest& skill, std::string input);

  // The fence stands at /run/egress from now on; programs get the environment that goes with it.
  void open_network();
  [[nodiscard]] ToolRuntime& runtime() { return *runtime_; }
  // What serves a program while it runs; for a fence of the test's own.
  [[nodiscard]] Loop& loop() { return loop_; }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  // Hosts that the builds asked for, in order.
  std::vector<std::string> hosts;
  // Changes each program's specification before it starts.
  std::function<void(SandboxSpec&)> change;

 private:
  class Build;
  void offer_network(SandboxSpec& spec) const;
  Task<Result<SandboxRun>> run(SandboxSpec spec, std::string input, SandboxIo io);

  Loop loop_;
  Config config_;
  std::filesystem::path folder_;
  std::unique_ptr<Sandbox> sandbox_;
  std::unique_ptr<ToolRuntime> runtime_;
  int fence_ = -1;  // its process
  int skills_ = 0;
};

}  // namespace librebird::testkit
