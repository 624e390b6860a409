#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librebird/base/process/process.hpp>
#include <librebird/base/utf8.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "sources.hpp"

namespace librebird::hands {
namespace {

constexpr std::array<std::string_view, 4> kLeftOut{".git", "__pycache__", "node_modules", ".venv"};

Error unreadable(const std::string& path) {
  return make_error(Code::invalid_argument,
                    fmt::format("\"{}\" cannot be read: {}.", to_valid_utf8(path), std::strerror(errno)));
}

std::string_view kind_of(mode_t mode) {
  if (S_ISLNK(mode)) return "a symbolic link";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  if (S_ISFIFO(mode)) return "a pipe";
  return S_ISSOCK(mode) ? "a socket" : "of an unknown kind";
}

Status copy_file(int folder, const std::string& name, const std::string& path, TreeWriter& tree) {
  const Fd fd(::openat(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return unreadable(path);
  if (!S_ISREG(info.st_mode)) return TreeWriter::refuse_kind(path, kind_of(info.st_mode));
  LB_CHECK(tree.check_size(path, static_cast<std::uint64_t>(info.st_size)));
  std::string content;
  std::string piece(64 * 1024, '\0');
  for (;;) {
    const ssize_t got = ::read(fd.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path);
    if (got == 0) break;
    content.append(piece.data(), static_cast<std::size_t>(got));
    LB_CHECK(tree.check_size(path, content.size()));  // it may grow under our hands
  }
  return tree.add_file(path, (info.st_mode & 0111) != 0, content);
}

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};

// The names of a folder in order, so that the same folder is read the same way everywhere.
Result<std::vector<std::string>> names_in(int folder, const std::string& path, std::size_t most) {
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const std::unique_ptr<DIR, CloseFolder> stream(copy < 0 ? nullptr : ::fdopendir(copy));
  if (!stream) return unreadable(path);
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || std::ranges::find(kLeftOut, name) != kLeftOut.end()) continue;
    names.emplace_back(name);
    if (names.size() > most) {
      return make_error(Code::too_large, fmt::format("The skill holds more than {} files and folders.", most));
    }
  }
  std::ranges::sort(names);
  return names;
}

Status copy_level(int folder, const std::string& prefix, TreeWriter& tree) {
  LB_TRY(names, names_in(folder, prefix.empty() ? "." : prefix, tree.limits().entries));
  for (const std::string& name : names) {
    const std::string path = prefix.empty() ? name : prefix + "/" + name;
    struct stat info{};
    if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return unreadable(path);
    if (S_ISDIR(info.st_mode)) {
      LB_CHECK(tree.add_folder(path));  // bounds the depth
      const Fd inner(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!inner) return unreadable(path);
      LB_CHECK(copy_level(inner.get(), path, tree));
    } else if (S_ISREG(info.st_mode)) {
      LB_CHECK(copy_file(folder, name, path, tree));
    } else {
      return TreeWriter::refuse_kind(path, kind_of(info.st_mode));
    }
  }
  return Ok{};
}

}  // namespace

Status copy_folder(const std::string& folder, TreeWriter& tree) {
  const Fd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) {
    return make_error(Code::not_found, fmt::format("{} is no folder that can be read: {}.", to_valid_utf8(folder),
                                                   std::strerror(errno)));
  }
  return copy_level(fd.get(), "", tree);
}

}  // namespace librebird::hands
