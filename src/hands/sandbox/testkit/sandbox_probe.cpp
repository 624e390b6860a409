// sandbox-probe: a hostile program. Runs inside a sandbox, tries the attack named by its first argument, and says
// "denied" (exit 0) or "succeeded" (exit 1). Statically linked, C library only.
#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

extern char** environ;

namespace {

using Arguments = const std::string&;

int verdict(bool succeeded, const char* what) {
  std::printf("%s %s\n", succeeded ? "succeeded" : "denied", what);
  return succeeded ? 1 : 0;
}

// One path a line.
int read_file(Arguments paths) {
  for (size_t at = 0; at < paths.size();) {
    const size_t end = std::min(paths.find('\n', at), paths.size());
    const std::string path = paths.substr(at, end - at);
    at = end + 1;
    const int fd = open(path.c_str(), O_RDONLY);
    char byte = 0;
    if (fd >= 0 && read(fd, &byte, 1) == 1) return verdict(true, ("read " + path).c_str());
  }
  return verdict(false, "read");
}

int write_file(Arguments path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT, 0600);
  return verdict(fd >= 0 && write(fd, "x", 1) == 1, "write");
}

int exists(Arguments path) { return verdict(access(path.c_str(), F_OK) == 0, "exists"); }

// Only what was put there may be seen at the root.
int foreign_root(Arguments /*unused*/) {
  for (const char* path :
       {"/etc", "/home", "/root", "/usr/bin", "/bin", "/lib", "/var", "/sys", "/oldroot", "/newroot"}) {
    if (access(path, F_OK) == 0) return verdict(true, path);
  }
  return verdict(false, "root");
}

// An engine's image has folders of its own, but nothing of the host in them.
int foreign_image_root(Arguments /*unused*/) {
  for (const char* path : {"/home",
                           "/root",
                           "/usr/bin",
                           "/bin",
                           "/lib",
                           "/boot",
                           "/opt",
                           "/etc/shadow",
                           "/etc/ssh",
                           "/etc/apt",
                           "/etc/debian_version",
                           "/sys/class",
                           "/sys/kernel",
                           "/var/lib",
                           "/run/systemd",
                           "/oldroot",
                           "/newroot",
                           "/dev/sda",
                           "/dev/vda",
                           "/dev/kmsg",
                           "/dev/mem"}) {
    if (access(path, F_OK) == 0) return verdict(true, path);
  }
  return verdict(false, "root");
}

// Above our root there must be nothing.
int climb(Arguments path) {
  std::string up;
  for (int i = 0; i < 64; ++i) up += "../";
  return verdict(access((up + path.substr(1)).c_str(), F_OK) == 0, "climb");
}

int chroot_out(Arguments /*unused*/) {
  mkdir("/tmp/jail", 0700);
  return verdict(chroot("/tmp/jail") == 0, "chroot");
}

int connect_inet(Arguments port) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(port.c_str())));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  return verdict(fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0, "connect");
}

int sockets(Arguments /*unused*/) {
  struct Kind {
    int family;
    int type;
  };
  constexpr Kind kKinds[] = {{AF_INET, SOCK_RAW},           {AF_INET, SOCK_DGRAM},  {AF_INET6, SOCK_STREAM},
                             {AF_PACKET, SOCK_RAW},         {AF_NETLINK, SOCK_RAW}, {40 /* vsock */, SOCK_STREAM},
                             {38 /* alg */, SOCK_SEQPACKET}};
  for (const Kind& kind : kKinds) {
    if (socket(kind.family, kind.type, 0) >= 0) return verdict(true, std::to_string(kind.family).c_str());
  }
  return verdict(false, "sockets");
}

int abstract_socket(Arguments name) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  return verdict(fd >= 0 && connect(fd, reinterpret_cast<sockaddr*>(&address), size) == 0, "abstract socket");
}

int kill_outside(Arguments pid) { return verdict(kill(std::atoi(pid.c_str()), 0) == 0, "kill"); }

// kill(-1) must reach nobody but ourselves.
int see_processes(Arguments /*unused*/) {
  int seen = 0;
  for (int pid = 2; pid < 100'000; ++pid) {
    if (pid != getpid() && kill(pid, 0) == 0) ++seen;
  }
  return verdict(seen > 1, "processes");
}

int new_mount(Arguments /*unused*/) {
  const bool done = mount("tmpfs", "/tmp", "tmpfs", 0, nullptr) == 0 ||
                    mount("proc", "/tmp", "proc", 0, nullptr) == 0 || umount2("/tmp", MNT_DETACH) == 0 ||
                    mount(nullptr, "/", nullptr, MS_REMOUNT | MS_BIND, nullptr) == 0;
  return verdict(done, "mount");
}

