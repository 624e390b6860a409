#include <librebird/cli/backup.hpp>

#include "terminal.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <numeric>

namespace librebird::cli {
namespace {

std::int64_t rows_of(const storage::DatabaseFacts& facts) {
  return std::accumulate(facts.tables.begin(), facts.tables.end(), std::int64_t{0},
                         [](std::int64_t sum, const storage::TableCount& table) { return sum + table.rows; });
}

std::string what_is_in(const storage::BackupReport& report) {
  return fmt::format("{} files, {} bytes; schema {}, {} rows in {} tables; {} the master key", report.files,
                     report.bytes, report.database.schema, rows_of(report.database), report.database.tables.size(),
                     report.with_key ? "with" : "without");
}

void warn(const std::string& text) { fmt::print(stderr, "warning: {}\n", text); }

}  // namespace

int report_backup(const storage::BackupReport& report, const std::string& data_dir) {
  fmt::print("{}\n{}\n", report.file, what_is_in(report));
  if (report.with_key) {
    warn("whoever has this file can open every secret in it: keep it as you keep the key.");
  } else if (!report.database.key_id.empty()) {
    warn(fmt::format("secrets in it can only be opened with the master key {}: keep {}/master.key apart from it.",
                     report.database.key_id, data_dir));
  }
  for (const std::string& path : report.left_out)
    warn("left out, it is no plain file that can be read: " + printable(path));
  if (report.left_out_count > report.left_out.size()) {
    warn(fmt::format("and {} more", report.left_out_count - report.left_out.size()));
  }
  return 0;
}

int report_restore(const storage::RestoreReport& report, const std::string& data_dir, bool on_server) {
  fmt::print("Restored {} of {} into {}{}\n{}\n", report.backup.file, to_rfc3339(report.backup.created_at), data_dir,
             on_server ? " and the database on its server, where every row was compared" : "",
             what_is_in(report.backup));
  if (!report.put_aside.empty()) fmt::print("The former data folder is {}\n", report.put_aside);
  if (report.key_kept) {
    fmt::print("The master key of the former folder is used on.\n");
  } else if (!report.backup.with_key && !report.backup.database.key_id.empty()) {
    warn(fmt::format("the master key {} is not in the backup: put it into {}/master.key before you serve.",
                     report.backup.database.key_id, data_dir));
  }
  return 0;
}

void report_verified(const storage::BackupReport& report) {
  fmt::print("ok       {} of {}\n         {}\n", report.file, to_rfc3339(report.created_at), what_is_in(report));
}

void report_verified(const std::string& database, const storage::DatabaseFacts& facts) {
  fmt::print("ok       {}: schema {}, {} rows in {} tables\n", database, facts.schema, rows_of(facts),
             facts.tables.size());
}

}  // namespace librebird::cli
