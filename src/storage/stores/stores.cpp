#include <librebird/storage/stores/stores.hpp>

#include "audit_chain.hpp"
#include "factories.hpp"
#include "master_key.hpp"
#include "postgres_search.hpp"
#include "sqlite_search.hpp"

namespace librebird::storage {

namespace {

Stores make_stores(Database& database, const Clock& clock, IdGenerator& ids, const std::shared_ptr<TextSearch>& search,
                   KeyRing* keys, std::unique_ptr<VectorSearch> vectors) {
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
  stores.retention = make_retention_store(context);
  stores.embeddings = make_embedding_store(context, std::move(vectors));
  return stores;
}

}  // namespace

Stores make_sqlite_stores(Database& database, const Clock& clock, IdGenerator& ids,
                          std::function<void()> request_idle_work, KeyRing* keys) {
  auto search = std::make_shared<SqliteSearch>(database, std::move(request_idle_work));
  Stores stores =
      make_stores(database, clock, ids, search, keys, std::make_unique<ScanVectors>(ScanVectors::Kept::bytes));
  stores.idle_work.run = SqliteSearch::index_some;
  return stores;
}

Result<VectorKind> postgres_vector_kind(Connection& connection) {
  auto kind = [](const Row& row) {
    if (row.integer(0) == 0) return VectorKind::array;
    return row.integer(1) != 0 ? VectorKind::iterative : VectorKind::indexed;
  };
  LB_TRY(found,
         connection.one("SELECT a.atttypid <> 'REAL[]'::REGTYPE, COALESCE((SELECT string_to_array(substring("
                        "extversion FROM '^[0-9]+[.][0-9]+'), '.')::INT[] >= ARRAY[0, 8] FROM pg_extension WHERE "
                        "extname = 'vector'), false) FROM pg_attribute a WHERE a.attrelid = "
                        "'memory_embeddings'::REGCLASS AND a.attname = 'embedding'",
                        kind));
  return found.value_or(VectorKind::array);
}

Stores make_postgres_stores(Database& database, const Clock& clock, IdGenerator& ids,
                            std::function<void()> request_idle_work, KeyRing* keys, VectorKind vectors) {
  std::unique_ptr<VectorSearch> nearest;
  if (vectors == VectorKind::array) {
    nearest = std::make_unique<ScanVectors>(ScanVectors::Kept::array);
  } else {
    nearest = std::make_unique<IndexedVectors>(vectors == VectorKind::iterative);
  }
  auto search = std::make_shared<PostgresSearch>(database, std::move(request_idle_work));
  Stores stores = make_stores(database, clock, ids, search, keys, std::move(nearest));
  stores.idle_work = {[search](Connection& db) { return search->index_some(db); }, [search] { search->indexed(); }};
  return stores;
}

Status after_sqlite_migration(Connection& connection, int version) {
  if (version == 7) return SqliteSearch::rebuild(connection);
  return Ok{};
}

Result<std::int64_t> postgres_index_some(Connection& connection, std::int64_t after) {
  return PostgresSearch::index_behind(connection, after);
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
