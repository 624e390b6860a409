#include "control_group.hpp"

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <sstream>
#include <string_view>

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

// A group can be made here and holds the file that sets the limit.
bool delegates(const std::string& folder, const std::string& file) {
  const std::string trial = fmt::format("{}/librebird-trial-{}", folder, getpid());
  if (mkdir(trial.c_str(), 0755) != 0) return false;
  const bool good = access((trial + "/" + file).c_str(), W_OK) == 0;
  rmdir(trial.c_str());
  return good;
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
      const std::string folder = "/sys/fs/cgroup" + path;
      if (exists(folder + "/cgroup.controllers") && delegates(folder, "pids.max")) {
        groups.pids = folder;
        groups.memory = folder;
        groups.unified = true;
        return groups;
      }
    }
    for (const auto& [name, file, target] : {std::tuple{"pids", "pids.max", &groups.pids},
                                             std::tuple{"memory", "memory.limit_in_bytes", &groups.memory}}) {
      if (controllers.find(fmt::format(",{},", name)) == std::string::npos) continue;
      // Inside a container the path may name what only the host sees; the mount's root is then our group.
      for (const std::string& folder :
           {fmt::format("/sys/fs/cgroup/{}{}", name, path), fmt::format("/sys/fs/cgroup/{}", name)}) {
        if (target->empty() && delegates(folder, file)) *target = folder;
      }
    }
  }
  return groups;
}

ControlGroup ControlGroup::create(const ControlGroups& groups, const SandboxLimits& limits) {
  static std::atomic<std::uint64_t> counter{0};
  const std::string name = fmt::format("librebird-{}-{}", getpid(), ++counter);
  ControlGroup group;
  if (!groups.pids.empty()) {
    const std::string folder = groups.pids + "/" + name;
    if (mkdir(folder.c_str(), 0755) == 0) {
      group.folders_.push_back(folder);
      group.limits_processes_ = write_file(folder + "/pids.max", fmt::to_string(limits.processes));
    }
  }
  if (!groups.memory.empty()) {
    const std::string folder = groups.memory + "/" + name;
    const bool made = groups.unified || mkdir(folder.c_str(), 0755) == 0;
    if (made && !groups.unified) group.folders_.push_back(folder);
    if (made) {
      const std::string limit = fmt::to_string(limits.memory_bytes);
      if (groups.unified) {
        write_file(folder + "/memory.max", limit);
        write_file(folder + "/memory.swap.max", "0");
        group.events_ = folder + "/memory.events";
        group.usage_ = folder + "/memory.current";
      } else {
        write_file(folder + "/memory.limit_in_bytes", limit);
        group.events_ = folder + "/memory.oom_control";
        group.usage_ = folder + "/memory.usage_in_bytes";
      }
    }
  }
  return group;
}

void ControlGroup::join(int pid) {
  for (const std::string& folder : folders_) {
    const bool joined = write_file(folder + "/cgroup.procs", fmt::to_string(pid));
    if (!joined && folder == folders_.front()) limits_processes_ = false;
  }
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
