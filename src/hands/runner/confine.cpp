#include "confine.hpp"

#include <fcntl.h>
#include <linux/landlock.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

namespace librebird::runner {
namespace {

constexpr std::uint64_t kRead = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t kWrite = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                 LANDLOCK_ACCESS_FS_MAKE_REG;
// Handled, so refused everywhere: running programs, devices, sockets and links as files.
constexpr std::uint64_t kNever = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                 LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                 LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

// Newer than the headers we are built with may be.
constexpr std::uint64_t kRefer = 1ULL << 13;         // LANDLOCK_ACCESS_FS_REFER, Linux 5.19
constexpr std::uint64_t kTruncate = 1ULL << 14;      // LANDLOCK_ACCESS_FS_TRUNCATE, Linux 6.2
constexpr std::uint64_t kScopeSignals = 1ULL << 1;   // LANDLOCK_SCOPE_SIGNAL, Linux 6.12

void allow(int ruleset, const std::string& path, std::uint64_t access) {
  landlock_path_beneath_attr rule{};
  rule.allowed_access = access;
  rule.parent_fd = open(path.c_str(), O_PATH | O_CLOEXEC);
  if (rule.parent_fd < 0) return;
  syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
  close(rule.parent_fd);
}

}  // namespace

bool restrict_files(const std::vector<std::string>& readable, const std::vector<std::string>& writable) {
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = kRead | kWrite | kNever;
  const int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0));
  if (ruleset < 0) return false;
  for (const std::string& path : readable) allow(ruleset, path, kRead);
  for (const std::string& path : writable) allow(ruleset, path, kRead | kWrite);
  const bool done = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  close(ruleset);
  return done;
}

bool restrict_programs(const std::vector<std::string>& writable) {
  const long version = syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  if (version < 1) return false;
  std::uint64_t change = kWrite | kNever;
  change &= ~static_cast<std::uint64_t>(LANDLOCK_ACCESS_FS_EXECUTE);
  if (version >= 2) change |= kRefer;
  if (version >= 3) change |= kTruncate;
  struct {
    std::uint64_t files, network, scopes;
  } attributes{kRead | LANDLOCK_ACCESS_FS_EXECUTE | change, 0, version >= 6 ? kScopeSignals : 0};
  // Older kernels take a shorter structure.
  const std::size_t size = version >= 6 ? sizeof(attributes) : sizeof(attributes.files);
  const int ruleset = static_cast<int>(syscall(SYS_landlock_create_ruleset, &attributes, size, 0));
  if (ruleset < 0) return false;
  const std::uint64_t run = kRead | LANDLOCK_ACCESS_FS_EXECUTE;
  allow(ruleset, "/", run);
  // Never devices, wherever.
  change &= ~static_cast<std::uint64_t>(LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK);
  for (const std::string& path : writable) allow(ruleset, path, run | change);
  for (const char* device : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}) {
    allow(ruleset, device, LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE);
  }
  const bool done = syscall(SYS_landlock_restrict_self, ruleset, 0) == 0;
  close(ruleset);
  return done;
}

bool reader_is_gone() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return poll(&output, 1, 0) > 0 && (output.revents & POLLERR) != 0;
}

void drop_privilege_paths() {
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}

}  // namespace librebird::runner
