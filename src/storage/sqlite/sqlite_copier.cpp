#include <librebird/storage/sqlite/sqlite_copier.hpp>

#include "sqlite_connection.hpp"

#include <librebird/storage/sql/migrator.hpp>

#include <fmt/format.h>

#include <filesystem>

namespace librebird::storage {
namespace {

constexpr int kBusyMs = 10'000;

struct Close {
  void operator()(sqlite3* handle) const { sqlite3_close(handle); }
};
using Handle = std::unique_ptr<sqlite3, Close>;
struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

Result<Handle> open_file(const std::string& path, int flags) {
  sqlite3* raw = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &raw, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  Handle handle(raw);
  if (code != SQLITE_OK) return sqlite_error(raw, code, path);
  sqlite3_busy_timeout(raw, kBusyMs);
  // The file may be a stranger's: nothing in it is obeyed.
  sqlite3_limit(raw, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  return handle;
}

// `visit(statement)` for each row.
template <class F>
Status each(sqlite3* handle, const std::string& path, const std::string& sql, F&& visit) {
  sqlite3_stmt* raw = nullptr;
  int code = sqlite3_prepare_v2(handle, sql.c_str(), -1, &raw, nullptr);
  const std::unique_ptr<sqlite3_stmt, Finalize> statement(raw);
  if (code != SQLITE_OK) return sqlite_error(handle, code, path);
  while ((code = sqlite3_step(raw)) == SQLITE_ROW) visit(raw);
  if (code != SQLITE_DONE) return sqlite_error(handle, code, path);
  return Ok{};
}

std::string text(sqlite3_stmt* statement, int column) {
  const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement, column));
  return data == nullptr ? "" : std::string(data, static_cast<std::size_t>(sqlite3_column_bytes(statement, column)));
}

Result<std::int64_t> number(sqlite3* handle, const std::string& path, const std::string& sql) {
  std::int64_t found = 0;
  LB_CHECK(each(handle, path, sql, [&](sqlite3_stmt* row) { found = sqlite3_column_int64(row, 0); }));
  return found;
}

Status check_structure(sqlite3* handle, const std::string& path) {
  std::string problem;
  const auto note = [&](std::string what) {
    if (problem.empty()) problem = std::move(what);
  };
  LB_CHECK(each(handle, path, "PRAGMA integrity_check(1)", [&](sqlite3_stmt* row) {
    if (text(row, 0) != "ok") note(text(row, 0));
  }));
  if (problem.empty()) {
    LB_CHECK(each(handle, path, "PRAGMA foreign_key_check", [&](sqlite3_stmt* row) {
      note(fmt::format("a row of {} belongs to one of {} that is not there", text(row, 0), text(row, 2)));
    }));
  }
  if (problem.empty()) return Ok{};
  return {Code::data_loss, fmt::format("The database {} is damaged ({}): restore it from a backup.", path, problem)};
}

// Ours, of a version we know, and nothing in it that acts by itself.
Result<int> check_schema(sqlite3* handle, const std::string& path) {
  LB_TRY(ours, number(handle, path,
                      "SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND "
                      "name IN ('schema_version', 'users', 'messages')"));
  LB_TRY(active, number(handle, path, "SELECT COUNT(*) FROM sqlite_master WHERE type IN ('trigger', 'view')"));
  if (ours != 3 || active != 0) {
    return {Code::failed_precondition, fmt::format("{} is not a database of Libre Bird: take another file.", path)};
  }
  LB_TRY(version, number(handle, path, "SELECT MAX(version) FROM schema_version"));
  LB_CHECK(check_version(static_cast<int>(version), path));
  return static_cast<int>(version);
}

std::string identifier(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

Result<DatabaseFacts> facts_of(sqlite3* handle, const std::string& path) {
  DatabaseFacts facts;
  LB_TRY(schema, check_schema(handle, path));
  facts.schema = schema;
  LB_CHECK(each(handle, path,
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE "
                "'sqlite\\_%' ESCAPE '\\' ORDER BY name",
                [&](sqlite3_stmt* row) { facts.tables.push_back({text(row, 0), 0}); }));
  bool sealed = false;
  for (TableCount& table : facts.tables) {
    LB_TRY(rows, number(handle, path, "SELECT COUNT(*) FROM " + identifier(table.table)));
    table.rows = rows;
    sealed = sealed || table.table == "master_key";
  }
  if (sealed) {
    LB_CHECK(each(handle, path, "SELECT key_id FROM master_key WHERE id = 1",
                  [&](sqlite3_stmt* row) { facts.key_id = text(row, 0); }));
  }
  return facts;
}

class SqliteCopier final : public DatabaseCopier {
 public:
  explicit SqliteCopier(std::string database) : database_(std::move(database)) {}
  std::string_view engine() const override { return "sqlite"; }

  Result<DatabaseFacts> copy_to(const std::string& file) override {
    std::error_code failure;
    if (!std::filesystem::exists(database_, failure)) {
      return {Code::not_found,
              fmt::format("There is no database {}: name the data folder with --data-dir.", database_)};
    }
    LB_CHECK(copy(file));
    return examine(file);
  }

  Result<DatabaseFacts> examine(const std::string& file) override {
    LB_TRY(handle, open_file(file, SQLITE_OPEN_READWRITE));
    // One moment for all that is counted.
    LB_CHECK(each(handle.get(), file, "BEGIN", [](sqlite3_stmt*) {}));
    LB_CHECK(check_structure(handle.get(), file));
    return facts_of(handle.get(), file);
  }

 private:
  Status copy(const std::string& file) {
    LB_TRY(source, open_file(database_, SQLITE_OPEN_READWRITE));
    LB_TRY(target, open_file(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
    // Whoever wants it to be on the disk sees to that: now it is no more than half of something.
    LB_CHECK(each(target.get(), file, "PRAGMA synchronous = OFF", [](sqlite3_stmt*) {}));
    sqlite3_backup* backup = sqlite3_backup_init(target.get(), "main", source.get(), "main");
    if (backup == nullptr) return sqlite_error(target.get(), sqlite3_extended_errcode(target.get()), file);
    // All of it in one read transaction. Writers go on: they write into the log.
    int code = sqlite3_backup_step(backup, -1);
    for (int waited = 0; (code == SQLITE_BUSY || code == SQLITE_LOCKED) && waited < kBusyMs; waited += 50) {
      sqlite3_sleep(50);
      code = sqlite3_backup_step(backup, -1);
    }
    sqlite3_backup_finish(backup);
    if (code != SQLITE_DONE) return sqlite_error(nullptr, code, (code & 0xFF) == SQLITE_FULL ? file : database_);
    return each(target.get(), file, "PRAGMA journal_mode = DELETE", [](sqlite3_stmt*) {});
  }

  std::string database_;
};

}  // namespace

std::unique_ptr<DatabaseCopier> make_sqlite_copier(std::string database) {
  return std::make_unique<SqliteCopier>(std::move(database));
}

}  // namespace librebird::storage
