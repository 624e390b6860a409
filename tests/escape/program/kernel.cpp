// The kernel's doors: namespaces, mounts, keys, tracing, programmable subsystems, /proc and /sys.
#include "attack.hpp"

#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <sys/wait.h>
#include <unistd.h>
#include <ctime>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace escape {
namespace {

Finding mount_something(const Facts&) {
  ::mkdir("/tmp/m", 0700);
  if (::mount("tmpfs", "/tmp/m", "tmpfs", 0, nullptr) == 0) return breach("mounted a tmpfs");
  if (::mount("proc", "/tmp/m", "proc", 0, nullptr) == 0) return breach("mounted proc");
  if (::mount("/", "/tmp/m", nullptr, MS_BIND, nullptr) == 0) return breach("bound /");
  if (::mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0) return breach("remounted /");
  if (::umount2("/proc", MNT_DETACH) == 0 || ::umount2("/tmp", MNT_DETACH) == 0) return breach("unmounted");
  return held(reason());
}

Finding new_mount_calls(const Facts&) {
  if (::syscall(SYS_open_tree, AT_FDCWD, "/", 1) >= 0) return breach("open_tree");
  if (::syscall(SYS_fsopen, "tmpfs", 0) >= 0) return breach("fsopen");
  if (::syscall(SYS_move_mount, -1, "/", -1, "/tmp", 0) >= 0) return breach("move_mount");
  return held(reason());
}

Finding pivot(const Facts&) {
  ::mkdir("/tmp/p", 0700);
  if (::syscall(SYS_pivot_root, "/tmp", "/tmp/p") == 0) return breach("pivot_root");
  if (::chroot("/tmp") == 0) return breach("chroot");
  return held(reason());
}

Finding namespaces(const Facts&) {
  for (const int flag :
       {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWIPC, CLONE_NEWUTS, CLONE_NEWCGROUP}) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(::unshare(flag) == 0 ? 0 : 1);
    int status = 1 << 8;
    if (child > 0 && ::waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
      return breach("unshare " + std::to_string(flag));
    }
  }
  const long child = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (child == 0) ::_exit(0);
  return child > 0 ? breach("clone with a new user namespace") : held(reason());
}

Finding join_namespaces(const Facts&) {
  for (const char* path : {"/proc/1/ns/mnt", "/proc/1/ns/user", "/proc/1/ns/net", "/proc/1/ns/pid"}) {
    const int fd = ::open(path, O_RDONLY);
    if (fd >= 0 && ::setns(fd, 0) == 0) return breach(std::string("joined ") + path);
  }
  return held();
}

Finding keyrings(const Facts&) {
  if (::syscall(SYS_add_key, "user", "escape", "x", 1, KEY_SPEC_SESSION_KEYRING) >= 0) return breach("add_key");
  if (::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_USER_KEYRING, 1) >= 0) return breach("keyctl");
  if (::syscall(SYS_request_key, "user", "escape", nullptr, KEY_SPEC_SESSION_KEYRING) >= 0)
    return breach("request_key");
  return held(reason());
}

Finding io_uring(const Facts&) {
  io_uring_params parameters{};
  return ::syscall(SYS_io_uring_setup, 4, &parameters) >= 0 ? breach("io_uring_setup") : held(reason());
}

Finding bpf_program(const Facts&) {
  bpf_attr attributes{};
  attributes.map_type = BPF_MAP_TYPE_ARRAY;
  attributes.key_size = 4;
  attributes.value_size = 4;
  attributes.max_entries = 1;
  return ::syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)) >= 0 ? breach("bpf") : held(reason());
}

Finding perf_events(const Facts&) {
  perf_event_attr attributes{};
  attributes.type = PERF_TYPE_SOFTWARE;
  attributes.size = sizeof(attributes);
  attributes.config = PERF_COUNT_SW_CPU_CLOCK;
  const long fd = ::syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0);
  return fd >= 0 ? breach("perf_event_open") : held(reason());
}

Finding user_faults(const Facts&) {
  return ::syscall(SYS_userfaultfd, 0) >= 0 || ::syscall(SYS_userfaultfd, 1) >= 0 ? breach("userfaultfd")
                                                                                  : held(reason());
}

Finding kernel_modules(const Facts&) {
  if (::syscall(SYS_init_module, "", 0, "") == 0) return breach("init_module");
  if (::syscall(SYS_finit_module, 0, "", 0) == 0) return breach("finit_module");
  if (::syscall(SYS_delete_module, "loop", O_NONBLOCK) == 0) return breach("delete_module");
  if (::syscall(SYS_kexec_load, 0, 0, nullptr, 0) == 0) return breach("kexec_load");
  return held(reason());
}

Finding machine_settings(const Facts&) {
  timespec time{};
  if (::sethostname("escaped", 7) == 0) return breach("sethostname");
  if (::setdomainname("escaped", 7) == 0) return breach("setdomainname");
  if (::clock_settime(CLOCK_REALTIME, &time) == 0) return breach("clock_settime");
  timex adjust{};
  adjust.modes = ADJ_FREQUENCY;
  if (::adjtimex(&adjust) >= 0) return breach("adjtimex");
  if (::syscall(SYS_swapon, "/tmp/x", 0) == 0 || ::syscall(SYS_acct, "/tmp/x") == 0) return breach("swapon or acct");
  if (::syscall(SYS_reboot, 0xfee1dead, 0x28121969, 0, nullptr) == 0) return breach("reboot");
  return held(reason());
}

Finding hardware_ports(const Facts&) {
#if defined(__x86_64__)
  if (::syscall(SYS_ioperm, 0x80, 1, 1) == 0) return breach("ioperm");
  if (::syscall(SYS_iopl, 3) == 0) return breach("iopl");
#endif
  return held(reason());
}

