#pragma once

// A SQLite file of another program, which may be using it at this moment: read from a private copy, so that the file
// is neither written nor locked. Its content is not trusted. Private to src/storage; blocking; one thread at a time.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

// Copies a database with its write-ahead log as they were at one moment, without opening it. failed_precondition: it
// changed all the time; unavailable: no room.
Status copy_at_rest(const std::string& path, const std::string& to);

struct ForeignValue {
  enum class Type { null, integer, real, text, blob };
  Type type = Type::null;
  std::int64_t integer = 0;
  double real = 0;
  std::string bytes;  // of text, which may be anything, and of blobs
};

class ForeignFile {
 public:
  // Rows that are larger are not read.
  static constexpr int kLongestRow = 16 * 1024 * 1024;

  // Copies the file with its write-ahead log to a new folder of ours and looks through it. not_found; data_loss
  // (not a database, damaged, cut off); failed_precondition (changed without end while it was copied).
  static Result<std::unique_ptr<ForeignFile>> open(const std::string& path);
  ~ForeignFile();
  ForeignFile(const ForeignFile&) = delete;
  ForeignFile& operator=(const ForeignFile&) = delete;

  [[nodiscard]] Result<std::int64_t> number(const std::string& sql, std::int64_t parameter = 0) const;
  // Tables and views, by name.
  [[nodiscard]] Result<std::vector<std::string>> tables() const;
  [[nodiscard]] Result<std::vector<std::string>> columns(const std::string& table) const;
  // Calls `visit` for each row until it answers false. `sql` takes ?1. too_large: a row is larger than kLongestRow;
  // those before it were visited.
  using Visit = std::function<bool(std::span<const ForeignValue> row)>;
  Status each(const std::string& sql, std::int64_t parameter, const Visit& visit) const;

 private:
  struct Impl;
  explicit ForeignFile(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace librebird::storage
