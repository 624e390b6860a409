#pragma once

// What happens once, before the pool: the schema is brought up to date, and the login is looked at. Private; blocking.

#include <librebird/storage/postgres/postgres_database.hpp>

namespace librebird::storage {

// Several processes may do this at once. Ends with steps.ready. Settles how many connections there are.
Status prepare_schema(PostgresOptions& options, UnixMillis now, const PostgresDatabase::Steps& steps);
// For `doctor`.
Status check_server(const PostgresOptions& options, std::string& note);

}  // namespace librebird::storage
