#pragma once

// Brings a database to the schema this program knows. Private to src/storage. Any thread; blocking.

#include <librebird/base/clock.hpp>
#include <librebird/storage/sql/database.hpp>

#include <functional>
#include <string_view>
#include <vector>

namespace librebird::storage {

enum class Dialect { sqlite, postgres };

struct Migration {
  int version = 0;
  std::string_view name;
  std::string_view dialect;  // empty: every engine
  std::string_view sql;
};

// From the files of migrations/, by version; written by CMake.
[[nodiscard]] const std::vector<Migration>& all_migrations();
[[nodiscard]] int newest_version(Dialect dialect);
[[nodiscard]] bool is_for(const Migration& migration, Dialect dialect);

// The version of the database; 0: empty. Errors: data_loss (its own tables are damaged).
Result<int> schema_version(Connection& connection);
// Applies what is missing. Call it inside a write transaction. `name` is the database as the user knows it.
// Errors: failed_precondition (written by a newer program).
// `after`: called with each version when its SQL has run, for what SQL cannot do.
using AfterMigration = std::function<Status(Connection& connection, int version)>;
Status migrate(Connection& connection, Dialect dialect, std::string_view name, UnixMillis now,
               const AfterMigration& after = nullptr);
// failed_precondition when `version` is newer than this program.
Status check_version(int version, std::string_view name);

}  // namespace librebird::storage
