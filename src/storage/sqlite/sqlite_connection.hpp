#pragma once

// One sqlite3 handle with its prepared statements. Used by one thread at a time.

#include <librebird/storage/sqlite/sqlite_database.hpp>

#include <sqlite3.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace librebird::storage {

// The one place where SQLite's result codes become errors.
[[nodiscard]] Error sqlite_error(sqlite3* handle, int code, const std::string& path);

class SqliteConnection final : public Connection {
 public:
  // Opens an existing file and sets the connection up. `cache_kib`: memory for pages.
  static Result<std::unique_ptr<SqliteConnection>> open(const SqliteOptions& options, int cache_kib);
  ~SqliteConnection() override;
  SqliteConnection(const SqliteConnection&) = delete;
  SqliteConnection& operator=(const SqliteConnection&) = delete;

  Status run_script(const std::string& sql) override;
  Status alone(const std::function<Status()>& work) override;
  [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
  // full: commits wait for the disk.
  Status set_synchronous(bool full);
  // Pages in the write-ahead log after the last commit of this connection.
  [[nodiscard]] int wal_pages() const { return wal_pages_; }
  // Moves the log's pages into the database; gives the log's file back when it has grown large.
  void checkpoint(bool truncate);
  // Rewrites the whole file; then the log is empty.
  Status scrub();
  // Copies the database to this new, empty file, as it is now.
  Status copy_to(const std::string& file);
  void release_memory() { sqlite3_db_release_memory(handle_); }

 protected:
  Result<std::int64_t> run(std::string_view sql, std::span<const Param> params, const Visitor& visitor) override;

 private:
  struct Statement {
    sqlite3_stmt* handle = nullptr;
    std::vector<int> parameters;  // at i: which $n the engine's parameter i + 1 is
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  SqliteConnection(sqlite3* handle, std::string path) : handle_(handle), path_(std::move(path)) {}
  Result<Statement*> prepare(std::string_view sql);
  Status bind(const Statement& statement, std::span<const Param> params);

  sqlite3* handle_;
  std::string path_;
  bool full_ = true;
  int wal_pages_ = 0;
  std::unordered_map<std::string, Statement, TextHash, std::equal_to<>> statements_;
};

}  // namespace librebird::storage
