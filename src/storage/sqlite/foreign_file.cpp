#include <librebird/storage/sqlite/foreign_file.hpp>

#include "sqlite_connection.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string_view>

namespace librebird::storage {
namespace {

namespace fs = std::filesystem;

constexpr int kAttempts = 20;

// Tells whether a file changed: checkpoints and commits write both files, and a restarted log has other salts.
struct Print {
  bool there = false;
  off_t size = 0;
  timespec modified{};
  std::array<char, 32> head{};

  bool operator==(const Print& other) const {
    return there == other.there && size == other.size && modified.tv_sec == other.modified.tv_sec &&
           modified.tv_nsec == other.modified.tv_nsec && head == other.head;
  }
};

Print print_of(const std::string& path) {
  Print print;
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return print;
  struct stat status{};
  print.there = ::fstat(file, &status) == 0;
  print.size = status.st_size;
  print.modified = status.st_mtim;
  (void)!::pread(file, print.head.data(), print.head.size(), 0);
  ::close(file);
  return print;
}

Error unreadable(const std::string& path, const std::string& why) {
  return make_error(Code::failed_precondition,
                    fmt::format("{} cannot be read ({}): check that this user may read it.", path, why));
}

Error damaged(const std::string& path, const std::string& why) {
  return make_error(Code::data_loss,
                    fmt::format("{} is damaged or not complete ({}): take a good copy of it, or repair it with "
                                "`sqlite3 FILE .recover`. Nothing was changed.",
                                path, why));
}

Status copy_file(const std::string& from, const std::string& to) {
  std::error_code failure;
  fs::copy_file(from, to, fs::copy_options::overwrite_existing, failure);
  if (!failure) return Ok{};
  if (failure == std::errc::no_space_on_device) {
    return {Code::unavailable,
            fmt::format("There is no room for a private copy of {} in {}: free some space, or set TMPDIR to a folder "
                        "with more.",
                        from, fs::path(to).parent_path().string())};
  }
  return unreadable(from, failure.message());
}

// The file as it was at one moment, with its write-ahead log or the journal of a transaction that was cut off.
constexpr std::array<const char*, 3> kParts = {"", "-wal", "-journal"};

}  // namespace

Status copy_at_rest(const std::string& path, const std::string& to) {
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    std::array<Print, kParts.size()> before{};
    for (std::size_t i = 0; i < kParts.size(); ++i) before[i] = print_of(path + kParts[i]);
    for (std::size_t i = 0; i < kParts.size(); ++i) {
      if (before[i].there) {
        LB_CHECK(copy_file(path + kParts[i], to + kParts[i]));
      } else {
        ::unlink((to + kParts[i]).c_str());
      }
    }
    bool same = true;
    for (std::size_t i = 0; i < kParts.size(); ++i) same = same && before[i] == print_of(path + kParts[i]);
    if (same) return Ok{};
  }
  return {Code::failed_precondition,
          fmt::format("{} is being written all the time: try again when the program that writes it has less to do, or "
                      "is closed.",
                      path)};
}

namespace {

// What the check says about rows, which are judged one by one, and about search indexes, which are not read.
bool is_harmless(std::string_view finding) {
  return finding == "ok" || finding.starts_with("CHECK constraint failed") || finding.starts_with("NULL value in") ||
         finding.find("inverted index") != std::string_view::npos;
}

ForeignValue value_of(sqlite3_stmt* statement, int column) {
  ForeignValue value;
  const auto take = [&](const void* data) {
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
    if (data != nullptr) value.bytes.assign(static_cast<const char*>(data), size);
  };
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      value.type = ForeignValue::Type::integer;
      value.integer = sqlite3_column_int64(statement, column);
      break;
    case SQLITE_FLOAT:
      value.type = ForeignValue::Type::real;
      value.real = sqlite3_column_double(statement, column);
      break;
    case SQLITE_TEXT:
      value.type = ForeignValue::Type::text;
      take(sqlite3_column_text(statement, column));
      break;
    case SQLITE_BLOB:
      value.type = ForeignValue::Type::blob;
      take(sqlite3_column_blob(statement, column));
      break;
    default: break;
  }
  return value;
}

}  // namespace

