#include "directory.hpp"

#include <fmt/format.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

namespace librebird::egress {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "librebird-egress-";
constexpr const char* kLock = "/lock";

int lock_file(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (fd >= 0 && ::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

// A folder of ours whose lock nobody holds has lost its process.
void sweep(const std::string& root) {
  std::error_code error;
  for (fs::directory_iterator at(root, error), end; !error && at != end; at.increment(error)) {
    const std::string path = at->path().string();
    struct stat info{};
    if (!at->path().filename().string().starts_with(kPrefix) || ::lstat(path.c_str(), &info) != 0) continue;
    if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()) continue;
    const int fd = lock_file(path + kLock, 0);
    if (fd < 0) continue;
    std::error_code ignored;
    fs::remove_all(path, ignored);
    ::close(fd);
  }
}

}  // namespace

Result<PrivateDirectory> PrivateDirectory::make() {
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  for (const std::string& root : {std::string(base != nullptr ? base : ""), std::string("/tmp")}) {
    // A socket's path has room for 107 bytes.
    if (root.empty() || root[0] != '/' || root.size() > 50) continue;
    sweep(root);
    std::string path = fmt::format("{}/{}XXXXXX", root, kPrefix);
    if (::mkdtemp(path.data()) == nullptr) continue;
    PrivateDirectory made;
    made.path_ = path;
    made.lock_ = lock_file(path + kLock, O_CREAT);
    if (made.lock_ >= 0) return made;
  }
  return make_error(Code::internal, "No folder for the egress socket; make /tmp writable.");
}

PrivateDirectory::~PrivateDirectory() {
  if (!path_.empty()) {
    ::unlink((path_ + kLock).c_str());
    ::rmdir(path_.c_str());
  }
  if (lock_ >= 0) ::close(lock_);
}

PrivateDirectory::PrivateDirectory(PrivateDirectory&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)) {}

PrivateDirectory& PrivateDirectory::operator=(PrivateDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(lock_, other.lock_);
  return *this;
}

Status write_file(const std::string& path, const std::string& text) {
  const std::string fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
  bool fine = fd >= 0 && ::fchmod(fd, 0644) == 0;
  for (std::size_t at = 0; fine && at < text.size();) {
    const auto wrote = ::write(fd, text.data() + at, text.size() - at);
    fine = wrote > 0;
    at += fine ? static_cast<std::size_t>(wrote) : 0;
  }
  if (fd >= 0) ::close(fd);
  if (fine && ::rename(fresh.c_str(), path.c_str()) == 0) return Ok{};
  ::unlink(fresh.c_str());
  return make_error(Code::internal, "A certificate for the sandbox cannot be written; check that /tmp has room.");
}

void remove_call_directory(const std::string& path) {
  for (const char* name : {"/fence.sock", "/ca.pem"}) ::unlink((path + name).c_str());
  ::rmdir(path.c_str());
}

}  // namespace librebird::egress
