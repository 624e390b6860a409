#pragma once

// Port: a place where one untrusted program runs, contained. One plug-in folder each: src/hands/sandbox/<name>.
// The conformance suite (src/hands/sandbox/testkit) attacks every implementation the same way.
// Thread rule: loop only. Fails closed: if any part of the containment cannot be set up, nothing runs.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/ports/plugin.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

struct SandboxLimits {
  Millis wall_time{30'000};
  int cpu_seconds = 30;
  std::int64_t memory_bytes = 512LL << 20;
  int processes = 64;
  std::int64_t output_bytes = 1LL << 20;   // standard output and error together
  std::int64_t scratch_bytes = 64LL << 20; // private /tmp
  std::int64_t file_bytes = 64LL << 20;    // largest file it may write
};

struct SandboxMount {
  std::string host_path;
  std::string path;  // inside
  bool writable = false;
};

struct SandboxSpec {
  std::vector<std::string> argv;            // argv[0] is a path inside the sandbox
  std::vector<std::string> environment;     // NAME=value; nothing else is inherited
  std::string input;                        // its standard input
  std::vector<SandboxMount> mounts;         // beside the read-only minimum
  std::string work_directory = "/";         // inside
  std::string egress_socket;                // host path of a Unix socket to offer at /run/egress.sock; empty: none
  SandboxLimits limits;
};

enum class SandboxEnd { exited, signalled, timed_out, out_of_memory, output_limit, cancelled };

struct SandboxRun {
  SandboxEnd end = SandboxEnd::exited;
  int exit_code = 0;   // or the signal's number
  std::string output;  // standard output
  std::string error_output;
  Millis duration{0};
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;
  // Runs the program to its end. On stop, time or limits the whole process tree is killed before this returns.
  // Errors: failed_precondition (no containment on this machine: says what is missing and the fix), internal.
  virtual Task<Result<SandboxRun>> run(SandboxSpec spec, std::function<void(std::string_view)> on_error_output,
                                       std::stop_token stop) = 0;
  // Tries the containment for real, once; what `librebird doctor` and readiness ask.
  virtual Task<Status> probe() = 0;
};

struct SandboxContext {
  const Config& config;
  Executor executor;
  const Clock& clock;
};

struct SandboxPlugin {
  PluginManifest manifest;
  std::function<Result<std::unique_ptr<Sandbox>>(const SandboxContext&)> create;
};

// The generated registry of src/hands/sandbox.
std::vector<SandboxPlugin> sandbox_plugins();

}  // namespace librebird