int new_namespace(Arguments /*unused*/) {
  for (const int flag : {CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWNET, CLONE_NEWPID, CLONE_NEWIPC, CLONE_NEWUTS}) {
    if (unshare(flag) == 0) return verdict(true, "unshare");
    const long pid = syscall(SYS_clone, flag | SIGCHLD, nullptr, nullptr, nullptr, 0);
    if (pid == 0) _exit(0);
    if (pid > 0) return verdict(true, "clone");
  }
  char arguments[88] = {};
  *reinterpret_cast<unsigned long long*>(arguments) = CLONE_NEWUSER;
  const long pid = syscall(435 /* clone3 */, arguments, sizeof(arguments));
  if (pid == 0) _exit(0);
  return verdict(pid > 0, "namespace");
}

int trace(Arguments /*unused*/) {
  return verdict(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0 || ptrace(PTRACE_ATTACH, 1, nullptr, nullptr) == 0,
                 "ptrace");
}

int kernel_calls(Arguments /*unused*/) {
  char buffer[256] = {};
  const long results[] = {
      syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -3, 1),
      syscall(SYS_add_key, "user", "x", "y", 1, -3),
      syscall(SYS_bpf, 0, buffer, sizeof(buffer)),
      syscall(SYS_perf_event_open, buffer, 0, -1, -1, 0),
      syscall(SYS_userfaultfd, 0),
      syscall(425 /* io_uring_setup */, 8, buffer),
      syscall(SYS_kexec_load, 0, 0, nullptr, 0),
      syscall(SYS_init_module, buffer, 0, ""),
      syscall(SYS_syslog, 3, buffer, 10),
      syscall(SYS_reboot, 0, 0, 0, nullptr),
      syscall(SYS_sethostname, "x", 1),
      syscall(SYS_personality, 0x0040000 /* no randomisation */),
      syscall(SYS_setns, 0, 0),
      syscall(428 /* open_tree */, -100, "/", 1),
      syscall(430 /* fsopen */, "tmpfs", 0),
      syscall(SYS_process_vm_readv, 1, nullptr, 0, nullptr, 0, 0),
      syscall(SYS_name_to_handle_at, -100, "/", buffer, buffer, 0),
      syscall(9999),
  };
  int index = 0;
  for (const long result : results) {
    if (result >= 0) return verdict(true, std::to_string(index).c_str());
    ++index;
  }
  return verdict(false, "kernel calls");
}

int gain_privilege(Arguments /*unused*/) {
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return verdict(true, "new privileges are possible");
  for (int capability = 0; capability < 40; ++capability) {
    if (prctl(PR_CAPBSET_READ, capability, 0, 0, 0) == 1) return verdict(true, "bounding set");
  }
  unsigned header[2] = {0x20080522, 0};
  unsigned data[6] = {};
  syscall(SYS_capget, header, data);
  if ((data[0] | data[1] | data[3] | data[4]) != 0) return verdict(true, "capabilities");
  return verdict(getuid() == 0 || setuid(0) == 0 || setgid(0) == 0, "setuid");
}

int old_architecture(Arguments /*unused*/) {
#if defined(__x86_64__)
  // getpid by the 32-bit door: the filter kills.
  long result = 20;
  __asm__ volatile("int $0x80" : "+a"(result) : : "memory");
  return verdict(true, "32-bit call");
#else
  return verdict(false, "no other architecture");
#endif
}

int fork_bomb(Arguments /*unused*/) {
  int made = 0;
  for (int i = 0; i < 500; ++i) {
    const pid_t pid = fork();
    if (pid == 0) {
      pause();
      _exit(0);
    }
    if (pid > 0) ++made;
  }
  std::printf("made %d\n", made);
  return verdict(made > 64, "fork bomb");
}

