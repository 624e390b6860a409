#include "files.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>

namespace librebird::storage {
namespace {

// In every unfinished folder, and locked while somebody works in it.
constexpr std::string_view kMark = "/unfinished.lock";

bool lock_file(int file) {
  // Not flock(): a child on its way to exec would hold on to that one.
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  return file >= 0 && ::fcntl(file, F_SETLK, &whole) == 0;
}

// What a killed predecessor left. Only a marked folder is ever removed.
Status remove_leftover(const std::string& folder) {
  struct stat info{};
  if (::lstat(folder.c_str(), &info) != 0) return Ok{};
  const std::string mark = folder + std::string(kMark);
  const int file = S_ISDIR(info.st_mode) ? ::open(mark.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW) : -1;
  std::error_code failure;
  const bool empty = S_ISDIR(info.st_mode) && std::filesystem::is_empty(folder, failure);
  const bool ours = empty || lock_file(file);
  if (ours) std::filesystem::remove_all(folder, failure);
  if (file >= 0) ::close(file);
  if (ours && !failure) return Ok{};
  return {Code::failed_precondition,
          fmt::format("{} is in the way: wait for the other command that works there, or move it away.", folder)};
}

}  // namespace

Error file_error(const std::string& what, const std::string& path, int number) {
  if (number == ENOSPC || number == EDQUOT) {
    return make_error(Code::unavailable,
                      fmt::format("The disk is full, {} could not be written: free some space and try again.", path));
  }
  return make_error(Code::failed_precondition,
                    fmt::format("{} {} ({}): check that the folder exists and that this user may write it.", what, path,
                                std::strerror(number)));
}

Status leave_room(const std::string& folder) {
  constexpr std::uint64_t kRoom = 256ULL << 20;
  struct statvfs disk{};
  if (::statvfs(folder.c_str(), &disk) != 0 || std::uint64_t{disk.f_bavail} * disk.f_frsize > kRoom) return Ok{};
  return {Code::unavailable, "The disk of the server is almost full: its operator frees some space, then try again."};
}

Result<Unfinished> Unfinished::make(std::string folder) {
  LB_CHECK(remove_leftover(folder));
  if (::mkdir(folder.c_str(), 0700) != 0) return file_error("Cannot make the folder", folder, errno);
  const int lock = ::open((folder + std::string(kMark)).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (!lock_file(lock)) {
    const int number = errno;
    if (lock >= 0) ::close(lock);
    return file_error("Cannot work in the folder", folder, number);
  }
  return Unfinished(std::move(folder), lock);
}

Unfinished::Unfinished(Unfinished&& other) noexcept
    : folder_(std::exchange(other.folder_, {})), lock_(std::exchange(other.lock_, -1)) {}

Unfinished::~Unfinished() {
  std::error_code ignored;
  if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  if (lock_ >= 0) ::close(lock_);
}

Status Unfinished::keep() {
  const std::string mark = folder_ + std::string(kMark);
  if (::unlink(mark.c_str()) != 0) return file_error("Cannot finish the folder", folder_, errno);
  LB_CHECK(sync_folder(folder_));
  folder_.clear();
  return Ok{};
}

Status sync_folder(const std::string& folder) {
  const int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool done = file >= 0 && ::fsync(file) == 0;
  const int number = errno;
  if (file >= 0) ::close(file);
  if (done) return Ok{};
  return file_error("Cannot write the folder", folder, number);
}

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace librebird::storage
