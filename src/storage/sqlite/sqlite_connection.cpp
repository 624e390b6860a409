#include "sqlite_connection.hpp"

#include <librebird/base/log.hpp>

#include <fmt/format.h>

#include <cassert>
#include <charconv>
#include <chrono>
#include <thread>

namespace librebird::storage {
namespace {

class SqliteRow final : public Row {
 public:
  explicit SqliteRow(sqlite3_stmt* statement) : statement_(statement) {}
  bool is_null(int column) const override { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
  std::int64_t integer(int column) const override { return sqlite3_column_int64(statement_, column); }
  std::string_view text(int column) const override {
    const auto* data = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    if (data == nullptr) return {};
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
  }

 private:
  sqlite3_stmt* statement_;
};

}  // namespace

Error sqlite_error(sqlite3* handle, int code, const std::string& path) {
  const int extended = handle != nullptr ? sqlite3_extended_errcode(handle) : code;
  const char* detail = handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code);
  const auto error = [](Code kind, std::string message, Millis retry_after = Millis{0}) {
    Error made = make_error(kind, std::move(message));
    made.retry_after = retry_after;
    return made;
  };
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return error(
          Code::unavailable,
          fmt::format("The database {} is locked by another process: wait until that is done, or stop it.", path),
          Millis(1000));
    case SQLITE_FULL:
      return error(Code::unavailable,
                   fmt::format("The disk is full, {} could not grow: free some space and try again.", path),
                   Millis(5000));
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
      return error(
          Code::failed_precondition,
          fmt::format("The database {} is read-only: make the file and its folder writable for this user.", path));
    case SQLITE_CANTOPEN:
      return error(Code::failed_precondition,
                   fmt::format("The database {} cannot be opened ({}): check that its folder exists and that this user "
                               "may read and write it.",
                               path, detail));
    case SQLITE_NOTADB:
      return error(
          Code::data_loss,
          fmt::format("{} is not a database of Libre Bird: choose another data folder, or move the file away.", path));
    case SQLITE_CORRUPT:
      return error(Code::data_loss,
                   fmt::format("The database {} is damaged ({}): restore it from a backup.", path, detail));
    case SQLITE_IOERR:
      return error(Code::unavailable, fmt::format("Reading or writing {} failed ({}): check the disk.", path, detail),
                   Millis(5000));
    case SQLITE_NOMEM:
      return error(Code::unavailable, "The database ran out of memory: try again later.", Millis(5000));
    case SQLITE_TOOBIG: return error(Code::too_large, "The text is too large to be stored: shorten it.");
    case SQLITE_CONSTRAINT:
      if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return error(Code::already_exists, "A row with this key is there already.");
      }
      if (extended == SQLITE_CONSTRAINT_FOREIGNKEY) {
        return error(Code::failed_precondition, "What this row belongs to is gone.");
      }
      return error(Code::internal, fmt::format("The database refused a row: {}.", detail));
    default: return error(Code::internal, fmt::format("The database failed: {} (SQLite code {}).", detail, extended));
  }
}

Result<std::unique_ptr<SqliteConnection>> SqliteConnection::open(const SqliteOptions& options, int cache_kib) {
  // Before SQLite starts: its memory counters would take one process-wide lock at every allocation.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)configured;
  sqlite3* handle = nullptr;
  // The connection is used by one thread at a time, so SQLite's own mutex is not needed.
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  const int code = sqlite3_open_v2(options.path.c_str(), &handle, flags, nullptr);
  if (code != SQLITE_OK) {
    Error error = sqlite_error(handle, code, options.path);
    sqlite3_close(handle);
    return error;
  }
  std::unique_ptr<SqliteConnection> connection(new SqliteConnection(handle, options.path));
  sqlite3_busy_timeout(handle, static_cast<int>(options.busy_timeout.count()));
  sqlite3_limit(handle, SQLITE_LIMIT_ATTACHED, 0);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  auto* raw = connection.get();
  sqlite3_wal_hook(
      handle,
      [](void* self, sqlite3*, const char*, int pages) {
        static_cast<SqliteConnection*>(self)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      raw);
  // Checkpoints are made by the writer between batches (the hook above replaces the automatic ones).
  // secure_delete=FAST overwrites deleted text where that costs no extra writing.
  const std::string setup = fmt::format(
      "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-{};"
      "PRAGMA temp_store=MEMORY; PRAGMA secure_delete=FAST; PRAGMA mmap_size=0; PRAGMA journal_size_limit=16777216;",
      cache_kib);
  // Turning a new file into WAL needs it alone for a moment, and SQLite does not wait for that by itself.
  const auto give_up = std::chrono::steady_clock::now() + options.busy_timeout;
  Status ready = connection->run_script(setup);
  while (!ready && ready.error().code == Code::unavailable && std::chrono::steady_clock::now() < give_up) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    ready = connection->run_script(setup);
  }
  LB_CHECK(ready);
  if (options.max_bytes > 0) {
    LB_CHECK(connection->run_script(fmt::format("PRAGMA max_page_count={};", options.max_bytes / 4096)));
  }
  return connection;
}

