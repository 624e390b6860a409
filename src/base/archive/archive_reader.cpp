#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librebird/base/archive.hpp>
#include <librebird/base/sha256.hpp>
#include <librebird/base/utf8.hpp>

#include "manifest_line.hpp"

namespace librebird {
namespace {

Error broken(std::string_view cause) {
  return make_error(Code::invalid_argument,
                    fmt::format("The archive cannot be used: {}. Take another copy of it.", cause));
}

std::string_view kind_of(archive_entry* entry) {
  if (archive_entry_hardlink(entry) != nullptr) return "a hard link";
  switch (archive_entry_filetype(entry)) {
    case AE_IFREG: return "";
    case AE_IFLNK: return "a symbolic link";
    case AE_IFDIR: return "a folder";
    case AE_IFCHR:
    case AE_IFBLK: return "a device";
    case AE_IFIFO: return "a pipe";
    default: return "no file";
  }
}

// Up to its newline; takes it off.
std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(text.size(), line.size() + 1));
  return line;
}

}  // namespace

struct ArchiveReader::Impl {
  int file = -1;
  archive* in = nullptr;
  std::uint64_t max_bytes = 0;
  std::uint64_t bytes = 0;  // of all members
  std::string head;
  std::string manifest;  // what it has to be
  std::string piece = std::string(256 * 1024, '\0');
  ArchiveMember member;
  std::uint64_t member_bytes = 0;
  Sha256 hash;
  bool inside = false;
  bool done = false;

  ~Impl() {
    archive_read_free(in);
    if (file >= 0) ::close(file);
  }
  [[nodiscard]] Error failed() const {
    const char* cause = archive_error_string(in);
    return broken(fmt::format("it was cut off or damaged, or is no .tar.gz ({})",
                              cause == nullptr ? "unreadable" : to_valid_utf8(cause)));
  }

  Result<bool> enter() {
    archive_entry* entry = nullptr;
    const int code = archive_read_next_header(in, &entry);
    if (code == ARCHIVE_EOF) return false;
    // A warning says that the process's locale does not know the name.
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return failed();
    const char* name = archive_entry_pathname(entry);
    if (name == nullptr) name = archive_entry_pathname_utf8(entry);
    if (name == nullptr) return broken("a name in it is not valid UTF-8");
    if (!is_archive_path(name)) {
      return broken(fmt::format("the name `{}` in it is none that stays below its folder", to_valid_utf8(name)));
    }
    if (const std::string_view kind = kind_of(entry); !kind.empty()) {
      return broken(fmt::format("`{}` in it is {}, and only plain files may be there", name, kind));
    }
    member = {name, (archive_entry_perm(entry) & 0100) != 0};
    member_bytes = 0;
    inside = true;
    return true;
  }
  Result<std::string_view> read() {
    const la_ssize_t got = archive_read_data(in, piece.data(), piece.size());
    if (got < 0) return failed();
    const std::string_view data(piece.data(), static_cast<std::size_t>(got));
    hash.update(data);
    member_bytes += data.size();
    bytes += data.size();
    if (bytes > max_bytes) {
      return {Code::too_large, fmt::format("The archive unpacks to more than {} MiB, which is all there is room for: "
                                           "free some space, or take it for a bomb.",
                                           max_bytes >> 20)};
    }
    return data;
  }
  Result<std::string> read_all(std::size_t limit) {
    std::string all;
    while (true) {
      LB_TRY(data, read());
      if (data.empty()) return all;
      all += data;
      if (all.size() > limit) return broken(fmt::format("`{}` in it is too long", member.path));
    }
  }
  // To the end of the member, and its line.
  Status leave() {
    for (bool more = inside; more;) {
      LB_TRY(data, read());
      more = !data.empty();
    }
    if (!inside) return Ok{};
    inside = false;
    append_manifest_line(manifest, member.path, member_bytes, hash.finish());
    if (manifest.size() > kLongestManifest) return broken("it has too many members");
    return Ok{};
  }
  Status check_manifest() {
    LB_TRY(found, read_all(kLongestManifest));
    inside = false;
    LB_TRY(more, enter());
    if (more) return broken(fmt::format("`{}` comes behind its manifest", member.path));
    if (found == manifest) return Ok{};
    std::string_view says = found;
    std::string_view is = manifest;
    while (!says.empty() && !is.empty()) {
      const std::string_view line = take_line(is);
      if (take_line(says) != line) {
        return broken(fmt::format("it was altered: {} is not what the manifest says", line));
      }
    }
    return broken(is.empty() ? "it was altered: files that the manifest names are missing"
                             : "it was altered: it holds files that the manifest does not name");
  }
};

ArchiveReader::ArchiveReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ArchiveReader::~ArchiveReader() = default;
const std::string& ArchiveReader::head() const { return impl_->head; }
std::uint64_t ArchiveReader::bytes() const { return impl_->bytes; }
Result<std::string_view> ArchiveReader::read() { return impl_->read(); }
Result<std::string> ArchiveReader::read_all(std::size_t limit) { return impl_->read_all(limit); }

Result<std::unique_ptr<ArchiveReader>> ArchiveReader::open(const std::string& path, std::uint64_t max_bytes) {
  auto impl = std::make_unique<Impl>();
  impl->max_bytes = max_bytes;
  impl->file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info{};
  if (impl->file < 0 || ::fstat(impl->file, &info) != 0 || !S_ISREG(info.st_mode)) {
    return {Code::not_found,
            fmt::format("{} is no archive that can be read: check the name and who may read it.", to_valid_utf8(path))};
  }
  impl->in = archive_read_new();
  if (impl->in == nullptr) return {Code::resource_exhausted, "There is no memory to read the archive."};
  archive_read_support_format_tar(impl->in);
  archive_read_support_filter_gzip(impl->in);
  if (archive_read_open_fd(impl->in, impl->file, 64 * 1024) != ARCHIVE_OK) return impl->failed();
  LB_TRY(any, impl->enter());
  if (!any || impl->member.path != kArchiveHead) return broken("it is not one that Libre Bird wrote");
  LB_TRY(head, impl->read_all(kLongestHead));
  impl->head = std::move(head);
  return std::unique_ptr<ArchiveReader>(new ArchiveReader(std::move(impl)));
}

Result<std::optional<ArchiveMember>> ArchiveReader::next() {
  if (impl_->done) return std::optional<ArchiveMember>();
  LB_CHECK(impl_->leave());
  LB_TRY(any, impl_->enter());
  if (!any) return broken("it was cut off: its manifest is missing");
  if (impl_->member.path != kArchiveManifest) return std::optional(impl_->member);
  LB_CHECK(impl_->check_manifest());
  impl_->done = true;
  return std::optional<ArchiveMember>();
}

}  // namespace librebird
