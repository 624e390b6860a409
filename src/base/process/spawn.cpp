#include "spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace librebird::process {
namespace {

constexpr std::size_t kStackBytes = 64 * 1024;

struct ResourceLimit {
  int resource;
  rlimit value;
};

// Everything the child needs, laid out before it exists. The child writes `failed_step` and `error`.
struct Plan {
  const char* program = nullptr;
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  const char* working_directory = nullptr;
  const SpawnOptions::Inherit* fds = nullptr;
  int* moved = nullptr;  // scratch, one per fd
  std::size_t fd_count = 0;
  int first_free = 3;
  int null_fd = -1;
  const ResourceLimit* limits = nullptr;
  std::size_t limit_count = 0;
  bool new_session = true;
  bool die_with_parent = true;
  int parent = 0;
  sigset_t mask{};
  const char* failed_step = nullptr;
  int error = 0;
};

[[noreturn]] void fail(Plan& plan, const char* step) {
  plan.error = errno;
  plan.failed_step = step;
  _exit(127);
}

// What the child was not given, it gives back at once and not at exec: if we are killed in between, our ports must not
// stay taken by a child that nobody waits for. (Linux 5.9; before, what is ours closes at exec.)
void close_all_others(const Plan& plan) {
  unsigned first = 3;
  for (;;) {
    unsigned kept = ~0U;
    const auto look_at = [&](int fd) {
      if (static_cast<unsigned>(fd) >= first) kept = std::min(kept, static_cast<unsigned>(fd));
    };
    look_at(plan.null_fd);
    for (std::size_t i = 0; i < plan.fd_count; ++i) look_at(plan.moved[i]);
    if (kept > first) syscall(SYS_close_range, first, kept - 1, 0);
    if (kept == ~0U) return;
    first = kept + 1;
  }
}

void place_descriptors(Plan& plan) {
  // First above every target, so that placing one never overwrites another that is still to be placed.
  for (std::size_t i = 0; i < plan.fd_count; ++i) {
    plan.moved[i] = fcntl(plan.fds[i].source, F_DUPFD_CLOEXEC, plan.first_free);
    if (plan.moved[i] < 0) fail(plan, "fcntl");
  }
  close_all_others(plan);
  for (int standard = 0; standard < 3; ++standard) {
    if (dup2(plan.null_fd, standard) < 0) fail(plan, "dup2");
  }
  for (std::size_t i = 0; i < plan.fd_count; ++i) {
    if (dup2(plan.moved[i], plan.fds[i].target) < 0) fail(plan, "dup2");
  }
}

void default_signals() {
  struct sigaction action{};
  action.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    if (signal != SIGKILL && signal != SIGSTOP) sigaction(signal, &action, nullptr);
  }
}

int child(void* argument) {
  Plan& plan = *static_cast<Plan*>(argument);
  default_signals();
  if (plan.new_session && setsid() < 0) fail(plan, "setsid");
  if (plan.die_with_parent) {
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail(plan, "prctl");
    if (getppid() != plan.parent) _exit(127);  // the parent went between clone and prctl
  }
  place_descriptors(plan);
  if (plan.working_directory != nullptr && chdir(plan.working_directory) != 0) fail(plan, "chdir");
  for (std::size_t i = 0; i < plan.limit_count; ++i) {
    // A hard limit that is lower already stays: it is stricter than ours.
    rlimit current{};
    rlimit wanted = plan.limits[i].value;
    if (getrlimit(static_cast<__rlimit_resource>(plan.limits[i].resource), &current) == 0 &&
        current.rlim_max < wanted.rlim_max) {
      wanted = {current.rlim_max, current.rlim_max};
    }
    if (setrlimit(static_cast<__rlimit_resource>(plan.limits[i].resource), &wanted) != 0) fail(plan, "setrlimit");
  }
  if (sigprocmask(SIG_SETMASK, &plan.mask, nullptr) != 0) fail(plan, "sigprocmask");
  execve(plan.program, plan.argv, plan.environment);
  fail(plan, "execve");
}

