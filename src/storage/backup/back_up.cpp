#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librebird/base/archive.hpp>
#include <librebird/base/utf8.hpp>
#include <librebird/storage/backup/backup.hpp>
#include <librebird/storage/sqlite/sqlite_copier.hpp>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "backup_head.hpp"
#include "file_tree.hpp"
#include "files.hpp"
#include "spool.hpp"

namespace librebird::storage {
namespace {

// "librebird-2026-11-26T10-20-30Z.tar.gz" in a folder; a name that was given stays.
std::string name_for(const Clock& clock, const std::string& target) {
  std::error_code failure;
  if (!std::filesystem::is_directory(target, failure)) return target;
  std::string time = to_rfc3339(clock.unix_now()).substr(0, 19);
  std::ranges::replace(time, ':', '-');
  return (std::filesystem::path(target) / fmt::format("librebird-{}Z.tar.gz", time)).string();
}

Status add_whole_file(ArchiveWriter& archive, std::string_view member, const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat info{};
  if (file < 0 || ::fstat(file, &info) != 0) {
    const int number = errno;
    if (file >= 0) ::close(file);
    return file_error("Cannot read", path, number);
  }
  const Status added = archive.add_file(member, file, static_cast<std::uint64_t>(info.st_size));
  ::close(file);
  return added;
}

Status add_folders(ArchiveWriter& archive, const std::string& data_dir, Spool& spool, BackupReport& report) {
  TreeVisitor visitor;
  visitor.file = [&](const std::string& path, int file, std::uint64_t size, bool executable) -> Status {
    LB_TRY(taken, spool.take(file, size));
    return archive.add_file(path, spool.file(), taken, executable);
  };
  visitor.left_out = [&](const std::string& path) {
    ++report.left_out_count;
    if (report.left_out.size() < kMostLeftOut) report.left_out.push_back(to_valid_utf8(path));
  };
  for (const std::string_view folder : kFolders) LB_CHECK(walk(data_dir, std::string(folder), visitor));
  return Ok{};
}

}  // namespace

Result<BackupReport> back_up(const Clock& clock, const BackupOptions& options, const std::string& target) {
  BackupReport report;
  report.file = name_for(clock, target);
  report.created_at = clock.unix_now();
  report.with_key = options.key_text.has_value();
  std::error_code failure;
  if (!options.replace && std::filesystem::exists(report.file, failure)) {
    return {Code::already_exists,
            fmt::format("{} is there already: choose another name, or say --force.", report.file)};
  }
  const std::string place = parent_of(report.file);
  LB_TRY(work, Unfinished::make(
                   fmt::format("{}/.{}.unfinished", place, std::filesystem::path(report.file).filename().string())));
  std::string database = options.data_dir + "/" + std::string(kDatabaseMember);
  if (options.export_to) {
    database = work.file("export.db");
    LB_CHECK(options.export_to(database));
  }
  const auto copier = make_sqlite_copier(database);
  LB_TRY(facts, copier->copy_to(work.file("copy.db")));
  report.database = std::move(facts);
  const std::string made = work.file("archive");
  LB_TRY(archive, ArchiveWriter::create(made, write_head(report, copier->engine(), options.program)));
  LB_CHECK(add_whole_file(*archive, kDatabaseMember, work.file("copy.db")));
  if (!options.config_file.empty()) LB_CHECK(add_whole_file(*archive, kConfigMember, options.config_file));
  if (options.key_text) LB_CHECK(archive->add(kKeyMember, *options.key_text));
  Spool spool(work.file("spool"));
  LB_CHECK(add_folders(*archive, options.data_dir, spool, report));
  LB_CHECK(archive->finish());
  LB_CHECK(publish(made, report.file, options.replace));
  report.files = archive->members();
  report.bytes = archive->bytes();
  return report;
}

}  // namespace librebird::storage
