#pragma once

// Archives with a manifest: a gzipped tar (pax) of regular files. The first member, `archive.json`, says what it is;
// the last, `manifest.jsonl`, has one line for each member before it, in order:
//   {"path":"…","bytes":123,"sha256":"…"}
// Blocking; a writer or reader belongs to one thread at a time, not to the loop.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace librebird {

inline constexpr std::string_view kArchiveHead = "archive.json";
inline constexpr std::string_view kArchiveManifest = "manifest.jsonl";

// True for a relative path that names something below its folder: valid UTF-8, no control characters, no empty, `.` or
// `..` part, at most 1,024 bytes and 64 parts.
[[nodiscard]] bool is_archive_path(std::string_view path);

class ArchiveWriter {
 public:
  // Makes a file for this user only; it must not be there yet. `head`: a JSON object.
  static Result<std::unique_ptr<ArchiveWriter>> create(const std::string& path, std::string_view head);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  Status add(std::string_view path, std::string_view content);
  // `size` bytes of an open file, from its beginning. It must not shrink meanwhile. resource_exhausted: too many
  // members.
  Status add_file(std::string_view path, int file, std::uint64_t size, bool executable = false);
  // Writes the manifest; when it answers, the archive is on the disk.
  Status finish();

  [[nodiscard]] std::uint64_t members() const;
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Impl;
  explicit ArchiveWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct ArchiveMember {
  std::string path;
  bool executable = false;
};

class ArchiveReader {
 public:
  // Errors of all functions: invalid_argument (no such archive, cut off, altered, or hostile: a link, a device, a path
  // that leaves its folder), too_large (more than `max_bytes` unpacked), not_found.
  static Result<std::unique_ptr<ArchiveReader>> open(const std::string& path, std::uint64_t max_bytes);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  // What `archive.json` holds.
  [[nodiscard]] const std::string& head() const;
  // The next member behind it; what was not read of the one before is skipped, and still checked. Nothing: that was
  // all, and all of it agrees with the manifest. Until then nothing that was read can be relied on.
  Result<std::optional<ArchiveMember>> next();
  // A piece of the member; empty at its end. The view lives until the next call.
  Result<std::string_view> read();
  // All of it.
  Result<std::string> read_all(std::size_t limit);
  // Unpacked so far.
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  struct Impl;
  explicit ArchiveReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird
