// Other processes, and getting away from the time limit.
#include "attack.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace escape {
namespace {

namespace fs = std::filesystem;

int number(const Facts& facts, std::string_view name) { return std::atoi(fact(facts, name).c_str()); }

Finding trace_others(const Facts& facts) {
  for (const int pid : {1, number(facts, "server_pid"), static_cast<int>(::getppid())}) {
    if (pid <= 0) continue;
    if (::ptrace(PTRACE_ATTACH, pid, nullptr, nullptr) == 0) return breach("traces " + std::to_string(pid));
    if (::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr) == 0) return breach("seized " + std::to_string(pid));
  }
  return held(reason());
}

Finding memory_of_others(const Facts& facts) {
  std::array<char, 16> buffer{};
  for (const int pid : {1, number(facts, "server_pid"), static_cast<int>(::getppid())}) {
    if (pid <= 0 || pid == ::getpid()) continue;
    const iovec mine{buffer.data(), buffer.size()};
    const iovec theirs{reinterpret_cast<void*>(0x400000), buffer.size()};
    if (::process_vm_readv(pid, &mine, 1, &theirs, 1, 0) > 0) return breach("process_vm_readv");
    const std::string memory = "/proc/" + std::to_string(pid) + "/mem";
    if (::open(memory.c_str(), O_RDWR) >= 0 && pid != ::getpid()) return breach("opened " + memory);
    const long fd = ::syscall(SYS_pidfd_open, pid, 0);
    if (fd >= 0 && ::syscall(SYS_pidfd_getfd, fd, 0, 0) >= 0)
      return breach("took a descriptor of " + std::to_string(pid));
  }
  return held(reason());
}

Finding signal_server(const Facts& facts) {
  const int pid = number(facts, "server_pid");
  if (pid > 0 && ::kill(pid, 0) == 0) return breach("can signal the server");
  return held(reason());
}

Finding kill_everybody(const Facts&) {
  // -1 is everybody we may signal: inside our own process namespace that is only ourselves.
  ::signal(SIGUSR1, SIG_IGN);
  ::kill(-1, SIGUSR1);
  return held("the server must still answer");
}

Finding see_host_processes(const Facts& facts) {
  const std::string server = fact(facts, "server_pid");
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (name.empty() || name[0] < '0' || name[0] > '9') continue;
    const std::string command = read_start("/proc/" + name + "/cmdline");
    if (name == server && command.find("librebird") != std::string::npos) return breach("saw the server");
    if (command.find("serve") != std::string::npos && command.find("--data-dir") != std::string::npos) {
      return breach("saw " + command.substr(0, 40));
    }
  }
  return held();
}

Finding inherited_descriptors(const Facts&) {
  for (int fd = 3; fd < 1024; ++fd) {
    struct stat info{};
    if (::fstat(fd, &info) != 0) continue;
    std::array<char, 256> target{};
    const std::string link = "/proc/self/fd/" + std::to_string(fd);
    if (::readlink(link.c_str(), target.data(), target.size() - 1) < 0) continue;
    const std::string name(target.data());
    // Pipes to our own runner and what we opened in here are ours.
    if (S_ISREG(info.st_mode) && name.find("/tmp") != 0 && name.find("/work") != 0 && name.find("/app") != 0 &&
        name.find("/skill") != 0 && name.find("/usr") != 0) {
      return breach("inherited " + name);
    }
    if (S_ISDIR(info.st_mode) && ::openat(fd, "../../../../etc/shadow", O_RDONLY) >= 0)
      return breach("a way out at " + name);
    if (S_ISSOCK(info.st_mode)) {
      int listening = 0;
      socklen_t size = sizeof(listening);
      if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening != 0) {
        return breach("inherited a listening socket");
      }
    }
  }
  return held();
}

