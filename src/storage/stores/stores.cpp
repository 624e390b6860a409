#include <librebird/storage/stores/stores.hpp>

#include "audit_chain.hpp"
#include "factories.hpp"
#include "master_key.hpp"
#include "postgres_search.hpp"
#include "sqlite_search.hpp"

namespace librebird::storage {

namespace {

Stores make_stores(Database& database, const Clock& clock, IdGenerator& ids, const std::shared_ptr<TextSearch>& search,
                   KeyRing* keys) {
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
  stores.persons = make_person_store(context);
  stores.usage = make_usage_store(context);
  stores.workspaces = make_workspace_store(context);
  stores.invitations = make_invitation_store(context);
  stores.accounts = make_account_store(context);
  stores.tasks = make_task_store(context);
  stores.journal = make_journal_store(context);
  stores.snapshots = make_snapshot_store(context);
  stores.day_memories = make_day_memory_store(context);
  stores.settings = make_setting_store(context);
  stores.legacy_ids = make_legacy_id_store(context);
  stores.identity_links = make_identity_link_store(context);
  return stores;
}

}  // namespace

Stores make_sqlite_stores(Database& database, const Clock& clock, IdGenerator& ids,
                          std::function<void()> request_idle_work, KeyRing* keys) {
  auto search = std::make_shared<SqliteSearch>(database, std::move(request_idle_work));
  return make_stores(database, clock, ids, search, keys);
}

Stores make_postgres_stores(Database& database, const Clock& clock, IdGenerator& ids, KeyRing* keys) {
  return make_stores(database, clock, ids, std::make_shared<PostgresSearch>(), keys);
}

Result<bool> sqlite_idle_work(Connection& connection) { return SqliteSearch::index_some(connection); }

Status after_sqlite_migration(Connection& connection, int version) {
  if (version == 7) return SqliteSearch::rebuild(connection);
  return Ok{};
}

Result<std::int64_t> postgres_index_some(Connection& connection, std::int64_t after) {
  return PostgresSearch::index_some(connection, after);
}

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
