#pragma once

// What PersonStore::bring_in() does in its transaction. Private.

#include <librebird/core/ports/person_store.hpp>
#include <librebird/storage/sql/database.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace librebird::storage {

[[nodiscard]] std::vector<std::string> names_of_brought_tables();
struct Brought {
  BroughtRows rows;
  std::vector<std::string> messages;  // ids of those that are new
};
Result<Brought> bring_in(Connection& db, const Principal& principal, std::string_view table,
                         const std::vector<std::string>& rows, bool dry_run);

}  // namespace librebird::storage
