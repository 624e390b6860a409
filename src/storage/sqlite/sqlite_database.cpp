#include <librebird/storage/sqlite/sqlite_database.hpp>

#include "sqlite_connection.hpp"

#include <librebird/base/log.hpp>
#include <librebird/storage/sql/instruments.hpp>
#include <librebird/storage/sql/migrator.hpp>

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <filesystem>
#include <mutex>
#include <thread>

namespace librebird::storage {
namespace {

constexpr int kWriterCacheKib = 1024;
constexpr int kReaderCacheKib = 512;
constexpr std::size_t kBatchLimit = 256;        // jobs in one commit
constexpr int kCheckpointPages = 2000;          // 8 MB
constexpr int kTruncatePages = 16'000;          // 64 MB: readers kept the log from being reused
constexpr std::chrono::milliseconds kIdleDelay{200};
constexpr std::size_t kIdleBacklogLimit = 4000; // requests after which idle work no longer waits for idleness
constexpr std::chrono::seconds kMemoryDelay{10};

void name_thread(const char* name) {
#ifdef __APPLE__
  pthread_setname_np(name);
#else
  pthread_setname_np(pthread_self(), name);
#endif
}

Error file_error(const std::string& what, const std::string& path, int number) {
  const std::string why = std::strerror(number);
  if (number == ENOSPC || number == EDQUOT) {
    return make_error(Code::unavailable,
                      fmt::format("The disk is full, {} could not be made: free some space and try again.", path));
  }
  return make_error(Code::failed_precondition,
                    fmt::format("{} {} ({}): check that its folder exists and that this user may write it, or choose "
                                "another data folder.",
                                what, path, why));
}

// The file must be ours alone: it is made before SQLite would make it, and SQLite gives its log the same mode.
Status make_file(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  if (!folder.empty() && ::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return file_error("Cannot make the data folder", folder, errno);
  }
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) {
    const int number = errno;
    if (number == EACCES || number == EROFS || number == EPERM) {
      return {Code::failed_precondition,
              fmt::format("The database {} is read-only: make the file and its folder writable for this user.", path)};
    }
    return file_error("Cannot open the database", path, number);
  }
  struct stat status{};
  if (::fstat(file, &status) == 0 && (status.st_mode & 077) != 0) (void)::fchmod(file, 0600);
  ::close(file);
  return Ok{};
}

}  // namespace

class SqliteDatabase::Impl {
 public:
  Impl(SqliteOptions options, std::unique_ptr<SqliteConnection> writer)
      : options_(std::move(options)), writer_(std::move(writer)), thread_([this] { write_loop(); }) {}