int memory_bomb(Arguments /*unused*/) {
  constexpr size_t kPiece = 16 << 20;
  size_t total = 0;
  for (int i = 0; i < 256; ++i) {  // 4 GiB
    void* piece = mmap(nullptr, kPiece, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (piece == MAP_FAILED) break;
    std::memset(piece, 1, kPiece);
    total += kPiece;
  }
  return verdict(total > (600UL << 20), "memory bomb");
}

int fill(const std::string& directory) {
  static char buffer[1 << 20];
  signal(SIGXFSZ, SIG_IGN);
  size_t total = 0;
  for (int file = 0; file < 64; ++file) {
    const int fd = open((directory + "/" + std::to_string(file)).c_str(), O_WRONLY | O_CREAT, 0600);
    if (fd < 0) break;
    ssize_t wrote = 0;
    while (total < (400UL << 20) && (wrote = write(fd, buffer, sizeof(buffer))) > 0)
      total += static_cast<size_t>(wrote);
    close(fd);
  }
  return verdict(total > (70UL << 20), "fill");
}

int root_write(Arguments /*unused*/) {
  return verdict(mkdir("/evil", 0700) == 0 || open("/evil2", O_CREAT | O_WRONLY, 0600) >= 0, "root");
}

int endless_output(Arguments /*unused*/) {
  static char buffer[64 * 1024];
  std::memset(buffer, 'x', sizeof(buffer));
  for (;;) {
    if (write(1, buffer, sizeof(buffer)) < 0) return 0;
  }
}

int ignore_signals(Arguments /*unused*/) {
  for (int number = 1; number < NSIG; ++number) signal(number, SIG_IGN);
  for (;;) pause();
}

int spin(Arguments /*unused*/) {
  for (volatile unsigned long i = 0;; i = i + 1) {
  }
}

// Leaves a child behind that holds no descriptor and would touch the file every 10 ms.
int outlive(const std::string& path) {
  if (fork() != 0) {
    usleep(50'000);
    return verdict(false, "parent ends");
  }
  setsid();
  for (int fd = 0; fd < 256; ++fd) close(fd);
  for (;;) {
    close(open(path.c_str(), O_CREAT | O_WRONLY | O_APPEND, 0600));
    const int fd = open(path.c_str(), O_WRONLY | O_APPEND);
    if (fd >= 0 && write(fd, "x", 1) == 1) close(fd);
    usleep(10'000);
  }
}

int descriptors(Arguments /*unused*/) {
  for (int fd = 3; fd < 1024; ++fd) {
    if (fcntl(fd, F_GETFD) >= 0) return verdict(true, std::to_string(fd).c_str());
  }
  return verdict(false, "descriptors");
}

int environment(Arguments /*unused*/) {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    if (std::strncmp(*entry, "PWD=", 4) != 0) return verdict(true, *entry);
  }
  return verdict(false, "environment");
}

int set_user_id_file(const std::string& path) {
  close(open(path.c_str(), O_CREAT | O_WRONLY, 0700));
  const bool set = chmod(path.c_str(), 04755) == 0;
  const bool made = mknod((path + ".device").c_str(), S_IFCHR | 0600, 0x103) == 0;
  return verdict(set || made, "set-user-id");
}

int terminal(Arguments /*unused*/) {
  char key = 'x';
  const int fd = open("/dev/tty", O_RDWR);
  return verdict(fd >= 0 || ioctl(0, TIOCSTI, &key) == 0, "terminal");
}

struct Attack {
  const char* name;
  int (*run)(const std::string&);
};

constexpr Attack kAttacks[] = {
    {"read", read_file},
    {"write", write_file},
    {"exists", exists},
    {"foreign_root", foreign_root},
    {"foreign_image_root", foreign_image_root},
    {"climb", climb},
    {"chroot", chroot_out},
    {"connect", connect_inet},
    {"sockets", sockets},
    {"abstract_socket", abstract_socket},
    {"kill", kill_outside},
    {"see_processes", see_processes},
    {"mount", new_mount},
    {"namespace", new_namespace},
    {"trace", trace},
    {"kernel_calls", kernel_calls},
    {"gain_privilege", gain_privilege},
    {"old_architecture", old_architecture},
    {"fork_bomb", fork_bomb},
    {"memory_bomb", memory_bomb},
    {"fill", fill},
    {"root_write", root_write},
    {"endless_output", endless_output},
    {"ignore_signals", ignore_signals},
    {"spin", spin},
    {"outlive", outlive},
    {"descriptors", descriptors},
    {"environment", environment},
    {"set_user_id_file", set_user_id_file},
    {"terminal", terminal},
};

int attack(const std::string& name, const std::string& argument) {
  for (const Attack& known : kAttacks) {
    if (name == known.name) return known.run(argument);
  }
  std::printf("unknown attack\n");
  return 2;
}

}  // namespace

int main(int count, char** arguments) {
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  const std::string name = count > 1 ? arguments[1] : "";
  if (name != "all") return attack(name, count > 2 ? arguments[2] : "");
  // Several, one after the other: NAME ARGUMENT NAME ARGUMENT ...
  int worst = 0;
  for (int i = 2; i + 1 < count; i += 2) worst = std::max(worst, attack(arguments[i], arguments[i + 1]));
  return worst;
}
