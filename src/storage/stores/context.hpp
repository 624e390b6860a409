#pragma once

// What every store is made with. All of it outlives the stores. Private.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/credentials/key_ring.hpp>
#include <librebird/core/ports/skill_store.hpp>
#include <librebird/storage/sql/database.hpp>

#include "text_search.hpp"

namespace librebird::storage {

// What writing a row of the audit log takes.
struct AuditParts {
  const Clock& clock;
  IdGenerator& ids;
  KeyRing* keys = nullptr;  // null: chains are not sealed, and secrets cannot be kept
};

struct Context {
  Database& database;
  const Clock& clock;
  IdGenerator& ids;
  TextSearch& search;
  AuditParts audit;
};

[[nodiscard]] inline Actor as(const Principal& principal) { return {principal.user_id, principal.workspace_id}; }

}  // namespace librebird::storage
