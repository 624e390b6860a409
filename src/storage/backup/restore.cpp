#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <librebird/base/archive.hpp>
#include <librebird/storage/backup/backup.hpp>
#include <librebird/storage/sqlite/sqlite_copier.hpp>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <set>

#include "backup_head.hpp"
#include "files.hpp"

namespace librebird::storage {
namespace {

// What may be unpacked: what is free, and a little less.
std::uint64_t room_at(const std::string& folder) {
  constexpr std::uint64_t kSpare = 64U << 20;
  struct statvfs info{};
  if (::statvfs(folder.c_str(), &info) != 0) return 0;
  const std::uint64_t free = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  return free > kSpare ? free - kSpare : 0;
}

// Writes the member at hand; it must not be there yet.
Status unpack(ArchiveReader& archive, const std::string& path, bool executable) {
  std::error_code failure;
  std::filesystem::create_directories(parent_of(path), failure);
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, executable ? 0700 : 0600);
  if (file < 0) {
    const int number = errno;
    if (number == EEXIST || number == ENOTDIR || number == EISDIR) {
      return {Code::invalid_argument, "The archive cannot be used: it names a file twice. Take another copy of it."};
    }
    return file_error("Cannot write", path, number);
  }
  Status done = Ok{};
  while (done) {
    auto data = archive.read();
    if (!data) {
      done = data.error();
    } else if (data->empty()) {
      if (::fsync(file) != 0) done = file_error("Cannot write", path, errno);
      break;
    } else if (::write(file, data->data(), data->size()) != static_cast<ssize_t>(data->size())) {
      done = file_error("Cannot write", path, errno == 0 ? ENOSPC : errno);
    }
  }
  ::close(file);
  return done;
}

// Every folder below, so that the names of the files are on the disk as well.
Status sync_tree(const std::string& folder) {
  std::error_code failure;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder, failure)) {
    if (entry.is_directory(failure)) LB_CHECK(sync_folder(entry.path().string()));
  }
  if (failure) return file_error("Cannot read the folder", folder, failure.value());
  return sync_folder(folder);
}

// The database must be whole, of a version we know, and hold what the head says.
Status check_database(DatabaseCopier& copier, const std::string& file, const BackupReport& head) {
  LB_TRY(facts, copier.examine(file));
  if (facts.schema != head.database.schema || facts.key_id != head.database.key_id) {
    return {Code::data_loss, "The backup's database is not the one its head describes: take another copy of it."};
  }
  std::vector<TableCount> said = head.database.tables;
  std::ranges::sort(said, {}, &TableCount::table);
  std::ranges::sort(facts.tables, {}, &TableCount::table);
  if (said == facts.tables) return Ok{};
  return {Code::data_loss, "The backup's database holds other rows than its head says: take another copy of it."};
}

// Reads all of the archive into a folder that is there. `only`: the members to write; empty: all.
Result<BackupReport> unpack_backup(const std::string& file, const std::string& folder,
                                   const std::set<std::string_view>& only) {
  const auto copier = make_sqlite_copier({});
  LB_TRY(archive, ArchiveReader::open(file, room_at(folder)));
  LB_TRY(report, read_head(archive->head(), copier->engine()));
  report.file = file;
  report.files = 1;
  while (true) {
    LB_TRY(member, archive->next());
    if (!member) break;
    ++report.files;
    if (!is_backup_member(member->path)) {
      return {Code::invalid_argument,
              fmt::format("The archive cannot be used: `{}` is no part of a backup. Take another copy of it.",
                          member->path)};
    }
    if (only.empty() || only.contains(member->path)) {
      LB_CHECK(unpack(*archive, folder + "/" + member->path, member->executable));
    }
  }
  const std::string database = folder + "/" + std::string(kDatabaseMember);
  std::error_code failure;
  if (!std::filesystem::exists(database, failure)) {
    return {Code::invalid_argument, "The archive is no backup of Libre Bird: it holds no database."};
  }
  LB_CHECK(check_database(*copier, database, report));
  report.bytes = archive->bytes();
  return report;
}

