#include "control_group.hpp"

#include <fmt/format.h>

#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <tuple>

namespace librebird::bubblewrap {
namespace {

bool write_file(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.flush();
  return static_cast<bool>(file);
}

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool exists(const std::string& path) { return access(path.c_str(), F_OK) == 0; }

// A process number means something in its own process namespace only; a container beside us may share our groups.
const std::string& prefix() {
  static const std::string kOurs = [] {
    struct stat space{};
    ::stat("/proc/self/ns/pid", &space);
    return fmt::format("librebird-{}-", space.st_ino);
  }();
  return kOurs;
}

// A group can be made here and holds the file that sets the limit.
bool delegates(const std::string& folder, const std::string& file) {
  const std::string trial = fmt::format("{}/{}trial-{}", folder, prefix(), getpid());
  if (mkdir(trial.c_str(), 0755) != 0) return false;
  const bool good = access((trial + "/" + file).c_str(), W_OK) == 0;
  rmdir(trial.c_str());
  return good;
}

// Groups of processes that are no more: a killed server could not remove its own.
void sweep(const std::string& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().native();
    if (!name.starts_with(prefix())) continue;
    const int owner = std::atoi(name.c_str() + prefix().size());
    if (owner > 0 && kill(owner, 0) != 0 && errno == ESRCH) rmdir(entry.path().c_str());
  }
}

// v2: our own folder if we are alone at its top, or the one above it (systemd's DelegateSubgroup=).
std::string unified_folder(const std::string& path) {
  std::vector<std::string> candidates = {"/sys/fs/cgroup" + path};
  if (const std::size_t slash = path.rfind('/'); slash != std::string::npos && slash > 0)
    candidates.push_back("/sys/fs/cgroup" + path.substr(0, slash));
  for (const std::string& folder : candidates) {
    if (!exists(folder + "/cgroup.controllers")) continue;
    for (const char* controller : {"+pids", "+memory", "+cpu"})
      write_file(folder + "/cgroup.subtree_control", controller);
    if (delegates(folder, "pids.max") && delegates(folder, "memory.max")) return folder;
  }
  return {};
}

}  // namespace

ControlGroups ControlGroups::find() {
  ControlGroups groups;
  std::istringstream lines(read_file("/proc/self/cgroup"));
  for (std::string line; std::getline(lines, line);) {  // "hierarchy:controllers:path"
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    if (path == "/") path.clear();
    if (controllers == ",,") {
      if (const std::string folder = unified_folder(path); !folder.empty()) {
        groups = {folder, folder, delegates(folder, "cpu.max") ? folder : std::string(), true};
        break;
      }
    }
    for (const auto& [name, file, target] :
         {std::tuple{"pids", "pids.max", &groups.pids}, std::tuple{"memory", "memory.limit_in_bytes", &groups.memory},
          std::tuple{"cpu", "cpu.cfs_quota_us", &groups.cpu}}) {
      if (controllers.find(fmt::format(",{},", name)) == std::string::npos) continue;
      // Inside a container the path may name what only the host sees; the mount's root is then our group. Where two
      // controllers share a mount, either name leads there.
      for (const std::string& folder :
           {fmt::format("/sys/fs/cgroup/{}{}", name, path), fmt::format("/sys/fs/cgroup/{}", name)}) {
        if (target->empty() && delegates(folder, file)) *target = folder;
      }
    }
  }
  for (const std::string* folder : {&groups.pids, &groups.memory, &groups.cpu}) {
    if (!folder->empty()) sweep(*folder);
  }
  return groups;
}

bool ControlGroup::make(const std::string& parent, const std::string& name) {
  std::string folder = parent + "/" + name;
  if (std::ranges::find(folders_, folder) != folders_.end()) return true;  // v2: one folder for all
  if (mkdir(folder.c_str(), 0755) != 0) return false;
  folders_.push_back(std::move(folder));
  return true;
}

ControlGroup ControlGroup::create(const ControlGroups& groups, const SandboxLimits& limits) {
  static std::atomic<std::uint64_t> counter{0};
  const std::string name = fmt::format("{}{}-{}", prefix(), getpid(), ++counter);
  ControlGroup group;
  if (!groups.pids.empty() && group.make(groups.pids, name)) {
    group.limits_processes_ =
        write_file(fmt::format("{}/{}/pids.max", groups.pids, name), fmt::to_string(limits.processes + kOwnProcesses));
  }
  if (!groups.memory.empty() && group.make(groups.memory, name)) {
    const std::string folder = groups.memory + "/" + name;
    const std::string limit = fmt::to_string(limits.memory_bytes);
    group.limits_memory_ = write_file(folder + (groups.unified ? "/memory.max" : "/memory.limit_in_bytes"), limit);
    // Absent where the machine does not account swap.
    write_file(folder + (groups.unified ? "/memory.swap.max" : "/memory.memsw.limit_in_bytes"),
               groups.unified ? "0" : limit);
    group.events_ = folder + (groups.unified ? "/memory.events" : "/memory.oom_control");
    group.usage_ = folder + (groups.unified ? "/memory.current" : "/memory.usage_in_bytes");
  }
  if (!groups.cpu.empty() && group.make(groups.cpu, name)) {
    const std::string folder = groups.cpu + "/" + name;
    if (groups.unified) {
      write_file(folder + "/cpu.max", "100000 100000");  // one processor
    } else {
      write_file(folder + "/cpu.cfs_quota_us", "100000");
    }
    // A quarter: interpreters that start ahead of calls must not slow down the calls there are.
    group.share_ = folder + (groups.unified ? "/cpu.weight" : "/cpu.shares");
    write_file(group.share_, groups.unified ? "25" : "256");
  }
  return group;
}

bool ControlGroup::join(int pid) {
  bool joined = true;
  for (const std::string& folder : folders_) {
    joined = write_file(folder + "/cgroup.procs", fmt::to_string(pid)) && joined;
  }
  return joined;
}

void ControlGroup::serve() const {
  if (!share_.empty()) write_file(share_, share_.ends_with(".weight") ? "100" : "1024");
}

bool ControlGroup::ran_out_of_memory() const {
  if (events_.empty()) return false;
  const std::string text = read_file(events_);
  const std::size_t at = text.find("oom_kill ");
  return at != std::string::npos && text.compare(at + 9, 1, "0") != 0;
}

std::int64_t ControlGroup::memory_bytes() const {
  if (usage_.empty()) return 0;
  std::int64_t bytes = 0;
  std::ifstream(usage_) >> bytes;
  return bytes;
}

ControlGroup::~ControlGroup() {
  // Fails only while a process is left, which waiting for it rules out.
  for (const std::string& folder : folders_) rmdir(folder.c_str());
}

}  // namespace librebird::bubblewrap
