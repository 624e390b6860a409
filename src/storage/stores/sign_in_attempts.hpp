#pragma once

// The count of failed attempts, by subject. Private; `now` is the same for look and count.

#include <librebird/base/clock.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/storage/sql/database.hpp>

#include <vector>

namespace librebird::storage {

// resource_exhausted with retry_after: one of them is closed.
Status check_attempts(Connection& db, const std::vector<AttemptLimit>& limits, UnixMillis now);
// The same, and counts one more failure at each.
Status count_attempts(Connection& db, const std::vector<AttemptLimit>& limits, UnixMillis now);
Status forgive_attempts(Connection& db, const std::vector<AttemptLimit>& limits);

}  // namespace librebird::storage