Finding fanotify(const Facts&) {
  return ::syscall(SYS_fanotify_init, 0, 0) >= 0 ? breach("fanotify_init") : held(reason());
}

Finding capabilities(const Facts&) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return held(reason());
  for (const auto& part : data) {
    if ((part.effective | part.permitted | part.inheritable) != 0) return breach("has capabilities");
  }
  for (int capability = 0; capability <= 40; ++capability) {
    if (::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1 && ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) {
      return breach("could gain capabilities");
    }
  }
  return held();
}

Finding new_privileges(const Facts&) {
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return breach("new privileges are possible");
  return ::prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 ? breach("switched off no-new-privileges") : held();
}

Finding system_call_filter(const Facts&) {
  return ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) == 2 ? held("filtered") : breach("no system-call filter");
}

Finding old_system_calls(const Facts&) {
#if defined(__x86_64__)
  // 32-bit system calls go past a filter that knows 64-bit numbers only.
  const pid_t child = ::fork();
  if (child == 0) {
    long result = 20;  // getpid of the 32-bit table
    __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
    ::_exit(result > 0 ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return breach("int 0x80 works");
  // The x32 table shares numbers with a bit set.
  if (::syscall(0x40000000 + SYS_getpid) > 0) return breach("x32 works");
#endif
  return held();
}

Finding kernel_settings(const Facts&) {
  for (const char* path : {"/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hostname",
                           "/proc/sys/vm/overcommit_memory", "/proc/sys/fs/binfmt_misc/register", "/proc/sysrq-trigger",
                           "/proc/sys/net/ipv4/ip_forward", "/proc/1/oom_score_adj", "/sys/kernel/uevent_helper",
                           "/sys/kernel/debug/x", "/sys/power/state", "/sys/fs/cgroup/release_agent",
                           "/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/tasks"}) {
    const int fd = ::open(path, O_WRONLY);
    if (fd < 0) continue;
    struct stat info{};
    // Our own oom score may be raised; nothing else may be opened.
    if (std::string_view(path).starts_with("/proc/1/") && ::fstat(fd, &info) == 0 && info.st_uid == ::getuid())
      continue;
    return breach(std::string("opened for writing: ") + path);
  }
  return held();
}

Finding kernel_secrets(const Facts&) {
  for (const char* path : {"/proc/kcore", "/proc/kmsg", "/proc/vmcore", "/proc/keys", "/proc/timer_list",
                           "/proc/sched_debug", "/sys/kernel/security/lockdown", "/sys/firmware/acpi/tables/DSDT",
                           "/boot/vmlinuz", "/sys/kernel/tracing/trace"}) {
    const std::string text = read_start(path);
    // A list of our own (empty) keyring is nobody's secret.
    if (!text.empty() && std::string_view(path) != "/proc/keys") return breach(std::string("read ") + path);
  }
  const std::string symbols = read_start("/proc/kallsyms");
  if (!symbols.empty() && !symbols.starts_with("0000000000000000")) return breach("kernel addresses");
  std::array<char, 64> log{};
  if (::syscall(SYS_syslog, 3, log.data(), log.size()) > 0) return breach("read the kernel's log");
  return held();
}

Finding lower_priority_of_death(const Facts&) {
  const int fd = ::open("/proc/self/oom_score_adj", O_WRONLY);
  if (fd < 0) return held(reason());
  return ::write(fd, "-1000", 5) == 5 ? breach("cannot be killed for memory any more") : held(reason());
}

Finding terminal_injection(const Facts&) {
  char key = 'x';
  const int fd = ::open("/dev/tty", O_RDWR);
  if (fd >= 0) return breach("has a terminal");
  for (int i = 0; i < 3; ++i) {
    if (::ioctl(i, TIOCSTI, &key) == 0) return breach("typed into a terminal");
  }
  return held();
}

Finding unprivileged_memory(const Facts&) {
  if (::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
    return breach("mapped page zero");
  }
  return held(reason());
}

constexpr Attack kAttacks[] = {
    {"mount", "Mount, bind, remount, unmount", mount_something},
    {"new_mount_calls", "The newer mount calls", new_mount_calls},
    {"pivot_root", "pivot_root and chroot", pivot},
    {"namespaces", "Make new namespaces", namespaces},
    {"join_namespaces", "Join other namespaces", join_namespaces},
    {"keyrings", "Kernel keyrings", keyrings},
    {"io_uring", "io_uring", io_uring},
    {"bpf", "Load BPF", bpf_program},
    {"perf", "Performance events", perf_events},
    {"userfaultfd", "userfaultfd", user_faults},
    {"kernel_modules", "Load a kernel module or kernel", kernel_modules},
    {"machine_settings", "Host name, clock, swap, reboot", machine_settings},
    {"hardware_ports", "I/O ports", hardware_ports},
    {"fanotify", "fanotify", fanotify},
    {"capabilities", "Capabilities", capabilities},
    {"new_privileges", "no-new-privileges is on and stays on", new_privileges},
    {"system_call_filter", "A system-call filter is on", system_call_filter},
    {"old_system_calls", "System calls of another architecture", old_system_calls},
    {"kernel_settings", "Write kernel settings in /proc and /sys", kernel_settings},
    {"kernel_secrets", "Read the kernel's memory, log, addresses", kernel_secrets},
    {"oom_score", "Become unkillable for memory", lower_priority_of_death},
    {"terminal_injection", "Type into the host's terminal", terminal_injection},
    {"page_zero", "Map page zero", unprivileged_memory},
};

}  // namespace

std::span<const Attack> kernel_attacks() { return kAttacks; }

}  // namespace escape