struct ForeignFile::Impl {
  ~Impl() {
    sqlite3_close(handle);
    std::error_code ignored;
    if (!folder.empty()) fs::remove_all(folder, ignored);
  }
  [[nodiscard]] Error failed(int code) const {
    if ((code & 0xFF) == SQLITE_TOOBIG) return make_error(Code::too_large, "A row is too large to be read.");
    if ((code & 0xFF) == SQLITE_NOTADB) {
      return make_error(Code::data_loss, fmt::format("{} is not a SQLite database: name the folder of the desktop app, "
                                                     "or its libre_bird.db. Nothing was changed.",
                                                     path));
    }
    return damaged(path, handle != nullptr ? sqlite3_errmsg(handle) : sqlite3_errstr(code));
  }

  std::string path;    // as the user named it
  std::string folder;  // ours
  sqlite3* handle = nullptr;
};

Result<std::unique_ptr<ForeignFile>> ForeignFile::open(const std::string& path) {
  std::error_code failure;
  if (!fs::is_regular_file(path, failure)) {
    return {Code::not_found,
            fmt::format("There is no file {}: name the folder of the desktop app, or its database.", path)};
  }
  auto impl = std::make_unique<Impl>();
  impl->path = path;
  std::string pattern = (fs::temp_directory_path(failure) / "librebird-moving-in-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return {Code::failed_precondition, fmt::format("No private folder can be made in {} ({}): set TMPDIR to another.",
                                                   fs::path(pattern).parent_path().string(), std::strerror(errno))};
  }
  impl->folder = pattern;
  const std::string copy = impl->folder + "/copy.db";
  LB_CHECK(copy_at_rest(path, copy));
  if (fs::file_size(copy, failure) == 0) return damaged(path, "it is empty");
  // Opened for writing: SQLite puts the log's pages in their places, in the copy.
  const int code = sqlite3_open_v2(copy.c_str(), &impl->handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  if (code != SQLITE_OK) return impl->failed(code);
  sqlite3_db_config(impl->handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(impl->handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(impl->handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_limit(impl->handle, SQLITE_LIMIT_ATTACHED, 0);
  std::unique_ptr<ForeignFile> file(new ForeignFile(std::move(impl)));
  std::string finding;
  auto look = [&](std::span<const ForeignValue> row) {
    if (!is_harmless(row[0].bytes)) finding = row[0].bytes;
    return finding.empty();
  };
  LB_CHECK(file->each("PRAGMA quick_check(10000)", 0, look));
  if (!finding.empty()) return damaged(path, finding);
  // From here on a row may not be larger; the check above has to see all of them.
  sqlite3_limit(file->impl_->handle, SQLITE_LIMIT_LENGTH, kLongestRow);
  return file;
}

ForeignFile::ForeignFile(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ForeignFile::~ForeignFile() = default;

Status ForeignFile::each(const std::string& sql, std::int64_t parameter, const Visit& visit) const {
  sqlite3_stmt* statement = nullptr;
  int code = sqlite3_prepare_v2(impl_->handle, sql.c_str(), -1, &statement, nullptr);
  if (code != SQLITE_OK) return impl_->failed(code);
  struct Finish {
    sqlite3_stmt* handle;
    ~Finish() { sqlite3_finalize(handle); }
  } const finish{statement};
  if (sqlite3_bind_parameter_count(statement) > 0) sqlite3_bind_int64(statement, 1, parameter);
  std::vector<ForeignValue> row(static_cast<std::size_t>(sqlite3_column_count(statement)));
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = value_of(statement, static_cast<int>(i));
    if (!visit(row)) return Ok{};
  }
  if (code != SQLITE_DONE) return impl_->failed(code);
  return Ok{};
}

Result<std::int64_t> ForeignFile::number(const std::string& sql, std::int64_t parameter) const {
  std::int64_t out = 0;
  auto first = [&](std::span<const ForeignValue> row) {
    out = row[0].integer;
    return false;
  };
  LB_CHECK(each(sql, parameter, first));
  return out;
}

Result<std::vector<std::string>> ForeignFile::tables() const {
  std::vector<std::string> names;
  auto take = [&](std::span<const ForeignValue> row) {
    names.push_back(row[0].bytes);
    return true;
  };
  LB_CHECK(each("SELECT name FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name", 0, take));
  return names;
}

Result<std::vector<std::string>> ForeignFile::columns(const std::string& table) const {
  std::vector<std::string> names;
  auto take = [&](std::span<const ForeignValue> row) {
    names.push_back(row[0].bytes);
    return true;
  };
  LB_CHECK(each(fmt::format("SELECT name FROM pragma_table_info('{}') ORDER BY cid", table), 0, take));
  return names;
}

}  // namespace librebird::storage
