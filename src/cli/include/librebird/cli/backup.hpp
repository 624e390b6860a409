#pragma once

// What `librebird backup`, `restore` and `verify` tell. Any thread.

#include <librebird/storage/backup/backup.hpp>

#include <string>

namespace librebird::cli {

// Return the exit code.
int report_backup(const storage::BackupReport& report, const std::string& data_dir);
int report_restore(const storage::RestoreReport& report, const std::string& data_dir, bool on_server);
void report_verified(const storage::BackupReport& report);
void report_verified(const std::string& database, const storage::DatabaseFacts& facts);

}  // namespace librebird::cli