  ~Impl() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    write_wanted_.notify_all();
    read_wanted_.notify_all();
    for (std::thread& reader : readers_) reader.join();
    thread_.join();
  }

  void submit(Job& job, Kind kind) {
    {
      const std::lock_guard lock(mutex_);
      auto& queue = kind == Kind::write ? writes_ : reads_;
      if (queue.size() < options_.queue_limit && !closing_) {
        queue.push_back(&job);
        if (kind == Kind::write) {
          if (writer_waits_) write_wanted_.notify_one();
        } else {
          wake_reader();
        }
        return;
      }
    }
    job.fail(queue_full());
    job.resume();
  }

  void set_idle_work(IdleWork work) {
    const std::lock_guard lock(mutex_);
    idle_ = std::move(work);
  }
  void request_idle_work() {
    const std::lock_guard lock(mutex_);
    if (idle_requests_++ == 0 && writer_waits_) write_wanted_.notify_one();
  }
  [[nodiscard]] const SqliteOptions& options() const { return options_; }

 private:
  // With the mutex held. Readers start when there is something to read and all others are at work.
  void wake_reader() {
    if (idle_readers_ >= reads_.size()) {
      read_wanted_.notify_one();
    } else if (readers_.size() < static_cast<std::size_t>(std::max(options_.readers, 1))) {
      readers_.emplace_back([this] { read_loop(); });
    } else {
      read_wanted_.notify_one();
    }
  }

  void write_loop() {
    name_thread("lb-db-write");
    std::vector<Job*> batch;
    std::unique_lock lock(mutex_);
    while (true) {
      const bool backlog = idle_requests_ >= kIdleBacklogLimit;
      if (writes_.empty() && !closing_ && !backlog) wait_for_work(lock);
      if (!writes_.empty()) {
        const std::size_t count = std::min(writes_.size(), kBatchLimit);
        batch.assign(writes_.begin(), writes_.begin() + static_cast<std::ptrdiff_t>(count));
        writes_.erase(writes_.begin(), writes_.begin() + static_cast<std::ptrdiff_t>(count));
        lock.unlock();
        run_batch(batch);
        if (writer_->wal_pages() >= kCheckpointPages) writer_->checkpoint(writer_->wal_pages() >= kTruncatePages);
        lock.lock();
      } else if (closing_) {
        break;
      }
      if (idle_.run && (idle_due_ || idle_requests_ >= kIdleBacklogLimit)) {
        idle_due_ = false;
        idle_requests_ = 0;
        lock.unlock();
        const bool more = run_idle();
        lock.lock();
        if (more) ++idle_requests_, idle_due_ = writes_.empty();
      }
    }
  }

  void wait_for_work(std::unique_lock<std::mutex>& lock) {
    if (idle_due_) return;
    writer_waits_ = true;
    const auto wanted = [this] { return !writes_.empty() || closing_; };
    if (idle_requests_ > 0 && idle_.run) {
      idle_due_ = !write_wanted_.wait_for(lock, kIdleDelay, wanted);
    } else {
      const auto or_idle = [&] { return wanted() || (idle_requests_ > 0 && idle_.run); };
      if (!write_wanted_.wait_for(lock, kMemoryDelay, or_idle)) {
        lock.unlock();
        writer_->release_memory();
        lock.lock();
        write_wanted_.wait(lock, or_idle);
      }
    }
    writer_waits_ = false;
  }

  // All jobs in one transaction; then all of them are answered.
  void run_batch(const std::vector<Job*>& batch) {
    const auto start = std::chrono::steady_clock::now();
    bool full = false;
    for (const Job* job : batch) full = full || job->durability == Durability::full;
    Status done = writer_->set_synchronous(full);
    if (done) done = command("BEGIN IMMEDIATE");
    if (done) done = run_jobs(batch);
    if (!done) {
      if (writer_->in_transaction()) (void)command("ROLLBACK");
      instruments_.failures.add();
      for (Job* job : batch) job->fail(done.error());
    } else {
      instruments_.commits.add();
      instruments_.writes.add(batch.size());
    }
    for (Job* job : batch) job->resume();
    instruments_.seconds.observe(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }

  Status run_jobs(const std::vector<Job*>& batch) {
    if (batch.size() == 1) {
      if (!batch.front()->run(*writer_)) {
        // Its own error is its answer; nothing else was in the transaction.
        if (writer_->in_transaction()) LB_CHECK(command("ROLLBACK"));
        return Ok{};
      }
      return command("COMMIT");
    }
    for (Job* job : batch) {
      LB_CHECK(command("SAVEPOINT job"));
      const bool ok = job->run(*writer_);
      // A full disk or a failing one makes SQLite roll back the whole transaction by itself.
      if (!writer_->in_transaction()) {
        return {Code::unavailable,
                "The database could not write (the disk is full or failing): free some space and try again."};
      }
      if (!ok) LB_CHECK(command("ROLLBACK TO job"));
      LB_CHECK(command("RELEASE job"));
    }
    return command("COMMIT");
  }

  bool run_idle() {
    Status done = writer_->set_synchronous(false);
    if (done) done = command("BEGIN IMMEDIATE");
    if (!done) return false;
    Result<bool> more = idle_.run(*writer_);
    if (more) {
      done = command("COMMIT");
    } else {
      done = more.error();
    }
    if (!done && writer_->in_transaction()) (void)command("ROLLBACK");
    if (!done) log::warn("background work of the database failed", {{"error", done.error().message}});
    if (done && idle_.committed) idle_.committed();
    return done.ok() && *more;
  }

  Status command(std::string_view sql) {
    auto done = writer_->execute(sql);
    if (!done) return done.error();
    return Ok{};
  }

  void read_loop() {
    name_thread("lb-db-read");
    Result<std::unique_ptr<SqliteConnection>> connection = SqliteConnection::open(options_, kReaderCacheKib);
    std::unique_lock lock(mutex_);
    while (true) {
      if (reads_.empty()) {
        if (closing_) return;
        ++idle_readers_;
        const auto wanted = [this] { return !reads_.empty() || closing_; };
        if (!read_wanted_.wait_for(lock, kMemoryDelay, wanted)) {
          if (connection) (*connection)->release_memory();
          read_wanted_.wait(lock, wanted);
        }
        --idle_readers_;
        continue;
      }
      Job* job = reads_.front();
      reads_.pop_front();
      lock.unlock();
      if (!connection) connection = SqliteConnection::open(options_, kReaderCacheKib);
      if (!connection) {
        job->fail(connection.error());
      } else {
        run_read(**connection, *job);
      }
      job->resume();
      lock.lock();
    }
  }

  static void run_read(SqliteConnection& connection, Job& job) {
    if (auto begun = connection.execute("BEGIN"); !begun) {
      job.fail(begun.error());
      return;
    }
    (void)job.run(connection);
    if (connection.in_transaction()) (void)connection.execute("COMMIT");
  }

  const SqliteOptions options_;
  Instruments instruments_;
  std::unique_ptr<SqliteConnection> writer_;

  std::mutex mutex_;
  std::condition_variable write_wanted_;
  std::condition_variable read_wanted_;
  std::deque<Job*> writes_;
  std::deque<Job*> reads_;
  std::vector<std::thread> readers_;
  std::size_t idle_readers_ = 0;
  bool writer_waits_ = false;
  bool closing_ = false;
  IdleWork idle_;
  std::size_t idle_requests_ = 0;
  bool idle_due_ = false;
  std::thread thread_;  // last: starts when all else is there
};

