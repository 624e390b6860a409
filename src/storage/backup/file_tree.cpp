#include "file_tree.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librebird/base/archive.hpp>
#include <librebird/base/process/process.hpp>

#include <algorithm>
#include <memory>
#include <vector>

namespace librebird::storage {
namespace {

struct CloseFolder {
  void operator()(DIR* folder) const { ::closedir(folder); }
};
Status visit_folder(int parent, const std::string& name, const std::string& path, const TreeVisitor& visitor);

Status visit_entry(int folder, const std::string& name, const std::string& path, const TreeVisitor& visitor) {
  struct stat info{};
  if (::fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) return Ok{};  // gone meanwhile
  if (!is_archive_path(path) || (!S_ISDIR(info.st_mode) && !S_ISREG(info.st_mode))) {
    visitor.left_out(path);
    return Ok{};
  }
  if (S_ISDIR(info.st_mode)) return visit_folder(folder, name, path, visitor);
  const Fd file(::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
    visitor.left_out(path);
    return Ok{};
  }
  return visitor.file(path, file.get(), static_cast<std::uint64_t>(info.st_size), (info.st_mode & 0100) != 0);
}

Status visit_folder(int parent, const std::string& name, const std::string& path, const TreeVisitor& visitor) {
  const int opened = ::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
  if (opened < 0) {
    if (errno != ENOENT) visitor.left_out(path);
    return Ok{};
  }
  const std::unique_ptr<DIR, CloseFolder> folder(::fdopendir(opened));
  if (!folder) return {Code::resource_exhausted, "Too many folders are open: raise the limit of open files."};
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(folder.get())) {
    const std::string_view found = entry->d_name;
    if (found != "." && found != "..") names.emplace_back(found);
  }
  std::ranges::sort(names);
  for (const std::string& entry : names) {
    LB_CHECK(visit_entry(::dirfd(folder.get()), entry, path + "/" + entry, visitor));
  }
  return Ok{};
}

}  // namespace

Status walk(const std::string& parent, const std::string& name, const TreeVisitor& visitor) {
  const Fd root(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return Ok{};
  return visit_folder(root.get(), name, name, visitor);
}

}  // namespace librebird::storage
