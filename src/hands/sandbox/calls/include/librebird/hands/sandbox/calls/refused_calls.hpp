#pragma once

// The system calls that no sandbox lets a tool make, by name: one list for every plug-in that filters calls.

#include <array>

namespace librebird::sandbox {

// What no tool has business with: kernel surface that was the way out of containers before, or that changes the
// machine. Everything newer than we know is refused by number (below).
inline constexpr std::array kRefusedCalls = {
    // mounts and roots
    "mount",
    "umount",
    "umount2",
    "pivot_root",
    "chroot",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "name_to_handle_at",
    "open_by_handle_at",
    "quotactl",
    "quotactl_fd",
    "fanotify_init",
    "fanotify_mark",
    "swapon",
    "swapoff",
    // new namespaces (clone's flags are checked below)
    "unshare",
    "setns",
    // other processes' memory and descriptors
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "kcmp",
    "pidfd_getfd",
    // kernel machinery
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "keyctl",
    "add_key",
    "request_key",
    "kexec_load",
    "kexec_file_load",
    "init_module",
    "finit_module",
    "delete_module",
    "create_module",
    "get_kernel_syms",
    "query_module",
    "lookup_dcookie",
    "nfsservctl",
    "uselib",
    "vm86",
    "vm86old",
    "modify_ldt",
    "set_thread_area",
    "personality",
    "memfd_secret",
    "vmsplice",
    "move_pages",
    "migrate_pages",
    "mbind",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "get_mempolicy",
    // the machine
    "reboot",
    "syslog",
    "acct",
    "iopl",
    "ioperm",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "stime",
    "sethostname",
    "setdomainname",
    "vhangup",
    "sysfs",
    "_sysctl",
    "ustat",
    "afs_syscall",
    "tuxcall",
    // identity
    "setuid",
    "setgid",
    "setreuid",
    "setregid",
    "setresuid",
    "setresgid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "capset",
    // devices
    "mknod",
    "mknodat",
};

// set_mempolicy_home_node, the newest call of Linux 5.17; the numbers above 424 are the same on every machine.
inline constexpr unsigned kNewestKnownCall = 450;

}  // namespace librebird::sandbox