int resource_of(ProcessLimit limit) {
  switch (limit) {
    case ProcessLimit::address_space: return RLIMIT_AS;
    case ProcessLimit::data_size: return RLIMIT_DATA;
    case ProcessLimit::cpu_seconds: return RLIMIT_CPU;
    case ProcessLimit::file_size: return RLIMIT_FSIZE;
    case ProcessLimit::open_files: return RLIMIT_NOFILE;
    case ProcessLimit::core_size: return RLIMIT_CORE;
    case ProcessLimit::processes: return RLIMIT_NPROC;
  }
  return RLIMIT_CORE;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (const std::string& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  out.push_back(nullptr);
  return out;
}

Code code_of(int error) {
  switch (error) {
    case ENOENT: return Code::not_found;
    case EACCES:
    case EPERM: return Code::permission_denied;
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE: return Code::resource_exhausted;
    default: return Code::internal;
  }
}

// The child's stack, with a guard page below; one at a time because the parent stands still meanwhile.
class Stack {
 public:
  Stack() : base_(mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0)) {
    if (ok()) mprotect(base_, 4096, PROT_NONE);
  }
  ~Stack() {
    if (ok()) munmap(base_, kStackBytes);
  }
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;
  [[nodiscard]] bool ok() const { return base_ != MAP_FAILED; }
  [[nodiscard]] void* top() const { return static_cast<char*>(base_) + kStackBytes; }

 private:
  void* base_;
};

}  // namespace

Result<Spawned> spawn(const SpawnOptions& options) {
  if (options.argv.empty() || options.argv[0].empty() || options.argv[0][0] != '/') {
    return make_error(Code::invalid_argument, "A program must be named by its absolute path.");
  }
  const std::vector<char*> argv = pointers(options.argv);
  const std::vector<char*> environment = pointers(options.environment);
  std::vector<int> moved(options.fds.size() + 1);
  std::vector<ResourceLimit> limits;
  for (const SpawnOptions::Limit& limit : options.limits) {
    limits.push_back({resource_of(limit.what), {limit.value, limit.value}});
  }
  Fd null(open("/dev/null", O_RDWR | O_CLOEXEC));
  if (!null) return make_error(code_of(errno), fmt::format("/dev/null cannot be opened: {}.", std::strerror(errno)));

  Plan plan;
  plan.program = argv[0];
  plan.argv = argv.data();
  plan.environment = environment.data();
  plan.working_directory = options.working_directory.empty() ? nullptr : options.working_directory.c_str();
  plan.fds = options.fds.data();
  plan.moved = moved.data();
  plan.fd_count = options.fds.size();
  for (const SpawnOptions::Inherit& fd : options.fds) plan.first_free = std::max(plan.first_free, fd.target + 1);
  plan.null_fd = null.get();
  plan.limits = limits.data();
  plan.limit_count = limits.size();
  plan.new_session = options.new_session;
  plan.die_with_parent = options.die_with_parent;
  plan.parent = getpid();

  const Stack stack;
  if (!stack.ok()) return make_error(Code::resource_exhausted, "No memory is left to start a process.");
  // Blocked while the child shares our memory: a handler of ours must not run in it.
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &plan.mask);
  sigset_t ours = plan.mask;
  sigemptyset(&plan.mask);
  int pidfd = -1;
  const int pid =
      clone(child, stack.top(), CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD, static_cast<void*>(&plan), &pidfd);
  const int clone_error = errno;
  pthread_sigmask(SIG_SETMASK, &ours, nullptr);

  if (pid < 0) {
    return make_error(code_of(clone_error),
                      fmt::format("A process cannot be started: {}.", std::strerror(clone_error)));
  }
  Spawned spawned{pid, Fd(pidfd)};
  if (plan.failed_step != nullptr) {
    int status = 0;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return make_error(code_of(plan.error), fmt::format("{} cannot be started ({}: {}).", options.argv[0],
                                                       plan.failed_step, std::strerror(plan.error)));
  }
  return spawned;
}

}  // namespace librebird::process
