#include "person_files.hpp"

#include <librebird/base/archive.hpp>
#include <librebird/base/process/process.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>

#include "files.hpp"

namespace librebird::storage {
namespace {

constexpr std::size_t kPiece = 256 * 1024;

// A tool's program may look at its folder meanwhile: what is half there has this name.
constexpr const char* kUnfinished = ".librebird-import.unfinished";

std::vector<std::string> parts_of(std::string_view path) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at <= path.size();) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    parts.emplace_back(path.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

// Where it goes below the data folder; nothing: it stays outside.
std::optional<std::vector<std::string>> target_of(const std::string& path, const FilesTarget& target) {
  if (!is_archive_path(path)) return std::nullopt;
  std::vector<std::string> parts = parts_of(path);
  if (std::ranges::find(parts, kUnfinished) != parts.end()) return std::nullopt;
  if (parts.size() > 4 && parts[0] == "skill-data") {
    parts[1] = target.principal.workspace_id;
    parts[2] = target.principal.user_id;
    return parts;
  }
  if (parts.size() > 2 && parts[0] == "work" && target.own_workspace) {
    parts[1] = target.principal.workspace_id;
    return parts;
  }
  return std::nullopt;
}

// Not made and not there: invalid. `hostile`: something else stands there, such as a link.
struct Folder {
  Fd fd;
  bool hostile = false;
};

Result<Folder> folder_of(const std::string& data_dir, const std::vector<std::string>& parts, bool make) {
  Fd at(::open(data_dir.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!at) return file_error("Cannot open", data_dir, errno);
  for (std::size_t i = 0; i + 1 < parts.size(); ++i) {
    if (make && ::mkdirat(at.get(), parts[i].c_str(), 0700) != 0 && errno != EEXIST) {
      return file_error("Cannot make the folder", parts[i], errno);
    }
    Fd next(::openat(at.get(), parts[i].c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    if (!next) {
      if (errno == ENOENT && !make) return Folder{};
      if (errno == ENOTDIR || errno == ELOOP) return Folder{{}, true};
      return file_error("Cannot open the folder", parts[i], errno);
    }
    at = std::move(next);
  }
  return Folder{std::move(at), false};
}

// Nothing more, or an error: 0 and -1, as read() has it.
ssize_t read_piece(int file, std::string& piece) {
  for (;;) {
    const ssize_t got = ::read(file, piece.data(), piece.size());
    if (got >= 0 || errno != EINTR) return got;
  }
}

Result<bool> are_equal(int folder, const std::string& name, const UnpackedFile& file) {
  const Fd there(::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  struct stat info{};
  if (!there || ::fstat(there.get(), &info) != 0 || !S_ISREG(info.st_mode)) return false;
  const Fd ours(::open(file.place.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat own{};
  if (!ours || ::fstat(ours.get(), &own) != 0) return file_error("Cannot read", file.place, errno);
  if (info.st_size != own.st_size) return false;
  std::string a(kPiece, '\0');
  std::string b(kPiece, '\0');
  for (;;) {
    const ssize_t in_ours = read_piece(ours.get(), a);
    const ssize_t in_there = read_piece(there.get(), b);
    if (in_ours < 0) return file_error("Cannot read", file.place, errno);
    if (in_ours != in_there ||
        a.compare(0, static_cast<std::size_t>(in_ours), b, 0, static_cast<std::size_t>(in_ours)) != 0) {
      return false;
    }
    if (in_ours == 0) return true;
  }
}

Status write_to(int folder, const std::string& name, const UnpackedFile& file) {
  const Fd from(::open(file.place.c_str(), O_RDONLY | O_CLOEXEC));
  if (!from) return file_error("Cannot read", file.place, errno);
  ::unlinkat(folder, kUnfinished, 0);
  const Fd to(::openat(folder, kUnfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
                       file.executable ? 0700 : 0600));
  if (!to) return file_error("Cannot make", name, errno);
  std::string piece(kPiece, '\0');
  for (;;) {
    const ssize_t got = read_piece(from.get(), piece);
    if (got < 0) return file_error("Cannot read", file.place, errno);
    if (got == 0) break;
    for (ssize_t done = 0; done < got;) {
      const ssize_t wrote = ::write(to.get(), piece.data() + done, static_cast<std::size_t>(got - done));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return file_error("Cannot write", name, wrote == 0 ? ENOSPC : errno);
      done += wrote;
    }
  }
  // A link does not replace what a tool has put there meanwhile.
  const bool linked = ::linkat(folder, kUnfinished, folder, name.c_str(), 0) == 0;
  const int failure = errno;
  ::unlinkat(folder, kUnfinished, 0);
  if (!linked && failure != EEXIST) return file_error("Cannot make", name, failure);
  return Ok{};
}

enum class Fate { added, known, left_out };

Result<Fate> place(const UnpackedFile& file, const FilesTarget& target, bool dry_run) {
  const auto parts = target_of(file.path, target);
  if (!parts) return Fate::left_out;
  LB_TRY(folder, folder_of(target.data_dir, *parts, !dry_run));
  if (folder.hostile) return Fate::left_out;
  if (!folder.fd) return Fate::added;
  const std::string& name = parts->back();
  struct stat info{};
  if (::fstatat(folder.fd.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0) {
    LB_TRY(same, are_equal(folder.fd.get(), name, file));
    return same ? Fate::known : Fate::left_out;
  }
  if (!dry_run) LB_CHECK(write_to(folder.fd.get(), name, file));
  return Fate::added;
}

}  // namespace

Result<BroughtRows> place_files(const std::vector<UnpackedFile>& files, const FilesTarget& target, bool dry_run) {
  BroughtRows sum;
  for (const UnpackedFile& file : files) {
    LB_TRY(fate, place(file, target, dry_run));
    if (fate == Fate::added) sum.bytes += file.bytes;
    ++(fate == Fate::added ? sum.added : fate == Fate::known ? sum.known : sum.left_out);
  }
  return sum;
}

}  // namespace librebird::storage
