#include "desktop_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>

namespace librebird::storage::legacy {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 3> kIndexes{"context_fts", "messages_fts", "memories_fts"};
constexpr std::size_t kLongestEnvironment = 256 * 1024;

bool is_search_index(std::string_view table) {
  return std::ranges::any_of(
      kIndexes, [&](std::string_view index) { return table == index || table.starts_with(std::string(index) + "_"); });
}

Result<std::string> database_in(const std::string& path, std::string& root) {
  std::error_code failure;
  if (!fs::is_directory(path, failure)) {
    root = fs::path(path).parent_path().string();
    if (root.empty()) root = ".";
    return path;
  }
  root = path;
  const std::string file = path + "/libre_bird.db";
  if (!fs::exists(file, failure)) {
    return {Code::not_found,
            fmt::format("There is no libre_bird.db in {}: name the folder of the desktop app, or its database.", path)};
  }
  return file;
}

Error not_ours(const std::string& file, const std::string& why) {
  return make_error(Code::failed_precondition,
                    fmt::format("{} is not a database of the desktop app: {}. Nothing was changed.", file, why));
}

// What nobody here knows: tables, and columns of known tables.
Result<std::vector<std::string>> unknown_parts(const ForeignFile& database, const std::vector<SourceTable>& known,
                                               const std::vector<std::string>& there) {
  std::vector<std::string> unknown;
  for (const std::string& name : there) {
    if (name.starts_with("sqlite_") || is_search_index(name)) continue;
    const auto table = std::ranges::find(known, name, &SourceTable::name);
    if (table == known.end()) {
      unknown.push_back("the table " + name);
      continue;
    }
    LB_TRY(columns, database.columns(name));
    for (const std::string& column : columns) {
      if (column != "id" && std::ranges::find(table->columns, column) == table->columns.end()) {
        unknown.push_back(fmt::format("the column {} of {}", column, name));
      }
    }
  }
  return unknown;
}

Status check_known_columns(const ForeignFile& database, const SourceTable& table, const std::string& file) {
  LB_TRY(columns, database.columns(std::string(table.name)));
  for (const std::string& column : table.columns) {
    if (std::ranges::find(columns, column) == columns.end()) {
      return not_ours(file, fmt::format("its table {} has no column {}", table.name, column));
    }
  }
  return Ok{};
}

Status open_database(DesktopSource& source, const std::string& file, bool skip_unknown, Mapping& mapping) {
  LB_TRY(database, ForeignFile::open(file));
  LB_TRY(there, database->tables());
  const auto has = [&](std::string_view name) { return std::ranges::find(there, name) != there.end(); };
  if (has("schema_version") && has("workspaces")) {
    return not_ours(file, "it is one of this program's own; `librebird migrate` moves those");
  }
  if (!has("conversations") || !has("messages")) return not_ours(file, "it has no conversations and messages");
  std::vector<SourceTable> known = mapping.tables();
  LB_TRY(unknown, unknown_parts(*database, known, there));
  LB_TRY(version, database->number("PRAGMA user_version"));
  if (version != 0) unknown.insert(unknown.begin(), fmt::format("its version {}", version));
  const std::size_t shown = std::min<std::size_t>(unknown.size(), 20);
  const std::string list =
      fmt::format("{}{}", fmt::join(unknown.begin(), unknown.begin() + static_cast<long>(shown), ", "),
                  shown < unknown.size() ? ", ..." : "");
  if (!unknown.empty() && !skip_unknown) {
    return {Code::failed_precondition,
            fmt::format("{} was written by another version of the desktop app than is known here: {}. Nothing was "
                        "changed; with --skip-unknown all the rest is taken over.",
                        file, list)};
  }
  if (!unknown.empty()) source.notes.push_back("not taken over, since nobody here knows it: " + list);
  for (SourceTable& table : known) {
    if (!has(table.name)) {
      source.notes.push_back(fmt::format("there is no table {}", table.name));
      continue;
    }
    LB_CHECK(check_known_columns(*database, table, file));
    source.tables.push_back(std::move(table));
  }
  source.database = std::move(database);
  return Ok{};
}

Status open_knowledge(DesktopSource& source, const std::string& folder, Mapping& mapping) {
  std::error_code failure;
  const std::string file = folder + "/chroma.sqlite3";
  if (folder.empty()) return Ok{};
  if (!fs::exists(file, failure)) {
    return {Code::not_found,
            fmt::format("There is no chroma.sqlite3 in {}: name the folder of the document store.", folder)};
  }
  LB_TRY(database, ForeignFile::open(file));
  LB_TRY(there, database->tables());
  for (const char* name : {"collections", "segments", "embeddings", "embedding_metadata"}) {
    if (std::ranges::find(there, name) == there.end()) {
      return {Code::failed_precondition,
              fmt::format("{} is of a version that is not known here: it has no table {}. Nothing was changed.", file,
                          name)};
    }
  }
  LB_TRY(columns, database->columns("embedding_metadata"));
  const bool flags = std::ranges::find(columns, "bool_value") != columns.end();
  source.tables.push_back(mapping.knowledge(flags));
  source.knowledge = std::move(database);
  return Ok{};
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

}  // namespace

Result<DesktopSource> open_desktop(const std::string& path, const std::string& knowledge, bool skip_unknown,
                                   Mapping& mapping) {
  DesktopSource source;
  LB_TRY(file, database_in(path, source.root));
  LB_CHECK(open_database(source, file, skip_unknown, mapping));
  LB_CHECK(open_knowledge(source, knowledge, mapping));
  return source;
}

EnvironmentFile parse_environment(std::string_view text) {
  EnvironmentFile out;
  for (int number = 1; !text.empty(); ++number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with("export ")) line = trimmed(line.substr(7));
    if (line.empty() || line.front() == '#') continue;
    const std::size_t equals = line.find('=');
    const std::string_view name = trimmed(line.substr(0, std::min(equals, line.size())));
    const auto fits = [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    if (equals == std::string_view::npos || name.empty() || name.size() > 128 || !std::ranges::all_of(name, fits)) {
      out.bad_lines.push_back(number);
      continue;
    }
    std::string_view value = trimmed(line.substr(equals + 1));
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'') && value.back() == value.front()) {
      value = value.substr(1, value.size() - 2);
    }
    if (!value.empty()) out.values.emplace_back(name, value);
  }
  return out;
}

Result<EnvironmentFile> read_environment(const std::string& root) {
  const std::string file = root + "/.env";
  std::error_code failure;
  if (!fs::is_regular_file(file, failure)) return EnvironmentFile{};
  if (fs::file_size(file, failure) > kLongestEnvironment) {
    return {Code::too_large, fmt::format("{} is larger than {} KiB, which no file of keys is: look at it, or move it "
                                         "away. Nothing was changed.",
                                         file, kLongestEnvironment / 1024)};
  }
  std::ifstream in(file, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad() || !in.is_open()) {
    return {Code::failed_precondition, fmt::format("{} cannot be read: check that this user may read it.", file)};
  }
  return parse_environment(text);
}

}  // namespace librebird::storage::legacy
