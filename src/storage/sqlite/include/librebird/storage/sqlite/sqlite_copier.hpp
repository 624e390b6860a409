#pragma once

// Copies of a SQLite database by its online backup interface (https://www.sqlite.org/backup.html): the copy is one
// file, without a write-ahead log. Private to src/storage. Blocking.

#include <librebird/storage/sql/database_copier.hpp>

#include <memory>
#include <string>

namespace librebird::storage {

std::unique_ptr<DatabaseCopier> make_sqlite_copier(std::string database);

}  // namespace librebird::storage
