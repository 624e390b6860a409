#include "spool.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "files.hpp"

namespace librebird::storage {

Spool::Spool(const std::string& path) : path_(path), file_(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {}

Spool::~Spool() {
  if (file_ >= 0) ::close(file_);
}

Result<std::uint64_t> Spool::take(int from, std::uint64_t limit) {
  if (file_ < 0 || ::ftruncate(file_, 0) != 0) return file_error("Cannot write", path_, errno);
  std::uint64_t at = 0;
  while (at < limit) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece_.size(), limit - at));
    const ssize_t got = ::pread(from, piece_.data(), want, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return file_error("Cannot read", path_, errno);
    if (got == 0) break;
    errno = 0;
    if (::pwrite(file_, piece_.data(), static_cast<std::size_t>(got), static_cast<off_t>(at)) != got) {
      return file_error("Cannot write", path_, errno == 0 ? ENOSPC : errno);
    }
    at += static_cast<std::uint64_t>(got);
  }
  return at;
}

Status publish(const std::string& made, const std::string& file, bool replace) {
  if (replace ? ::rename(made.c_str(), file.c_str()) != 0 : ::link(made.c_str(), file.c_str()) != 0) {
    if (errno == EEXIST)
      return {Code::already_exists, fmt::format("{} is there already: choose another name, or say --force.", file)};
    // Some file systems know no links.
    const int number = errno;
    if (replace || (number != EPERM && number != ENOTSUP)) return file_error("Cannot make", file, number);
    if (::access(file.c_str(), F_OK) == 0 || ::rename(made.c_str(), file.c_str()) != 0) {
      return file_error("Cannot make", file, errno);
    }
  }
  return sync_folder(parent_of(file));
}

}  // namespace librebird::storage