SqliteConnection::~SqliteConnection() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement.handle);
  const int code = sqlite3_close(handle_);
  assert(code == SQLITE_OK && "a statement was left open");
  (void)code;
}

Status SqliteConnection::run_script(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_, code, path_);
  return Ok{};
}

Status SqliteConnection::alone(const std::function<Status()>& work) {
  LB_CHECK(run_script("BEGIN IMMEDIATE"));
  Status done = work();
  if (done) done = run_script("COMMIT");
  if (!done && in_transaction()) (void)run_script("ROLLBACK");
  return done;
}

Status SqliteConnection::set_synchronous(bool full) {
  if (full == full_) return Ok{};
  LB_CHECK(run_script(full ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL"));
  full_ = full;
  return Ok{};
}

void SqliteConnection::checkpoint(bool truncate) {
  int left = 0;
  int moved = 0;
  const int mode = truncate ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, &left, &moved);
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY && (code & 0xFF) != SQLITE_LOCKED) {
    log::warn("the write-ahead log could not be moved into the database", {{"error", sqlite3_errmsg(handle_)}});
  }
}

Status SqliteConnection::scrub() {
  // VACUUM attaches the file it writes to; on the disk, because it is as large as this one.
  LB_CHECK(run_script("PRAGMA temp_store=FILE"));
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 1);
  const Status done = run_script("VACUUM");
  sqlite3_limit(handle_, SQLITE_LIMIT_ATTACHED, 0);
  LB_CHECK(done);
  // It waits for readers, like a writer; afterwards the log has no byte.
  const int code = sqlite3_wal_checkpoint_v2(handle_, nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_, code, path_);
  return Ok{};
}

Status SqliteConnection::copy_to(const std::string& file) {
  sqlite3* target = nullptr;
  int code = sqlite3_open_v2(file.c_str(), &target, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  sqlite3_backup* copy = code == SQLITE_OK ? sqlite3_backup_init(target, "main", handle_, "main") : nullptr;
  if (copy != nullptr) {
    // In one step: it reads one snapshot, and others may write meanwhile.
    (void)sqlite3_backup_step(copy, -1);
    (void)sqlite3_backup_finish(copy);
  }
  code = sqlite3_errcode(target);
  Status done = Ok{};
  if (code != SQLITE_OK) done = sqlite_error(target, code, file);
  sqlite3_close(target);
  return done;
}

Result<SqliteConnection::Statement*> SqliteConnection::prepare(std::string_view sql) {
  if (const auto found = statements_.find(sql); found != statements_.end()) return &found->second;
  Statement statement;
  const int code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                                      &statement.handle, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle_, code, path_);
  const int count = sqlite3_bind_parameter_count(statement.handle);
  for (int i = 1; i <= count; ++i) {
    // SQLite numbers named parameters by appearance; ours are numbered by name.
    const char* name = sqlite3_bind_parameter_name(statement.handle, i);
    int number = 0;
    if (name != nullptr && *name == '$') std::from_chars(name + 1, name + std::char_traits<char>::length(name), number);
    assert(number > 0 && "parameters are $1, $2, ...");
    statement.parameters.push_back(number);
  }
  return &statements_.emplace(std::string(sql), std::move(statement)).first->second;
}

Status SqliteConnection::bind(const Statement& statement, std::span<const Param> params) {
  for (std::size_t i = 0; i < statement.parameters.size(); ++i) {
    const auto number = static_cast<std::size_t>(statement.parameters[i]);
    assert(number <= params.size());
    const Param& value = params[number - 1];
    const int index = static_cast<int>(i + 1);
    int code = SQLITE_OK;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      code = sqlite3_bind_int64(statement.handle, index, *integer);
    } else if (const auto* text = std::get_if<std::string_view>(&value)) {
      // A null pointer would bind NULL; an empty view may have one.
      code = sqlite3_bind_text64(statement.handle, index, text->empty() ? "" : text->data(), text->size(),
                                 SQLITE_STATIC, SQLITE_UTF8);
    } else {
      code = sqlite3_bind_null(statement.handle, index);
    }
    if (code != SQLITE_OK) return sqlite_error(handle_, code, path_);
  }
  return Ok{};
}

Result<std::int64_t> SqliteConnection::run(std::string_view sql, std::span<const Param> params,
                                           const Visitor& visitor) {
  LB_TRY(statement, prepare(sql));
  LB_CHECK(bind(*statement, params));
  struct Reset {
    sqlite3_stmt* handle;
    ~Reset() { sqlite3_reset(handle); }
  } const reset{statement->handle};
  const SqliteRow row(statement->handle);
  int code = SQLITE_ROW;
  while ((code = sqlite3_step(statement->handle)) == SQLITE_ROW) {
    if (visitor.call != nullptr) LB_CHECK(visitor.call(visitor.context, row));
  }
  if (code != SQLITE_DONE) return sqlite_error(handle_, code, path_);
  return sqlite3_changes64(handle_);
}

}  // namespace librebird::storage