// Whether there is anything that somebody could miss.
bool is_occupied(const std::string& folder) {
  std::error_code failure;
  for (const auto& entry : std::filesystem::directory_iterator(folder, failure)) {
    if (entry.path().filename() != "server.lock") return true;
  }
  return false;
}

// The key of the folder that is replaced goes on to be used, unless the backup brings its own.
Result<bool> keep_key(const std::string& from, const std::string& to) {
  std::error_code failure;
  const std::string name = "/" + std::string(kKeyMember);
  if (!std::filesystem::exists(from + name, failure) || std::filesystem::exists(to + name, failure)) return false;
  std::filesystem::copy_file(from + name, to + name, failure);
  if (failure) return file_error("Cannot copy the key to", to + name, failure.value());
  return true;
}

// Puts the finished folder in its place. Each step is one rename; between the two both folders are whole.
Result<std::string> swap_in(const Clock& clock, Unfinished& made, const std::string& place) {
  const std::string finished = made.folder();
  std::string aside;
  std::error_code failure;
  if (std::filesystem::exists(place, failure)) {
    std::string time = to_rfc3339(clock.unix_now()).substr(0, 19);
    std::ranges::replace(time, ':', '-');
    aside = fmt::format("{}.before-restore-{}Z", place, time);
    if (std::filesystem::exists(aside, failure)) {
      return {Code::already_exists, fmt::format("{} is in the way: move it away, or wait a second.", aside)};
    }
    if (::rename(place.c_str(), aside.c_str()) != 0) {
      if (errno != EBUSY && errno != EXDEV) return file_error("Cannot move away", place, errno);
      return {Code::failed_precondition,
              fmt::format("{} is a mount point and cannot be exchanged: restore into a folder inside it with "
                          "--data-dir, and serve from that.",
                          place)};
    }
  }
  LB_CHECK(made.keep());
  if (::rename(finished.c_str(), place.c_str()) != 0) {
    const int number = errno;
    if (!aside.empty()) (void)::rename(aside.c_str(), place.c_str());
    return file_error("Cannot make the data folder", place, number);
  }
  LB_CHECK(sync_folder(parent_of(place)));
  return aside;
}

}  // namespace

Result<BackupReport> verify_backup(const std::string& archive, const std::string& scratch_folder) {
  return unpack_backup(archive, scratch_folder, {kDatabaseMember, kKeyMember});
}

Result<DatabaseFacts> verify_data_folder(const std::string& data_dir) {
  const std::string database = data_dir + "/" + std::string(kDatabaseMember);
  std::error_code failure;
  if (!std::filesystem::exists(database, failure)) {
    return {Code::not_found, fmt::format("There is no database {}: name the data folder with --data-dir.", database)};
  }
  return make_sqlite_copier(database)->examine(database);
}

Result<RestoreReport> restore(const Clock& clock, const RestoreOptions& options, const std::string& archive) {
  std::filesystem::path normal = std::filesystem::absolute(options.data_dir).lexically_normal();
  if (!normal.has_filename()) normal = normal.parent_path();
  const std::string place = normal.string();
  const bool occupied = is_occupied(place);
  if (occupied && !options.force) {
    return {Code::already_exists,
            fmt::format("The data folder {} is not empty: choose another with --data-dir, or say --force to put it "
                        "aside.",
                        place)};
  }
  std::error_code failure;
  std::filesystem::create_directories(parent_of(place), failure);
  LB_TRY(made, Unfinished::make(fmt::format("{}/.{}.unfinished", parent_of(place), normal.filename().string())));
  LB_TRY(backup, unpack_backup(archive, made.folder(), {}));
  RestoreReport report{std::move(backup), {}, false};
  LB_TRY(kept, keep_key(place, made.folder()));
  report.key_kept = kept;
  if (options.import_from) {
    const std::string database = made.folder() + "/" + std::string(kDatabaseMember);
    LB_CHECK(options.import_from(database));
    for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(database + part, failure);
  }
  LB_CHECK(sync_tree(made.folder()));
  LB_TRY(aside, swap_in(clock, made, place));
  report.put_aside = std::move(aside);
  if (!occupied && !report.put_aside.empty()) {
    std::filesystem::remove_all(report.put_aside, failure);
    report.put_aside.clear();
  }
  return report;
}

}  // namespace librebird::storage
