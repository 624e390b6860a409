#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <librebird/base/archive.hpp>
#include <librebird/base/sha256.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "manifest_line.hpp"

namespace librebird {
namespace {

Error write_error(const std::string& path, int number) {
  return make_error(
      Code::unavailable,
      number == ENOSPC || number == EDQUOT
          ? fmt::format("The disk is full, {} could not be written: free some space and try again.", path)
          : fmt::format("{} cannot be written ({}): check the folder and the disk.", path, std::strerror(number)));
}

}  // namespace

struct ArchiveWriter::Impl {
  std::string path;
  int file = -1;
  archive* out = nullptr;
  archive_entry* entry = nullptr;
  std::string manifest;
  std::uint64_t members = 0;
  std::uint64_t bytes = 0;

  ~Impl() {
    archive_entry_free(entry);
    archive_write_free(out);
    if (file >= 0) ::close(file);
  }
  [[nodiscard]] Error failed() const { return write_error(path, archive_errno(out)); }

  Status begin(std::string_view name, std::uint64_t size, bool executable) {
    archive_entry_clear(entry);
    // Bytes as they are: UTF-8 in every locale.
    archive_entry_set_pathname(entry, std::string(name).c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, executable ? 0700 : 0600);
    archive_entry_set_size(entry, static_cast<la_int64_t>(size));
    // A warning says that the process's locale does not know the name: its bytes are written all the same.
    const int code = archive_write_header(out, entry);
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN) return failed();
    return Ok{};
  }
  Status write(std::string_view piece) {
    while (!piece.empty()) {
      const la_ssize_t put = archive_write_data(out, piece.data(), piece.size());
      if (put <= 0) return failed();
      piece.remove_prefix(static_cast<std::size_t>(put));
    }
    return Ok{};
  }
  Status end(std::string_view name, std::uint64_t size, std::string_view sha256) {
    if (archive_write_finish_entry(out) != ARCHIVE_OK) return failed();
    append_manifest_line(manifest, name, size, sha256);
    if (manifest.size() > kLongestManifest) {
      return {Code::resource_exhausted, "There are too many files for one archive: some hundred thousand fit."};
    }
    ++members;
    bytes += size;
    return Ok{};
  }
};

ArchiveWriter::ArchiveWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ArchiveWriter::~ArchiveWriter() = default;
std::uint64_t ArchiveWriter::members() const { return impl_->members; }
std::uint64_t ArchiveWriter::bytes() const { return impl_->bytes; }

Result<std::unique_ptr<ArchiveWriter>> ArchiveWriter::create(const std::string& path, std::string_view head) {
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  impl->file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (impl->file < 0) return write_error(path, errno);
  impl->out = archive_write_new();
  impl->entry = archive_entry_new();
  if (impl->out == nullptr || impl->entry == nullptr) {
    return {Code::resource_exhausted, "There is no memory to write an archive."};
  }
  // The fastest level: the disk is what takes time. No time in the gzip header: equal content gives equal archives.
  if (archive_write_add_filter_gzip(impl->out) != ARCHIVE_OK || archive_write_set_format_pax(impl->out) != ARCHIVE_OK ||
      archive_write_set_options(impl->out, "gzip:compression-level=1,gzip:!timestamp") != ARCHIVE_OK ||
      archive_write_open_fd(impl->out, impl->file) != ARCHIVE_OK) {
    return impl->failed();
  }
  std::unique_ptr<ArchiveWriter> writer(new ArchiveWriter(std::move(impl)));
  LB_CHECK(writer->add(kArchiveHead, head));
  return writer;
}

Status ArchiveWriter::add(std::string_view path, std::string_view content) {
  Sha256 hash;
  hash.update(content);
  LB_CHECK(impl_->begin(path, content.size(), false));
  LB_CHECK(impl_->write(content));
  return impl_->end(path, content.size(), hash.finish());
}

Status ArchiveWriter::add_file(std::string_view path, int file, std::uint64_t size, bool executable) {
  LB_CHECK(impl_->begin(path, size, executable));
  Sha256 hash;
  std::string piece(256 * 1024, '\0');
  for (std::uint64_t at = 0; at < size;) {
    const auto want = static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), size - at));
    const ssize_t got = ::pread(file, piece.data(), want, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      return {Code::unavailable, fmt::format("{} could not be read whole: check the disk and try again.", path)};
    }
    const std::string_view bytes(piece.data(), static_cast<std::size_t>(got));
    hash.update(bytes);
    LB_CHECK(impl_->write(bytes));
    at += bytes.size();
  }
  return impl_->end(path, size, hash.finish());
}

Status ArchiveWriter::finish() {
  const std::string manifest = std::move(impl_->manifest);
  LB_CHECK(impl_->begin(kArchiveManifest, manifest.size(), false));
  LB_CHECK(impl_->write(manifest));
  if (archive_write_close(impl_->out) != ARCHIVE_OK) return impl_->failed();
  if (::fsync(impl_->file) != 0) return write_error(impl_->path, errno);
  return Ok{};
}

}  // namespace librebird
