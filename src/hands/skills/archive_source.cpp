#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librebird/base/utf8.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "sources.hpp"

namespace librebird::hands {
namespace {

struct Close {
  void operator()(archive* reader) const { archive_read_free(reader); }
};
using Reader = std::unique_ptr<archive, Close>;

// A bomb shows itself by growing; a small archive may be as dense as it likes.
constexpr std::uint64_t kDenseBytes = 4 << 20;

Error damaged(archive* reader) {
  const char* cause = archive_error_string(reader);
  return make_error(Code::invalid_argument,
                    fmt::format("The archive cannot be read ({}); make it anew as .zip, .tar.gz or .tar.xz.",
                                cause == nullptr ? "damaged" : to_valid_utf8(cause)));
}

Result<std::string> name_of(archive_entry* entry) {
  const char* name = archive_entry_pathname_utf8(entry);
  if (name == nullptr) name = archive_entry_pathname(entry);
  if (name == nullptr) return make_error(Code::invalid_argument, "A name in the archive is not valid UTF-8.");
  std::string path(name);
  while (path.starts_with("./")) path.erase(0, 2);
  return path;
}

std::string_view kind_of(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return "a hard link";
  switch (archive_entry_filetype(entry)) {
    case AE_IFLNK: return "a symbolic link";
    case AE_IFCHR:
    case AE_IFBLK: return "a device";
    case AE_IFIFO: return "a pipe";
    case AE_IFSOCK: return "a socket";
    default: return "";
  }
}

Status check_ratio(std::uint64_t unpacked, std::size_t packed, std::uint64_t ratio) {
  if (unpacked <= kDenseBytes || unpacked / ratio <= packed) return Ok{};
  return make_error(Code::too_large,
                    fmt::format("The archive grows to more than {} times its size: it is taken for a bomb.", ratio));
}

Result<std::string> content_of(archive* reader, archive_entry* entry, const std::string& path, const TreeWriter& tree,
                               std::size_t packed, std::uint64_t ratio) {
  if (archive_entry_is_encrypted(entry) != 0) {
    return make_error(Code::invalid_argument, "The archive is encrypted; send it without a password.");
  }
  if (archive_entry_size_is_set(entry) != 0) {
    LB_CHECK(tree.check_size(path, static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry)))));
  }
  std::string content;
  std::string piece(64 * 1024, '\0');
  for (;;) {
    const la_ssize_t got = archive_read_data(reader, piece.data(), piece.size());
    if (got == 0) return content;
    if (got < 0) return damaged(reader);
    content.append(piece.data(), static_cast<std::size_t>(got));
    LB_CHECK(tree.check_size(path, content.size()));
    LB_CHECK(check_ratio(tree.total() + content.size(), packed, ratio));
  }
}

Status take(archive* reader, archive_entry* entry, TreeWriter& tree, std::size_t packed, std::uint64_t ratio) {
  LB_TRY(path, name_of(entry));
  if (const std::string_view kind = kind_of(entry); !kind.empty()) return TreeWriter::refuse_kind(path, kind);
  const auto type = archive_entry_filetype(entry);
  const bool folder = type == AE_IFDIR || path.ends_with('/');
  if (folder) return path.empty() || path == "." ? Status(Ok{}) : tree.add_folder(path);
  if (type != AE_IFREG && type != 0) return TreeWriter::refuse_kind(path, "of an unknown kind");
  LB_TRY(content, content_of(reader, entry, path, tree, packed, ratio));
  return tree.add_file(path, (archive_entry_perm(entry) & 0111) != 0, content);
}

}  // namespace

Status unpack_archive(std::string_view bytes, TreeWriter& tree, std::uint64_t ratio) {
  if (bytes.size() > kMaxArchiveBytes) {
    return make_error(Code::too_large, fmt::format("The archive is larger than {} MiB.", kMaxArchiveBytes >> 20));
  }
  const Reader reader(archive_read_new());
  archive* raw = reader.get();
  if (raw == nullptr) return make_error(Code::resource_exhausted, "There is no memory to read the archive.");
  archive_read_support_format_zip(raw);
  archive_read_support_format_tar(raw);
  archive_read_support_filter_gzip(raw);
  archive_read_support_filter_xz(raw);
  (void)archive_read_set_options(raw, "hdrcharset=UTF-8");
  if (archive_read_open_memory(raw, bytes.data(), bytes.size()) != ARCHIVE_OK) return damaged(raw);
  bool any = false;
  for (;;) {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(raw, &entry);
    if (code == ARCHIVE_EOF) break;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return damaged(raw);
    LB_CHECK(take(raw, entry, tree, bytes.size(), ratio));
    any = true;
  }
  if (!any) return make_error(Code::invalid_argument, "The archive is empty.");
  return Ok{};
}

Result<std::string> read_archive_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info{};
  if (fd < 0 || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    if (fd >= 0) ::close(fd);
    return make_error(Code::not_found, fmt::format("{} is no archive that can be read.", to_valid_utf8(path)));
  }
  std::string bytes;
  std::string piece(256 * 1024, '\0');
  for (;;) {
    const ssize_t got = ::read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
    if (bytes.size() > kMaxArchiveBytes) break;  // unpack_archive says so
  }
  ::close(fd);
  return bytes;
}

}  // namespace librebird::hands
