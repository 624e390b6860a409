#include "command.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <initializer_list>
#include <system_error>

namespace librebird::bubblewrap {
namespace {

constexpr std::string_view kUser = "65534";  // nobody
constexpr std::string_view kRunnerInside = "/run/librebird-tool";

struct Words {
  std::vector<std::string>& command;
  void operator()(std::initializer_list<std::string_view> words) const {
    for (const std::string_view word : words) command.emplace_back(word);
  }
};

// Interpreters, their libraries, and an /etc of our own: nothing that says whose machine this is.
void offer_system(const Words& add) {
  add({"--ro-bind", "/usr", "/usr"});
  for (const char* folder : {"/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"}) {
    std::error_code error;
    const auto kind = std::filesystem::symlink_status(folder, error).type();
    if (kind == std::filesystem::file_type::symlink) {
      add({"--symlink", std::filesystem::read_symlink(folder, error).native(), folder});
    } else if (kind == std::filesystem::file_type::directory) {
      add({"--ro-bind", folder, folder});
    }
  }
  int fd = kFirstFileFd;
  for (const EtcFile& file : etc_files()) add({"--perms", "0444", "--file", fmt::to_string(fd++), file.path});
  // Certificates of public authorities, the loader's cache, and links that only name programs in /usr.
  for (const char* path : {"/etc/ssl/certs", "/etc/ld.so.cache", "/etc/alternatives"}) {
    add({"--ro-bind-try", path, path});
  }
  add({"--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/proc/self/fd/0", "/dev/stdin"});
  add({"--symlink", "/proc/self/fd/1", "/dev/stdout", "--symlink", "/proc/self/fd/2", "/dev/stderr"});
  // Named semaphores and shared memory: as bounded as the scratch they are.
  add({"--symlink", "/tmp", "/dev/shm"});
}

void run_below_forwarder(const Words& add, const SandboxSpec& spec, const Enclosure& enclosure) {
  add({kRunnerInside, "forward", "--confine"});
  if (spec.egress_directory.empty()) add({"--no-network"});
  if (spec.limits.scratch_bytes > 0) {
    add({"--writable", "/tmp", "--files", fmt::to_string(spec.limits.scratch_files)});
  }
  for (const SandboxMount& mount : spec.mounts) {
    if (mount.writable) add({"--writable", mount.path});
  }
  if (enclosure.count_processes) add({"--processes", fmt::to_string(spec.limits.processes)});
  if (enclosure.count_memory) add({"--memory", fmt::to_string(spec.limits.memory_bytes)});
  add({"--"});
}

}  // namespace

namespace {

// What /proc says of the kernel to the root that we may be outside; hidden, where this kernel has it.
const std::vector<std::string>& kernel_files() {
  static const std::vector<std::string> kThere = [] {
    std::vector<std::string> there;
    for (const char* path :
         {"/proc/kallsyms", "/proc/kcore", "/proc/keys", "/proc/kmsg", "/proc/kpagecgroup", "/proc/kpagecount",
          "/proc/kpageflags", "/proc/latency_stats", "/proc/pagetypeinfo", "/proc/sched_debug", "/proc/slabinfo",
          "/proc/sysrq-trigger", "/proc/timer_list", "/proc/timer_stats", "/proc/vmallocinfo"}) {
      if (access(path, F_OK) == 0) there.emplace_back(path);
    }
    return there;
  }();
  return kThere;
}

}  // namespace

bool is_single(const SandboxSpec& spec) { return spec.limits.processes <= 1; }

std::span<const EtcFile> etc_files() {
  static constexpr std::array<EtcFile, 6> kFiles = {{
      {"/etc/passwd", "nobody:x:65534:65534:nobody:/tmp:/usr/sbin/nologin\n"},
      {"/etc/group", "nogroup:x:65534:\n"},
      {"/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"},
      {"/etc/hostname", "sandbox\n"},
      {"/etc/resolv.conf", ""},
      {"/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\n"},
  }};
  return kFiles;
}

Result<std::vector<std::string>> make_command(const std::string& bwrap, const SandboxSpec& spec,
                                              const Enclosure& enclosure) {
  LB_CHECK(check(spec));
  if (!spec.image.empty()) {
    return make_error(Code::failed_precondition,
                      "This tool brings an image, which this sandbox cannot run; set hands.sandbox to one that can.");
  }
  std::vector<std::string> command;
  command.reserve(96);
  Words add{command};
  add({enclosure.runner, "tend", "--"});
  add({bwrap, "--unshare-user", "--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup",
       "--uid", kUser, "--gid", kUser, "--hostname", "sandbox", "--cap-drop", "ALL", "--die-with-parent",
       "--new-session"});
  add({"--json-status-fd", fmt::to_string(kStatusFd), "--seccomp", fmt::to_string(kFilterFd)});
  if (spec.limits.scratch_bytes > 0) {
    add({"--size", fmt::to_string(spec.limits.scratch_bytes), "--tmpfs", "/tmp"});
  }
  if (spec.system) offer_system(add);
  if (is_single(spec)) {
    add({"--as-pid-1"});
  } else {
    add({"--block-fd", fmt::to_string(kBlockFd), "--proc", "/proc"});
    for (const std::string& path : kernel_files()) add({"--ro-bind", "/dev/null", path});
    // Where we are root outside, /proc/sys could be written by the owner it has: the kernel's settings, not ours.
    add({"--remount-ro", "/proc"});
    for (const std::string_view device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/urandom", "/dev/random"}) {
      add({"--dev-bind", device, device});
    }
    if (!spec.system) add({"--ro-bind-try", "/usr/share/zoneinfo", "/usr/share/zoneinfo"});
    add({"--ro-bind", enclosure.runner, kRunnerInside});
  }
  for (const SandboxMount& mount : spec.mounts) {
    add({mount.writable ? "--bind" : "--ro-bind", mount.host_path, mount.path});
  }
  if (!spec.egress_directory.empty()) add({"--ro-bind", spec.egress_directory, "/run/egress"});
  // The root itself is a tmpfs without a size: nothing may be written to it.
  add({"--remount-ro", "/", "--chdir", spec.work_directory, "--"});
  if (!is_single(spec)) run_below_forwarder(add, spec, enclosure);
  command.insert(command.end(), spec.argv.begin(), spec.argv.end());
  return command;
}

}  // namespace librebird::bubblewrap
