#pragma once

// What a backup needs of an engine. Private to src/storage. Blocking: an operator's command, or a pool's thread.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

struct TableCount {
  std::string table;
  std::int64_t rows = 0;

  friend bool operator==(const TableCount&, const TableCount&) = default;
};

// What a database or a copy of it holds.
struct DatabaseFacts {
  int schema = 0;                  // version of its schema
  std::string key_id;              // the master key it is sealed under; empty: none yet
  std::vector<TableCount> tables;  // by name
};

class DatabaseCopier {
 public:
  virtual ~DatabaseCopier() = default;

  // As it is written into a backup's head: a copy is restored by the engine that made it.
  [[nodiscard]] virtual std::string_view engine() const = 0;
  // Writes all that was committed at one moment into a new file, while others read and write. It changes nothing: a
  // database of an older schema stays one, so that a backup can come before an update.
  // Errors: not_found (no database yet), data_loss (damaged), unavailable (disk full, locked), failed_precondition.
  virtual Result<DatabaseFacts> copy_to(const std::string& file) = 0;
  // Looks through all of such a file, or of the database itself: structure, references, schema.
  // Errors: data_loss (what is wrong), failed_precondition (of a newer version, or not Libre Bird's).
  virtual Result<DatabaseFacts> examine(const std::string& file) = 0;
};

}  // namespace librebird::storage
