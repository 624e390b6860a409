#pragma once

// The PostgreSQL driver: a small pool of connections, each on a thread of its own. Private to src/storage.
// open() and check() block; everything else as database.hpp says. The destructor finishes queued work and joins the
// threads; callers still waiting then must have been joined before.
//
// A unit of work is one transaction that begins by taking its actor's role and identity, for that transaction only;
// BEGIN, identity and the first statement travel together, and so do the last statements and COMMIT. Writes that come
// one after the other (those of a workspace) and wait at the same time share a transaction. Deadlocks and lost races
// are run again; so is what a lost connection interrupted before its COMMIT was sent. After that nobody knows, and the
// error says so.

#include <librebird/base/clock.hpp>
#include <librebird/storage/sql/database.hpp>

#include <functional>
#include <memory>
#include <string>

namespace librebird::storage {

struct PostgresOptions {
  std::string url;            // postgresql://..., as libpq reads it
  std::string migration_url;  // of the tables' owner; empty: the same
  int connections = 0;        // at most; 0: as suits the place of the server
  Millis patience{5000};      // how long work waits for a server that is away, and a statement for a lock
  Millis statement_timeout{30'000};
  std::size_t queue_limit = 10'000;  // units of work that wait
  bool migrate = true;               // false: a schema that is older is refused,
  bool create = true;                // and one that is missing
};

// One transaction for all work that is given to it, which is the platform's and runs at once on the caller's thread. It
// is undone when this dies before commit() succeeded.
class AllOrNothing : public Database {
 public:
  virtual Status commit() = 0;
};

class PostgresDatabase final : public Database {
 public:
  // What brings the database to life beside its schema; called while it is opened, both may be empty.
  struct Steps {
    std::function<Status(Connection&, int version)> after_migration;  // inside the migration's transaction
    std::function<Status(Connection&)> ready;  // the schema is there; as the platform
  };

  // Errors: invalid_argument (not a URL), unavailable (away), failed_precondition (refused, too old, newer schema,
  // another program's database, powers missing).
  static Result<std::unique_ptr<PostgresDatabase>> open(const Clock& clock, PostgresOptions options,
                                                        const Steps& steps = {});
  ~PostgresDatabase() override;

  // Set once, before the first write. Some thread does it soon after request_idle_work() was called (any thread), when
  // nothing else waits or very much of it does.
  void set_idle_work(IdleWork work);
  void request_idle_work();
  // Whether the server keeps what it acknowledges and keeps users apart. `note`: what is good to know.
  Status check(std::string& note);
  // All of one moment, while others write: for the platform, on the caller's thread, for as long as it lives.
  Result<std::unique_ptr<Database>> snapshot();
  // Everything that is written through it becomes visible together. `alone`: failed_precondition while other processes
  // of Libre Bird are connected.
  Result<std::unique_ptr<AllOrNothing>> all_or_nothing(bool alone);

 private:
  class Impl;
  explicit PostgresDatabase(std::unique_ptr<Impl> impl);
  void submit(Job& job, Kind kind) override;
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::storage