Finding shared_memory(const Facts& facts) {
  // The harness has made a segment and a queue on the host under this key.
  const int key = number(facts, "ipc_key");
  if (key != 0 && ::shmget(key, 0, 0) >= 0) return breach("host shared memory");
  if (key != 0 && ::msgget(key, 0) >= 0) return breach("host message queue");
  const std::string queue = fact(facts, "message_queue");
  if (!queue.empty() && ::mq_open(queue.c_str(), O_RDONLY) >= 0) return breach("host POSIX queue");
  return held(reason());
}

// The four ways to outlive the call: what is left must be gone 2 s later (the harness looks for the marker).
void stay() {
  for (int fd = 0; fd < 64; ++fd) ::close(fd);
  for (;;) ::pause();
}

Finding double_fork(const Facts& facts) {
  if (::fork() == 0) {
    ::setsid();
    if (::fork() == 0) {
      ::prctl(PR_SET_NAME, fact(facts, "marker").c_str());
      for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
      stay();
    }
    ::_exit(0);
  }
  return held("left a daemon behind");
}

Finding orphan_group(const Facts& facts) {
  if (::fork() == 0) {
    ::prctl(PR_SET_PDEATHSIG, 0);
    ::setpgid(0, 0);
    ::prctl(PR_SET_NAME, fact(facts, "marker").c_str());
    stay();
  }
  return held("left a process in a group of its own");
}

Finding never_answer(const Facts& facts) {
  ::prctl(PR_SET_NAME, fact(facts, "marker").c_str());
  for (int signal = 1; signal < 65; ++signal) ::signal(signal, SIG_IGN);
  for (;;) ::pause();
}

Finding stop_itself(const Facts& facts) {
  ::prctl(PR_SET_NAME, fact(facts, "marker").c_str());
  for (;;) ::kill(::getpid(), SIGSTOP);
}

Finding busy_for_ever(const Facts& facts) {
  ::prctl(PR_SET_NAME, fact(facts, "marker").c_str());
  for (int i = 0; i < 3; ++i) {
    if (::fork() == 0) break;
  }
  for (volatile unsigned long i = 0;; i = i + 1) {
  }
}

Finding raise_limits(const Facts&) {
  for (const auto resource : {RLIMIT_AS, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NPROC, RLIMIT_NOFILE, RLIMIT_CORE}) {
    rlimit limit{};
    ::getrlimit(resource, &limit);
    if (limit.rlim_max == RLIM_INFINITY) continue;
    const rlimit more{limit.rlim_max + 1, limit.rlim_max + 1};
    if (::setrlimit(resource, &more) == 0) return breach("raised a limit");
  }
  return ::setpriority(PRIO_PROCESS, 0, -10) == 0 ? breach("raised its priority") : held();
}

Finding real_time(const Facts&) {
  sched_param parameter{};
  parameter.sched_priority = 50;
  return ::sched_setscheduler(0, SCHED_FIFO, &parameter) == 0 ? breach("runs in real time") : held(reason());
}

constexpr Attack kAttacks[] = {
    {"trace", "Trace other processes", trace_others},
    {"memory_of_others", "Read other processes' memory and descriptors", memory_of_others},
    {"signal_server", "Signal the server", signal_server},
    {"kill_everybody", "Signal everybody", kill_everybody},
    {"see_host_processes", "See the host's processes", see_host_processes},
    {"inherited_descriptors", "Use descriptors left open", inherited_descriptors},
    {"shared_memory", "Reach the host's shared memory and queues", shared_memory},
    {"double_fork", "Outlive the call: double fork and setsid", double_fork},
    {"orphan_group", "Outlive the call: a process group of its own", orphan_group},
    {"never_answer", "Never answer, ignoring every signal", never_answer},
    {"stop_itself", "Stop itself for ever", stop_itself},
    {"busy_for_ever", "Burn processor time for ever", busy_for_ever},
    {"raise_limits", "Raise its own limits and priority", raise_limits},
    {"real_time", "Ask for real-time scheduling", real_time},
};

}  // namespace

std::span<const Attack> process_attacks() { return kAttacks; }

}  // namespace escape
