#pragma once

// One transaction on a connection of its own, for all work that is given to it: the database as it is at the moment of
// opening, for reading only; or everything that is written, or nothing. Work runs at once on the caller's thread.
// Blocking: an operator's command. Private.

#include <librebird/storage/postgres/postgres_database.hpp>

namespace librebird::storage {

// Errors: those of a connection.
Result<std::unique_ptr<Database>> open_snapshot(const PostgresOptions& options);
Result<std::unique_ptr<AllOrNothing>> open_all_or_nothing(const PostgresOptions& options, bool alone);

}  // namespace librebird::storage
