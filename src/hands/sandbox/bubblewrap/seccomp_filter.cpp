#include "seccomp_filter.hpp"

#include <librebird/hands/sandbox/calls/refused_calls.hpp>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

namespace librebird::bubblewrap {
namespace {

constexpr std::array kNewNamespaces = {CLONE_NEWNS,  CLONE_NEWUTS, CLONE_NEWIPC,   CLONE_NEWUSER,
                                       CLONE_NEWPID, CLONE_NEWNET, CLONE_NEWCGROUP};

#if defined(__x86_64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "No system-call filter for this machine"
#endif

struct Release {
  void operator()(void* context) const { seccomp_release(context); }
};
using Context = std::unique_ptr<void, Release>;

bool refuse(scmp_filter_ctx context, const char* name, int error) {
  const int number = seccomp_syscall_resolve_name(name);
  if (number < 0) return true;  // unknown to this machine or to libseccomp: caught by number, or absent
  return seccomp_rule_add(context, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), number, 0) == 0;
}

bool refuse_if(scmp_filter_ctx context, const char* name, int error, scmp_arg_cmp condition) {
  const int number = seccomp_syscall_resolve_name(name);
  return number < 0 ||
         seccomp_rule_add(context, SCMP_ACT_ERRNO(static_cast<unsigned>(error)), number, 1, condition) == 0;
}

// The only way out is a Unix socket that the broker offers.
bool limit_sockets(scmp_filter_ctx context, bool internet) {
  bool good = true;
  if (!internet) return refuse_if(context, "socket", EAFNOSUPPORT, scmp_arg_cmp{0, SCMP_CMP_NE, AF_UNIX, 0});
  // All families but AF_UNIX (1), AF_INET (2) and AF_INET6 (10).
  for (const scmp_datum_t family : {0, 3, 4, 5, 6, 7, 8, 9}) {
    good = good && refuse_if(context, "socket", EAFNOSUPPORT, scmp_arg_cmp{0, SCMP_CMP_EQ, family, 0});
  }
  good = good && refuse_if(context, "socket", EAFNOSUPPORT, scmp_arg_cmp{0, SCMP_CMP_GT, AF_INET6, 0});
  // Streams and datagrams only.
  constexpr scmp_datum_t kType = 0xf;
  for (const scmp_datum_t type : {SOCK_RAW, SOCK_RDM, SOCK_DCCP, SOCK_PACKET}) {
    good = good && refuse_if(context, "socket", EPERM, scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, kType, type});
  }
  return good;
}

bool add_rules(scmp_filter_ctx context, Processes processes) {
  bool good = true;
  for (const char* name : sandbox::kRefusedCalls) good = good && refuse(context, name, EPERM);
  // clone3 hides its flags behind a pointer: answered as an old kernel would, so that libraries fall back to clone.
  good = good && refuse(context, "clone3", ENOSYS);
  if (processes == Processes::single) {
    for (const char* name : {"clone", "fork", "vfork"}) good = good && refuse(context, name, EPERM);
  } else {
    for (const int flag : kNewNamespaces) {
      const auto bits = static_cast<scmp_datum_t>(static_cast<unsigned>(flag));
      good = good && refuse_if(context, "clone", EPERM, scmp_arg_cmp{0, SCMP_CMP_MASKED_EQ, bits, bits});
    }
  }
  // Memory that no process owns escapes the limits of processes; what asks for it has another way.
  for (const char* name : {"memfd_create", "shmget", "shmat", "msgget", "semget"})
    good = good && refuse(context, name, ENOSYS);
  good = good && limit_sockets(context, processes == Processes::networked);
  // Typing into, or pasting into, somebody's terminal.
  for (const scmp_datum_t request : {scmp_datum_t{TIOCSTI}, scmp_datum_t{TIOCLINUX}}) {
    good = good && refuse_if(context, "ioctl", EPERM, scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, 0xffffffffULL, request});
  }
  // No set-user-id files (mode bits 06000), even where they would mean nothing.
  for (const scmp_datum_t bit : {scmp_datum_t{04000}, scmp_datum_t{02000}}) {
    good = good && refuse_if(context, "chmod", EPERM, scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, bit, bit});
    good = good && refuse_if(context, "fchmod", EPERM, scmp_arg_cmp{1, SCMP_CMP_MASKED_EQ, bit, bit});
    good = good && refuse_if(context, "fchmodat", EPERM, scmp_arg_cmp{2, SCMP_CMP_MASKED_EQ, bit, bit});
  }
  return good;
}

// libseccomp has no "greater than any number it knows": a few instructions before its program say it.
std::string prelude() {
  const auto data = [](std::size_t offset) { return static_cast<__u32>(offset); };
  const std::array<sock_filter, 7> program = {{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, data(offsetof(seccomp_data, arch))),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, data(offsetof(seccomp_data, nr))),
      BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, sandbox::kNewestKnownCall, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, data(offsetof(seccomp_data, arch))),
  }};
  return {reinterpret_cast<const char*>(program.data()), sizeof(program)};
}

}  // namespace

Result<std::string> compile_seccomp_filter(Processes processes) {
  const Context context(seccomp_init(SCMP_ACT_ALLOW));
  const bool ready = context && seccomp_attr_set(context.get(), SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
                     seccomp_attr_set(context.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 &&
                     add_rules(context.get(), processes);
  if (!ready) return make_error(Code::internal, "The system-call filter cannot be built; tools will not run.");
  const int file = memfd_create("seccomp", MFD_CLOEXEC);
  std::string program = prelude();
  const std::size_t head = program.size();
  if (file >= 0 && seccomp_export_bpf(context.get(), file) == 0) {
    const off_t size = lseek(file, 0, SEEK_END);
    program.resize(head + static_cast<std::size_t>(size > 0 ? size : 0));
    if (pread(file, program.data() + head, program.size() - head, 0) != size) program.resize(head);
  }
  if (file >= 0) close(file);
  if (program.size() == head) {
    return make_error(Code::internal, "The system-call filter cannot be exported; tools will not run.");
  }
  return program;
}

}  // namespace librebird::bubblewrap
