#pragma once

// The database as it is at the moment of opening, for reading only: one transaction on a connection of its own. Work
// runs at once on the caller's thread. Blocking: an operator's command. Private.

#include <librebird/storage/postgres/postgres_database.hpp>

namespace librebird::storage {

// Errors: those of a connection.
Result<std::unique_ptr<Database>> open_snapshot(const PostgresOptions& options);

}  // namespace librebird::storage
