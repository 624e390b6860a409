#pragma once

// `archive.json` of a backup. Private.

#include <librebird/storage/backup/backup.hpp>

#include <string>
#include <string_view>

namespace librebird::storage {

inline constexpr std::string_view kDatabaseMember = "librebird.db";
inline constexpr std::string_view kConfigMember = "config.toml";
inline constexpr std::string_view kKeyMember = "master.key";
// Folders of the data folder that belong to the installation. What else lies there can be made anew.
inline constexpr std::string_view kFolders[] = {"skills", "skill-data", "work"};

[[nodiscard]] std::string write_head(const BackupReport& report, std::string_view engine, std::string_view program);
// invalid_argument: no backup. failed_precondition: of a newer version, or of another engine.
Result<BackupReport> read_head(std::string_view json, std::string_view engine);

// Whether a backup may have such a member.
[[nodiscard]] bool is_backup_member(std::string_view path);

}  // namespace librebird::storage
