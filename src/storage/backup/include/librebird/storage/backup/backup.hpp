#pragma once

// Backup of an installation, and restore. Blocking; operator commands. docs/backup.md has the format.

#include <librebird/base/clock.hpp>
#include <librebird/base/result.hpp>
#include <librebird/storage/sql/database_copier.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace librebird::storage {

struct BackupOptions {
  std::string data_dir;
  std::string config_file;              // the settings in use; empty: none
  std::optional<std::string> key_text;  // the master key goes along: whoever has the archive can then open all secrets
  std::string program;  // version, for the archive's head
  bool replace = false;  // an archive of this name may be replaced
  // Writes a database that is on a server into a new file; empty: it is the data folder's.
  std::function<Status(const std::string& file)> export_to;
};

struct BackupReport {
  std::string file;
  std::uint64_t files = 0;  // all members
  std::uint64_t bytes = 0;  // before they were packed
  DatabaseFacts database;
  UnixMillis created_at = 0;
  bool with_key = false;
  std::vector<std::string> left_out;  // links, pipes and unreadable names; at most kMostLeftOut are named
  std::uint64_t left_out_count = 0;
};
inline constexpr std::size_t kMostLeftOut = 20;

// `target`: the archive's name, or a folder to make one in. The running server is not disturbed.
// Errors: already_exists, not_found (no installation), unavailable (disk), failed_precondition (another backup writes
// this name), and those of DatabaseCopier::copy_to.
Result<BackupReport> back_up(const Clock& clock, const BackupOptions& options, const std::string& target);

// Reads all of an archive, and leaves its database as `librebird.db` (and its key, if it has one, as `master.key`) in a
// folder that is there and empty, to be looked at further. Errors: those of ArchiveReader and of
// DatabaseCopier::examine; failed_precondition (newer format, another engine); data_loss (other rows than it says).
Result<BackupReport> verify_backup(const std::string& archive, const std::string& scratch_folder);

// Looks through the database of a data folder, while it is served. Errors: not_found, DatabaseCopier::examine.
Result<DatabaseFacts> verify_data_folder(const std::string& data_dir);

struct RestoreOptions {
  std::string data_dir;
  bool force = false;  // what is there is put aside
  // Fills the database on a server from a file, all of it or nothing; empty: the folder keeps the file. It is called
  // when the archive was checked; if it fails, nothing was changed. A restore that is killed after it is done again.
  std::function<Status(const std::string& file)> import_from;
};
struct RestoreReport {
  BackupReport backup;
  std::string put_aside;  // where the former data folder is now; empty: there was none
  bool key_kept = false;  // the master key of the former folder was taken over
};
// Hold the lock of the data folder, if it exists. Errors: those of verify_backup; already_exists (the folder is not
// empty); failed_precondition (it cannot be renamed, as where something is mounted).
Result<RestoreReport> restore(const Clock& clock, const RestoreOptions& options, const std::string& archive);

}  // namespace librebird::storage
