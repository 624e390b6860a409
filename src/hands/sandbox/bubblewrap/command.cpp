#include "command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <initializer_list>

namespace librebird::bubblewrap {
namespace {

constexpr std::string_view kUser = "65534";  // nobody

bool is_plain_path(const std::string& path) {
  if (path.size() < 2 || path[0] != '/' || path.find('\0') != std::string::npos) return false;
  // No "..": a mount must be where it says.
  return path.find("/../") == std::string::npos && !path.ends_with("/..");
}

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

Status check(const SandboxSpec& spec) {
  if (spec.argv.empty() || !is_plain_path(spec.argv[0])) {
    return make_error(Code::invalid_argument, "A sandboxed program must be named by its absolute path inside.");
  }
  if (std::ranges::any_of(spec.argv, has_nul) || std::ranges::any_of(spec.environment, has_nul)) {
    return make_error(Code::invalid_argument, "Arguments and environment must not hold NUL bytes.");
  }
  // Bubblewrap passes its environment on; what would change bubblewrap itself is refused.
  for (const std::string& variable : spec.environment) {
    if (variable.find('=') == std::string::npos || variable.starts_with('=') || variable.starts_with("LD_")) {
      return make_error(Code::invalid_argument,
                        "An environment entry must be NAME=value, and not of the loader (LD_*).");
    }
  }
  for (const SandboxMount& mount : spec.mounts) {
    if (!is_plain_path(mount.host_path) || !is_plain_path(mount.path)) {
      return make_error(Code::invalid_argument, fmt::format("The mount {} is not an absolute path.", mount.path));
    }
  }
  if (!spec.egress_directory.empty() && !is_plain_path(spec.egress_directory)) {
    return make_error(Code::invalid_argument, "The egress folder must be an absolute path.");
  }
  if (!spec.work_directory.starts_with('/') || has_nul(spec.work_directory)) {
    return make_error(Code::invalid_argument, "The work directory must be an absolute path.");
  }
  return Ok{};
}

}  // namespace

bool is_single(const SandboxSpec& spec) { return spec.limits.processes <= 1; }

Result<std::vector<std::string>> make_command(const std::string& bwrap, const SandboxSpec& spec) {
  LB_CHECK(check(spec));
  std::vector<std::string> command;
  command.reserve(64);
  const auto add = [&command](std::initializer_list<std::string_view> words) {
    for (const std::string_view word : words) command.emplace_back(word);
  };
  add({bwrap, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup",
       "--uid", kUser, "--gid", kUser, "--hostname", "sandbox", "--cap-drop", "ALL", "--die-with-parent",
       "--new-session"});
  command.insert(command.end(),
                 {"--json-status-fd", fmt::to_string(kStatusFd), "--seccomp", fmt::to_string(kFilterFd)});
  if (spec.limits.scratch_bytes > 0) {
    add({"--size", fmt::to_string(spec.limits.scratch_bytes), "--tmpfs", "/tmp"});
  }
  if (is_single(spec)) {
    add({"--as-pid-1"});
  } else {
    add({"--block-fd", fmt::to_string(kBlockFd), "--proc", "/proc"});
    // Where we are root outside, /proc/sys could be written by the owner it has: the kernel's settings, not ours.
    add({"--remount-ro", "/proc"});
    for (const std::string_view device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random"}) {
      add({"--dev-bind", device, device});
    }
    add({"--ro-bind-try", "/usr/share/zoneinfo", "/usr/share/zoneinfo"});
  }
  for (const SandboxMount& mount : spec.mounts) {
    add({mount.writable ? "--bind" : "--ro-bind", mount.host_path, mount.path});
  }
  if (!spec.egress_directory.empty()) add({"--ro-bind", spec.egress_directory, "/run/egress"});
  // The root itself is a tmpfs without a size: nothing may be written to it.
  add({"--remount-ro", "/", "--chdir", spec.work_directory, "--"});
  command.insert(command.end(), spec.argv.begin(), spec.argv.end());
  return command;
}

}  // namespace librebird::bubblewrap
