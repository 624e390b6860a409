#pragma once

// The SQLite driver: one file, one writer thread with group commit, a few reader threads started when needed.
// Private to src/storage. open() blocks; everything else as database.hpp says. The destructor finishes queued work
// and joins the threads; callers still waiting then must have been joined before.
//
// Durability: WAL with synchronous=FULL; a commit whose jobs are all Durability::ordered skips the fsync, which the
// next full commit makes up for, because the WAL is synced as a whole (https://www.sqlite.org/wal.html).
// Other processes may use the file at the same time; the writer waits `busy_timeout` for them.

#include <librebird/base/clock.hpp>
#include <librebird/storage/sql/database.hpp>

#include <functional>
#include <memory>
#include <string>

namespace librebird::storage {

struct SqliteOptions {
  std::string path;
  int readers = 2;
  Millis busy_timeout{5000};
  std::size_t queue_limit = 10'000;  // waiting writes, and waiting reads
  std::int64_t max_bytes = 0;        // of the database file; 0: as much as the disk holds
};

class SqliteDatabase final : public Database {
 public:
  // Work the writer does when nobody waits: answers true while there is more of it.

  // What brings the database to life beside its schema; called while it is opened, both may be empty.
  struct Steps {
    std::function<Status(Connection&, int version)> after_migration;  // inside the migration's transaction
    std::function<Status(Connection&)> ready;                         // the schema is there; no transaction
  };

  static Result<std::unique_ptr<SqliteDatabase>> open(const Clock& clock, SqliteOptions options,
                                                      const Steps& steps = {});
  ~SqliteDatabase() override;

  // Set once, before the first write. The writer runs it soon after request_idle_work() was called (any thread).
  void set_idle_work(IdleWork work);
  void request_idle_work();

  // PRAGMA integrity_check on a connection of its own; blocking.
  Status check();
  // Rewrites the file and empties the log, so that no byte of deleted rows is left; blocking. unavailable: others did
  // not let it.
  Status scrub();
  // Copies the database as it is now to a new file, on a connection of its own; blocking. The folder is made if it is
  // not there. already_exists.
  Status backup(const std::string& file);

 private:
  class Impl;
  explicit SqliteDatabase(std::unique_ptr<Impl> impl);
  void submit(Job& job, Kind kind) override;
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::storage
