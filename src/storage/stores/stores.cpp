#include <librebird/storage/stores/stores.hpp>

#include "audit_chain.hpp"
#include "factories.hpp"
#include "master_key.hpp"
#include "sqlite_search.hpp"

namespace librebird::storage {

Stores make_sqlite_stores(Database& database, const Clock& clock, IdGenerator& ids,
                          std::function<void()> request_idle_work, KeyRing* keys) {
  auto search = std::make_shared<SqliteSearch>(database, std::move(request_idle_work));
  const Context context{database, clock, ids, *search, {clock, ids, keys}};
  Stores stores;
  stores.search = search;
  stores.identities = make_identity_store(context);
  stores.credentials = make_credential_store(context);
  stores.conversations = make_conversation_store(context);
  stores.messages = make_message_store(context);
  stores.turns = make_turn_store(context);
  stores.audit = make_audit_store(context);
  stores.secrets = make_secret_store(context);
  stores.skills = make_skill_store(context);
  stores.approvals = make_approval_store(context);
  stores.quotas = make_quota_store(context);
  stores.accounts = make_account_store(context);
  stores.identity_links = make_identity_link_store(context);
  return stores;
}

Result<bool> sqlite_idle_work(Connection& connection) { return SqliteSearch::index_some(connection); }

Status after_migration(Connection& connection, int version, const Clock& clock, IdGenerator& ids) {
  if (version == 4) return adopt_audit_log(connection, {clock, ids});
  return Ok{};
}

Status join_master_key(Connection& connection, const Clock& clock, IdGenerator& ids, KeyRing* keys,
                       bool forget_lost_key) {
  return join_master_key(connection, AuditParts{clock, ids, keys}, forget_lost_key);
}

Task<Result<std::int64_t>> reseal(Database& database, const Clock& clock, IdGenerator& ids, KeyRing& keys,
                                  std::string key_id) {
  const AuditParts parts{clock, ids, &keys};
  auto work = [&](Connection& db) { return seal_under(db, parts, key_id); };
  co_return co_await database.write(kService, work);
}

Task<Result<std::string>> current_key(Database& database, const Clock& clock, IdGenerator& ids, KeyRing& keys) {
  const AuditParts parts{clock, ids, &keys};
  auto work = [&](Connection& db) { return sealing_key(db, parts); };
  co_return co_await database.read(kService, work);
}

}  // namespace librebird::storage
