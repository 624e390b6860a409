#pragma once

// For tests only: SQLite stores in a folder of their own.

#include <librebird/storage/sqlite/sqlite_database.hpp>

#include "storage_set.hpp"

#include <sqlite3.h>

#include <stdexcept>
#include <string>

namespace librebird::testkit {

// A plain SQLite handle: another program at the same file.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& path) {
    if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) throw std::runtime_error("cannot open");
    // The stores may be writing at this moment; another program would wait for them, too.
    sqlite3_busy_timeout(handle_, 5000);
  }
  ~RawDatabase() { sqlite3_close(handle_); }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  // The first column of the first row.
  std::string run(const std::string& sql) {
    std::string out;
    char* failure = nullptr;
    const int code = sqlite3_exec(
        handle_, sql.c_str(),
        [](void* context, int, char** values, char**) {
          auto& text = *static_cast<std::string*>(context);
          if (text.empty() && values[0] != nullptr) text = values[0];
          return 0;
        },
        &out, &failure);
    if (code != SQLITE_OK) {
      ADD_FAILURE() << sql << ": " << (failure != nullptr ? failure : "");
      sqlite3_free(failure);
    }
    return out;
  }

 private:
  sqlite3* handle_ = nullptr;
};

class SqliteSet final : public StorageSet {
 public:
  SqliteSet(Loop& loop, const Clock& clock, IdGenerator& ids) : StorageSet(clock, ids) {
    open(loop, {.path = folder_.database()});
  }
  std::string tamper(const std::string& sql) override { return RawDatabase(folder_.database()).run(sql); }
};

inline std::unique_ptr<StoreSet> make_sqlite_set(Loop& loop, const Clock& clock, IdGenerator& ids) {
  return std::make_unique<SqliteSet>(loop, clock, ids);
}

}  // namespace librebird::testkit
