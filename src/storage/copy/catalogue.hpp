#pragma once

// The tables of a SQLite database that are to be copied. Private; inside database work.

#include <librebird/storage/sql/database.hpp>
#include <librebird/storage/sql/migrator.hpp>

#include <string>
#include <vector>

namespace librebird::storage::copying {

// vector: kept as bytes by SQLite, as numbers by PostgreSQL (storage/sql/vector.hpp); bytes while it is copied.
enum class Kind { number, text, vector };

struct Column {
  std::string name;
  Kind kind = Kind::text;
  int key = 0;  // 1, 2, ...: its place in the primary key
};

struct Table {
  std::string name;
  std::vector<Column> columns;
  std::vector<Column> key;  // in order

  // In the order of the key, which is the same on every engine; `after`: only what follows the key in $1, $2, ...
  [[nodiscard]] std::string select(Dialect dialect, bool after, int limit) const;
  [[nodiscard]] std::string insert(Dialect dialect, int rows) const;
};

// Referred tables come before those that refer to them. internal: a table has no key, or a type nobody knows.
Result<std::vector<Table>> catalogue(Connection& sqlite);

}  // namespace librebird::storage::copying
