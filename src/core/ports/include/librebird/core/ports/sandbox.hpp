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
  // For programs that reserve more than they use (V8, Go): address space of each process (0: the sandbox's own), and
  // private writable memory of each process (0: unlimited). What is really used stays bounded by memory_bytes where the
  // machine has control groups.
  std::int64_t address_space_bytes = 0;
  std::int64_t data_bytes = 0;
  int processes = 64;
  std::int64_t output_bytes = 1LL << 20;  // standard output and error together
  std::int64_t scratch_bytes = 64LL << 20;  // private /tmp
  std::int64_t scratch_files = 65'536;  // files and folders in it: an empty one takes kernel memory, too
  std::int64_t file_bytes = 64LL << 20;  // largest file it may write
};

struct SandboxMount {
  std::string host_path;
  std::string path;  // inside
  bool writable = false;
};

struct SandboxSpec {
  std::vector<std::string> argv;  // argv[0] is a path inside the sandbox
  std::vector<std::string> environment;  // NAME=value; nothing else is inherited
  std::vector<SandboxMount> mounts;  // beside the read-only minimum
  std::string work_directory = "/";  // inside
  std::string user_folder;  // inside: where the broker mounts the user's own folder of this skill
  // Host folder with fence.sock and ca.pem, offered read-only at /run/egress; empty: no network. A program with more
  // than one process then runs below the forwarder (`librebird-tool forward -- argv...`), which listens on
  // 127.0.0.1:3128 inside and joins each connection to /run/egress/fence.sock; a single process speaks to that socket.
  std::string egress_directory;
  // The read-only minimum of the system that interpreters need: /usr, /bin, /lib*, and an /etc of our own (passwd with
  // nobody, hosts, an empty resolv.conf, certificates, the loader's cache).
  bool system = false;
  std::string image;  // for sandboxes made of images; empty: the platform's own
  SandboxLimits limits;
};

// What holds of every spec, whoever runs it. invalid_argument says what is wrong.
[[nodiscard]] Status check(const SandboxSpec& spec);

enum class SandboxEnd { exited, signalled, timed_out, out_of_memory, output_limit, cancelled };

struct SandboxRun {
  SandboxEnd end = SandboxEnd::exited;
  int exit_code = 0;  // or the signal's number
  std::string output;  // standard output; empty if SandboxIo::on_output took it
  std::string error_output;  // at least its end
  Millis duration{0};  // of wait()
  Millis cpu{0};  // user and system time of the whole tree
};

// What a program writes, as it writes it, up to the output limit. Where the containment hands us the program's own
// pipes, what was on standard error before a piece of standard output is given before it.
struct SandboxIo {
  std::function<void(std::string_view)> on_output;
  std::function<void(std::string_view)> on_error_output;
};

// One contained program, started, waiting on its input. Destroying it kills the whole tree, at once or very soon;
// never while wait() runs.
class SandboxProcess {
 public:
  virtual ~SandboxProcess() = default;
  // Queues for its standard input. Errors: unavailable (it ended, or its input is closed), resource_exhausted (too much
  // waits already).
  virtual Status write(std::string text) = 0;
  // After what is queued.
  virtual void close_input() = 0;
  // Reads until it ends; once. The wall clock starts here. On stop, time or limits the whole process tree is killed
  // before this returns. Errors: failed_precondition (no containment after all: says what is missing and the fix),
  // internal.
  virtual Task<Result<SandboxRun>> wait(SandboxIo io, std::stop_token stop) = 0;
  [[nodiscard]] virtual bool running() const = 0;
  // Comes back when it has written something (an interpreter: that it is ready), has ended, or `limit` is over; at once
  // where that cannot be told. Before wait(); the task may outlive the process.
  virtual Task<void> first_words(Millis /*limit*/, std::stop_token /*stop*/) { co_return; }
  // Resident memory of the tree, roughly; 0 where it cannot be told.
  [[nodiscard]] virtual std::int64_t memory_bytes() const { return 0; }
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;
  // Errors: failed_precondition (no containment on this machine: says what is missing and the fix), invalid_argument,
  // cancelled, resource_exhausted, internal. Processes must be gone before the sandbox dies.
  virtual Task<Result<std::unique_ptr<SandboxProcess>>> start(SandboxSpec spec, std::stop_token stop) = 0;
  // Tries the containment for real, once; what `librebird doctor` and readiness ask.
  virtual Task<Status> probe() = 0;
  // What works and could be better on this machine, each with what to do; for the doctor.
  virtual std::vector<std::string> remarks() { return {}; }
};

struct SandboxContext {
  const Config& config;
  Executor executor;
  const Clock& clock;
  std::string tool_directory = {};  // where librebird-tool is (beside the `librebird` executable)
};

struct SandboxPlugin {
  PluginManifest manifest;
  std::function<Result<std::unique_ptr<Sandbox>>(const SandboxContext&)> create;
};

// The generated registry of src/hands/sandbox.
std::vector<SandboxPlugin> sandbox_plugins();

}  // namespace librebird
