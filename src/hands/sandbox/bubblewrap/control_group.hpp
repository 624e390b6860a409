#pragma once

// Memory, process and processor limits over a whole sandbox, where the machine delegates control groups to us (v1 or
// v2). Joining one takes the kernel milliseconds, so only sandboxes with many processes do; a single process is held as
// well by its resource limits and its system-call filter.

#include <librebird/base/result.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <string>
#include <vector>

namespace librebird::bubblewrap {

// Of ours in a sandbox with many processes: bubblewrap's reaper and the forwarder.
inline constexpr int kOwnProcesses = 2;

// The folders in which we may make groups; found once.
struct ControlGroups {
  std::string pids;  // empty: not delegated
  std::string memory;  // may be the same folder (v2)
  std::string cpu;
  bool unified = false;

  // Also removes what a killed server of before left behind.
  static ControlGroups find();
};

// One sandbox's groups; removed with it, when all its processes are gone.
class ControlGroup {
 public:
  ControlGroup() = default;
  ControlGroup(ControlGroup&& other) noexcept { swap(other); }
  ControlGroup& operator=(ControlGroup&& other) noexcept {
    swap(other);
    return *this;
  }
  ~ControlGroup();

  static ControlGroup create(const ControlGroups& groups, const SandboxLimits& limits);
  // False if one of the limits it stands for would not hold. What is in it gives way to others until `serve`.
  bool join(int pid);
  // It works for somebody now: its share of the processors is that of any other.
  void serve() const;
  [[nodiscard]] bool limits_processes() const { return limits_processes_; }
  [[nodiscard]] bool limits_memory() const { return limits_memory_; }
  [[nodiscard]] bool ran_out_of_memory() const;
  // What its processes use; 0 if unknown.
  [[nodiscard]] std::int64_t memory_bytes() const;

 private:
  void swap(ControlGroup& other) noexcept {
    folders_.swap(other.folders_);
    std::swap(limits_processes_, other.limits_processes_);
    std::swap(limits_memory_, other.limits_memory_);
    share_.swap(other.share_);
    events_.swap(other.events_);
    usage_.swap(other.usage_);
  }
  bool make(const std::string& parent, const std::string& name);
  std::vector<std::string> folders_;
  bool limits_processes_ = false;
  bool limits_memory_ = false;
  std::string share_;  // the file that says how much of the processors it gets beside others
  std::string events_;  // the file that counts kills for want of memory
  std::string usage_;
};

}  // namespace librebird::bubblewrap
