// The host's files, other users' work, other skills, our database and keys.
#include "attack.hpp"

#include <fcntl.h>
#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

namespace escape {
namespace {

namespace fs = std::filesystem;

Finding try_reading(const std::string& path) {
  if (path.empty()) return held("nothing to try");
  const std::string text = read_start(path);
  return text.empty() ? held(reason()) : breach("read " + path + ": " + text.substr(0, 40));
}

Finding read_database(const Facts& facts) { return try_reading(fact(facts, "database")); }
Finding read_master_key(const Facts& facts) { return try_reading(fact(facts, "master_key")); }
Finding read_other_work(const Facts& facts) { return try_reading(fact(facts, "other_work")); }
Finding read_other_skill(const Facts& facts) { return try_reading(fact(facts, "other_skill")); }
Finding read_host_file(const Facts& facts) { return try_reading(fact(facts, "host_file")); }
Finding read_shadow(const Facts&) { return try_reading("/etc/shadow"); }

Finding read_accounts(const Facts& facts) {
  // Our own two lines may be there; the host's accounts may not.
  const std::string text = read_start("/etc/passwd");
  const std::string victim = fact(facts, "host_account");
  if (!victim.empty() && text.find(victim) != std::string::npos) return breach("the host's accounts: " + victim);
  return held();
}

Finding climb_to_host(const Facts& facts) {
  std::string up;
  for (int i = 0; i < 40; ++i) up += "../";
  const std::string victim = fact(facts, "host_file");
  if (victim.empty()) return held("nothing to try");
  return try_reading(up + victim.substr(1));
}

Finding host_folders(const Facts&) {
  for (const char* folder : {"/home", "/root", "/srv", "/mnt", "/media", "/boot", "/var/log", "/opt"}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) return breach("saw " + entry.path().string());
  }
  return held();
}

Finding write_system(const Facts&) {
  for (const char* path : {"/evil", "/usr/evil", "/usr/bin/evil", "/etc/evil", "/lib/evil", "/skill/evil", "/app/evil",
                           "/kit/evil", "/env/evil", "/run/evil", "/run/egress/evil", "/proc/evil", "/sys/evil"}) {
    if (can_write(path)) return breach(std::string("wrote ") + path);
  }
  return held();
}

Finding change_own_skill(const Facts&) {
  for (const char* folder : {"/skill", "/app", "/kit", "/sdk"}) {
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
      if (!entry.is_regular_file(error) || entry.path().string().find("/data/") != std::string::npos) continue;
      const int fd = ::open(entry.path().c_str(), O_WRONLY);
      if (fd >= 0) return breach("can change " + entry.path().string());
      if (::chmod(entry.path().c_str(), 0777) == 0) return breach("can chmod " + entry.path().string());
      if (::unlink(entry.path().c_str()) == 0) return breach("can remove " + entry.path().string());
    }
  }
  return held();
}

Finding link_to_host(const Facts& facts) {
  // A link that a later, trusted reader on the host might follow is the harness's business; here: does it lead out?
  const std::string victim = fact(facts, "host_file");
  for (const std::string& folder : {std::string("/work"), std::string("/tmp")}) {
    const std::string link = folder + "/innocent.txt";
    ::unlink(link.c_str());
    if (::symlink(victim.c_str(), link.c_str()) != 0) continue;
    if (!read_start(link).empty()) return breach("read through " + link);
  }
  return held();
}

Finding hard_link(const Facts& facts) {
  for (const std::string& victim : {fact(facts, "host_file"), fact(facts, "database"), std::string("/etc/passwd")}) {
    if (::link(victim.c_str(), "/work/hard") == 0 || ::link(victim.c_str(), "/tmp/hard") == 0) {
      ::unlink("/work/hard");
      ::unlink("/tmp/hard");
      // A link inside our own mount gives nothing; one that is the host's file does.
      if (victim != "/etc/passwd") return breach("linked " + victim);
    }
  }
  return held();
}

Finding proc_root(const Facts& facts) {
  const std::string victim = fact(facts, "host_file");
  for (const char* root :
       {"/proc/1/root", "/proc/self/root", "/proc/1/cwd", "/proc/self/cwd/../../../..", "/proc/thread-self/root"}) {
    if (!read_start(root + victim).empty()) return breach(std::string("out through ") + root);
  }
  return held();
}

Finding file_handles(const Facts&) {
  std::array<char, sizeof(file_handle) + MAX_HANDLE_SZ> memory{};
  auto* handle = reinterpret_cast<file_handle*>(memory.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, "/", handle, &mount, 0) != 0) return held(reason());
  const int root = ::open("/", O_RDONLY | O_DIRECTORY);
  // Inode 2 is the root of most file systems.
  const int fd = ::open_by_handle_at(root, handle, O_RDONLY);
  return fd >= 0 ? breach("opened by handle") : held(reason());
}

