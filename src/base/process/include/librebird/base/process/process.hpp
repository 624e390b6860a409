#pragma once

// A child process on the loop: spawned without a copy of our memory, talked to through pipes, awaited through a pidfd.
//
//   SpawnOptions options{.argv = {"/usr/bin/true"}};
//   LB_CO_TRY(child, Process::spawn(executor, std::move(options)));
//   const ExitStatus end = co_await child->wait();
//
// Thread rule: loop only. Ownership: the caller owns the Process; if it dies before wait() ended, the whole process
// group is killed and reaped. Only descriptors named in SpawnOptions reach the child, and nothing of the environment.
// Errors of spawn: not_found (no such program), permission_denied, resource_exhausted (processes, descriptors),
// internal. Linux (clone, pidfd): see README.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

// An owned file descriptor; -1 is none.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }
  void reset();
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

struct PipeEnds {
  Fd read;
  Fd write;
};
// Both ends close-on-exec.
Result<PipeEnds> make_pipe();

enum class ProcessLimit { address_space, data_size, cpu_seconds, file_size, open_files, core_size, processes };

struct SpawnOptions {
  struct Limit {
    ProcessLimit what;
    std::uint64_t value;
  };
  struct Inherit {
    int source;  // ours; stays ours
    int target;  // the child's number
  };
  std::vector<std::string> argv;         // argv[0]: absolute path of the program
  std::vector<std::string> environment;  // NAME=value; the whole of it
  std::string working_directory;         // empty: ours
  std::vector<Inherit> fds;              // 0, 1 and 2 are /dev/null unless named here
  std::vector<Limit> limits;             // set before exec; soft and hard alike
  bool new_session = true;               // leader of its own session and process group
  bool die_with_parent = true;           // killed when our spawning thread ends
};

struct ExitStatus {
  bool signalled = false;
  int value = 0;  // exit code, or the signal's number
  std::chrono::microseconds cpu{0};  // its own and that of its children it waited for
};

class Process {
 public:
  static Result<std::unique_ptr<Process>> spawn(Executor executor, SpawnOptions options);
  virtual ~Process() = default;

  // Waits for the end and reaps. Once.
  virtual Task<ExitStatus> wait() = 0;
  // False once it has ended (it is then reaped).
  virtual bool running() = 0;
  // To the process group, or to the process if it has none of its own. Does nothing once it was reaped.
  virtual void kill(int signal) = 0;
  [[nodiscard]] virtual int pid() const = 0;
};

// Feeds `data` into a pipe's write end and closes it. A reader that goes away is no error.
Task<void> write_pipe(Executor executor, Fd pipe, std::string data);
// Hands what comes out of a pipe to `sink` until its end, or until `sink` answers false.
Task<void> read_pipe(Executor executor, Fd pipe, std::function<bool(std::string_view)> sink);

// A process we did not spawn, held by a descriptor so that its number cannot be confused with another's.
Result<Fd> open_process(int pid);
void kill_process(const Fd& process, int signal);
// Until it has ended, with all of its threads.
Task<void> wait_process(Executor executor, const Fd& process);

}  // namespace librebird
