#pragma once

// The files of an installation of the desktop app. Private; blocking.

#include <librebird/storage/sqlite/foreign_file.hpp>

#include <memory>
#include <string>
#include <vector>

#include "mapping.hpp"

namespace librebird::storage::legacy {

struct DesktopSource {
  std::string root;                          // the installation's folder
  std::unique_ptr<ForeignFile> database;
  std::unique_ptr<ForeignFile> knowledge;    // may be null
  std::vector<SourceTable> tables;           // those that are there, of both
  std::vector<std::string> notes;
};

// `path`: the folder or the database. `knowledge`: a folder, may be empty. Errors as legacy_import.hpp says.
Result<DesktopSource> open_desktop(const std::string& path, const std::string& knowledge, bool skip_unknown,
                                   Mapping& mapping);

// KEY=VALUE lines of the .env file; lines that are none are noted without what they say. No file: none.
struct EnvironmentFile {
  std::vector<std::pair<std::string, std::string>> values;
  std::vector<int> bad_lines;
};
Result<EnvironmentFile> read_environment(const std::string& root);
[[nodiscard]] EnvironmentFile parse_environment(std::string_view text);

}  // namespace librebird::storage::legacy