Finding device_nodes(const Facts&) {
  struct Device {
    const char* name;
    unsigned major, minor;
  };
  for (const Device& device : {Device{"/tmp/mem", 1, 1}, Device{"/tmp/kmsg", 1, 11}, Device{"/tmp/sda", 8, 0},
                               Device{"/tmp/vda", 254, 0}, Device{"/tmp/fuse", 10, 229}}) {
    if (::mknod(device.name, S_IFBLK | 0600, makedev(device.major, device.minor)) == 0 ||
        ::mknod(device.name, S_IFCHR | 0600, makedev(device.major, device.minor)) == 0) {
      const int fd = ::open(device.name, O_RDONLY);
      if (fd >= 0) return breach(std::string("opened a device as ") + device.name);
    }
  }
  return held();
}

Finding host_devices(const Facts&) {
  for (const char* device :
       {"/dev/mem",           "/dev/kmem",          "/dev/port",      "/dev/kmsg",    "/dev/sda",
        "/dev/vda",           "/dev/nvme0n1",       "/dev/fuse",      "/dev/kvm",     "/dev/net/tun",
        "/dev/loop0",         "/dev/loop-control",  "/dev/tty0",      "/dev/console", "/dev/uinput",
        "/dev/input/event0",  "/dev/snd/seq",       "/dev/dri/card0", "/dev/rtc0",    "/dev/vhost-net",
        "/dev/btrfs-control", "/dev/mapper/control"}) {
    const int fd = ::open(device, O_RDONLY | O_NONBLOCK);
    if (fd >= 0) return breach(std::string("opened ") + device);
  }
  return held();
}

Finding work_of_others(const Facts&) {
  // The parent of our folder must not show the folders beside it.
  for (const char* path : {"/work/..", "/app/data/..", "/app/data/../.."}) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(path, error)) {
      const std::string name = entry.path().filename();
      if (name.size() == 36 && name[8] == '-') return breach("saw the folder " + name);
    }
  }
  return held();
}

Finding long_paths(const Facts&) {
  // A tree deeper than PATH_MAX, made with relative steps: cleaning up after us must survive it.
  std::string name(200, 'd');
  if (::chdir("/tmp") != 0) return held(reason());
  for (int depth = 0; depth < 60; ++depth) {
    if (::mkdir(name.c_str(), 0700) != 0 || ::chdir(name.c_str()) != 0) break;
  }
  return ::chdir("/") == 0 ? held("made it; the next caller must not notice") : held();
}

Finding odd_names(const Facts&) {
  for (const char* name : {"/work/-rf", "/work/\n", "/work/$(touch x)", "/work/;reboot", "/work/\xff\xfe"}) {
    const int fd = ::open(name, O_CREAT | O_WRONLY, 0600);
    if (fd >= 0) ::close(fd);
  }
  return held("made them; readers must not notice");
}

Finding set_user_id(const Facts&) {
  std::error_code error;
  for (const char* root : {"/usr/bin", "/usr/sbin", "/usr/lib", "/bin", "/sbin"}) {
    for (const auto& entry : fs::directory_iterator(root, error)) {
      struct stat info{};
      if (::lstat(entry.path().c_str(), &info) != 0 || !S_ISREG(info.st_mode) || (info.st_mode & S_ISUID) == 0)
        continue;
      // There may be one to see; it must not make anybody of us.
      const pid_t child = ::fork();
      if (child == 0) {
        ::execl(entry.path().c_str(), entry.path().c_str(), "--version", nullptr);
        ::_exit(1);
      }
    }
  }
  if (::setuid(0) == 0 || ::seteuid(0) == 0 || ::setgid(0) == 0) return breach("became root");
  return ::geteuid() == 0 ? breach("runs as root") : held();
}

constexpr Attack kAttacks[] = {
    {"read_database", "Read the platform's database", read_database},
    {"read_master_key", "Read the master key", read_master_key},
    {"read_other_work", "Read another workspace's work folder", read_other_work},
    {"read_other_skill", "Read another skill's folder", read_other_skill},
    {"read_host_file", "Read a file of the host", read_host_file},
    {"read_shadow", "Read /etc/shadow", read_shadow},
    {"read_accounts", "Learn the host's accounts", read_accounts},
    {"climb_to_host", "Climb out with ../", climb_to_host},
    {"host_folders", "List the host's folders", host_folders},
    {"write_system", "Write to the system's folders", write_system},
    {"change_own_skill", "Change the skill's own code for the next caller", change_own_skill},
    {"link_to_host", "Follow a symbolic link to a host file", link_to_host},
    {"hard_link", "Hard-link a host file", hard_link},
    {"proc_root", "Leave through /proc/*/root and cwd", proc_root},
    {"file_handles", "Open files by handle", file_handles},
    {"device_nodes", "Make device nodes", device_nodes},
    {"host_devices", "Open the host's devices", host_devices},
    {"work_of_others", "See the folders beside one's own", work_of_others},
    {"long_paths", "Leave a tree deeper than PATH_MAX", long_paths},
    {"odd_names", "Leave files with hostile names", odd_names},
    {"set_user_id", "Gain root through set-user-id programs", set_user_id},
};

}  // namespace

std::span<const Attack> file_attacks() { return kAttacks; }

}  // namespace escape
