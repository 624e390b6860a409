#include <librebird/storage/stores/stores.hpp>

#include "factories.hpp"
#include "sqlite_search.hpp"

namespace librebird::storage {

Stores make_sqlite_stores(Database& database, const Clock& clock, IdGenerator& ids,
                          std::function<void()> request_idle_work) {
  auto search = std::make_shared<SqliteSearch>(database, std::move(request_idle_work));
  const Context context{database, clock, ids, *search};
  Stores stores;
  stores.search = search;
  stores.identities = make_identity_store(context);
  stores.credentials = make_credential_store(context);
  stores.conversations = make_conversation_store(context);
  stores.messages = make_message_store(context);
  stores.turns = make_turn_store(context);
  stores.audit = make_audit_store(context);
  return stores;
}

Result<bool> sqlite_idle_work(Connection& connection) { return SqliteSearch::index_some(connection); }

}  // namespace librebird::storage