namespace {

// A new file, or one whose schema may be brought up to date.
Status prepare_schema(SqliteConnection& connection, const std::string& path, UnixMillis now,
                      const SqliteDatabase::Steps& steps) {
  auto count = [](const Row& row) { return row.integer(0); };
  LB_TRY(ours, connection.one("SELECT COUNT(*) FROM sqlite_master WHERE name = 'schema_version'", count));
  if (*ours == 0) {
    LB_TRY(anything, connection.one("SELECT COUNT(*) FROM sqlite_master", count));
    if (*anything != 0) {
      return {Code::failed_precondition,
              fmt::format("{} belongs to another program: choose another data folder, or move the file away.", path)};
    }
  } else {
    LB_TRY(version, schema_version(connection));
    LB_CHECK(check_version(version, path));
    if (version == newest_version(Dialect::sqlite)) return Ok{};
  }
  return connection.alone([&] { return migrate(connection, Dialect::sqlite, path, now, steps.after_migration); });
}

// Cheap enough for every start: a small file is looked through; a large one is left to check().
Status quick_check(SqliteConnection& connection, const std::string& path) {
  constexpr std::int64_t kSmallPages = 256;
  auto number = [](const Row& row) { return row.integer(0); };
  LB_TRY(pages, connection.one("PRAGMA page_count", number));
  if (*pages > kSmallPages) return Ok{};
  auto text = [](const Row& row) { return row.string(0); };
  LB_TRY(report, connection.one("PRAGMA quick_check(1)", text));
  if (report.value_or("") == "ok") return Ok{};
  return {Code::data_loss, fmt::format("The database {} is damaged ({}): restore it from a backup.", path,
                                       report.value_or("no report"))};
}

}  // namespace

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const Clock& clock, SqliteOptions options,
                                                             const Steps& steps) {
  if (options.path.empty()) return {Code::invalid_argument, "No database file was named: set one."};
  if (sqlite3_threadsafe() == 0) {
    return {Code::failed_precondition, "This SQLite library was built without threads: install a common one."};
  }
  LB_CHECK(make_file(options.path));
  LB_TRY(writer, SqliteConnection::open(options, kWriterCacheKib));
  LB_CHECK(prepare_schema(*writer, options.path, clock.unix_now(), steps));
  LB_CHECK(quick_check(*writer, options.path));
  if (steps.ready) LB_CHECK(steps.ready(*writer));
  auto impl = std::make_unique<Impl>(std::move(options), std::move(writer));
  return std::unique_ptr<SqliteDatabase>(new SqliteDatabase(std::move(impl)));
}

SqliteDatabase::SqliteDatabase(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteDatabase::~SqliteDatabase() = default;
void SqliteDatabase::submit(Job& job, Kind kind) { impl_->submit(job, kind); }
void SqliteDatabase::set_idle_work(IdleWork work) { impl_->set_idle_work(std::move(work)); }
void SqliteDatabase::request_idle_work() { impl_->request_idle_work(); }

Status SqliteDatabase::backup(const std::string& file) {
  const std::string folder = std::filesystem::path(file).parent_path().string();
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return file_error("Cannot make the folder", folder, errno);
  const int made = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (made < 0 && errno == EEXIST) {
    return {Code::already_exists, fmt::format("The file {} is there already: name a new one.", file)};
  }
  if (made < 0) return file_error("Cannot make the backup", file, errno);
  ::close(made);
  LB_TRY(connection, SqliteConnection::open(impl_->options(), kReaderCacheKib));
  Status done = connection->copy_to(file);
  if (!done) ::unlink(file.c_str());
  return done;
}

Status SqliteDatabase::check() {
  LB_TRY(connection, SqliteConnection::open(impl_->options(), kReaderCacheKib));
  auto text = [](const Row& row) { return row.string(0); };
  LB_TRY(report, connection->one("PRAGMA integrity_check(1)", text));
  if (report.value_or("") == "ok") return Ok{};
  return {Code::data_loss, fmt::format("The database {} is damaged ({}): restore it from a backup.",
                                       impl_->options().path, report.value_or("no report"))};
}

Status SqliteDatabase::scrub() {
  SqliteOptions patient = impl_->options();
  patient.busy_timeout = std::max(patient.busy_timeout, Millis{60'000});
  LB_TRY(connection, SqliteConnection::open(patient, kReaderCacheKib));
  return connection->scrub();
}

}  // namespace librebird::storage
