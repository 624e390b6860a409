#include "tally.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace librebird::runner {
namespace {

// The number after `name` in a /proc/PID/status text.
std::int64_t field(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  return at == std::string_view::npos ? 0 : std::atoll(text.data() + at + name.size());
}

}  // namespace

const char* Tally::exceeded() const {
  struct statvfs scratch{};
  if (bounds_.files > 0 && statvfs("/tmp", &scratch) == 0 &&
      static_cast<std::int64_t>(scratch.f_files - scratch.f_ffree) > bounds_.files) {
    return "too many files in /tmp";
  }
  if (bounds_.processes == 0 && bounds_.memory == 0) return nullptr;
  DIR* directory = opendir("/proc");
  if (directory == nullptr) return "its processes cannot be counted";
  long processes = 0;
  std::int64_t memory = 0;
  while (const dirent* entry = readdir(directory)) {
    const long pid = std::atol(entry->d_name);
    if (pid <= 1 || pid == getpid()) continue;
    std::array<char, 64> path{};
    std::snprintf(path.data(), path.size(), "/proc/%ld/status", pid);
    const int fd = open(path.data(), O_RDONLY | O_CLOEXEC);
    std::array<char, 4096> buffer{};
    const ssize_t got = fd >= 0 ? read(fd, buffer.data(), buffer.size() - 1) : 0;
    if (fd >= 0) close(fd);
    const std::string_view text(buffer.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    const std::int64_t threads = field(text, "\nThreads:");
    processes += threads > 0 ? static_cast<long>(threads) : 1;
    memory += (field(text, "\nRssAnon:") + field(text, "\nRssShmem:")) * 1024;
    if (bounds_.processes > 0 && processes > bounds_.processes) break;
  }
  closedir(directory);
  if (bounds_.processes > 0 && processes > bounds_.processes) return "too many processes";
  if (bounds_.memory > 0 && memory > bounds_.memory) return "too much memory";
  return nullptr;
}

}  // namespace librebird::runner
