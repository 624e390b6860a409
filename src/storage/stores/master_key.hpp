#pragma once

// Joins a database with its master key, and changes that key. Private to src/storage.

#include "context.hpp"

namespace librebird::storage {

// At every start, on a connection without a transaction: notes the key at the first start, and afterwards checks that
// it is the same. Nothing to do without keys in `parts`. `forget_lost`: the old key is gone for good; gives up what it
// sealed. Blocking.
Status join_master_key(Connection& db, const AuditParts& parts, bool forget_lost);

// Inside a write transaction: seals everything anew under this key. Answers how many secrets there are.
Result<std::int64_t> seal_under(Connection& db, const AuditParts& parts, const std::string& key_id);

}  // namespace librebird::storage
