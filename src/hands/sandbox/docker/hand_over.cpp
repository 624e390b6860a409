#include "hand_over.hpp"

#include <librebird/base/process/process.hpp>

#include <fmt/format.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace librebird::docker {
namespace {

constexpr int kMaxDepth = 32;

struct CloseFolder {
  void operator()(DIR* folder) const { closedir(folder); }
};

bool give(int at, const char* name, int depth) {
  const Fd entry(openat(at, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_DIRECTORY));
  struct stat status{};
  if (!entry) {
    // Not a folder: a file, or something that is left as it is.
    if (fstatat(at, name, &status, AT_SYMLINK_NOFOLLOW) != 0) return errno == ENOENT;
    if (!S_ISREG(status.st_mode) || status.st_uid != 0 || status.st_nlink > 1) return true;
    return fchownat(at, name, kNobody, kNobody, AT_SYMLINK_NOFOLLOW) == 0;
  }
  if (fstat(entry.get(), &status) != 0) return false;
  if (status.st_uid != 0) return true;
  const int again = openat(entry.get(), ".", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
  const std::unique_ptr<DIR, CloseFolder> folder(again < 0 ? nullptr : fdopendir(again));
  if (!folder) return false;
  while (const dirent* item = depth < kMaxDepth ? readdir(folder.get()) : nullptr) {
    if (std::strcmp(item->d_name, ".") == 0 || std::strcmp(item->d_name, "..") == 0) continue;
    if (!give(entry.get(), item->d_name, depth + 1)) return false;
  }
  return fchown(entry.get(), kNobody, kNobody) == 0;
}

}  // namespace

Status hand_over(const std::string& path) {
  if (give(AT_FDCWD, path.c_str(), 0)) return Ok{};
  return make_error(
      Code::failed_precondition,
      fmt::format("A tool's folder cannot be given to the user it runs as ({}: {}), so it did not run. Run "
                  "Libre Bird as an ordinary user, or give the folder to user {}.",
                  path, std::strerror(errno), kNobody));
}

}  // namespace librebird::docker
