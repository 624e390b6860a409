#pragma once

// Makes the stores on a database. Private to src/storage. The context outlives them.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/ports/stores.hpp>
#include <librebird/storage/sql/database.hpp>

#include <functional>
#include <memory>

namespace librebird::storage {

struct Stores {
  std::shared_ptr<void> search;  // used by the others
  std::unique_ptr<IdentityStore> identities;
  std::unique_ptr<CredentialStore> credentials;
  std::unique_ptr<ConversationStore> conversations;
  std::unique_ptr<MessageStore> messages;
  std::unique_ptr<TurnStore> turns;
  std::unique_ptr<AuditStore> audit;
};

// `request_idle_work`: asks the database to call sqlite_idle_work() soon.
Stores make_sqlite_stores(Database& database, const Clock& clock, IdGenerator& ids,
                          std::function<void()> request_idle_work);
// Fills the search index; true while there is more to do.
Result<bool> sqlite_idle_work(Connection& connection);

}  // namespace librebird::storage
