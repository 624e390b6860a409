#pragma once

// Makes the stores on a database. Private to src/storage. The context outlives them.

#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/core/credentials/key_ring.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/approval_stores.hpp>
#include <librebird/core/ports/embedding_store.hpp>
#include <librebird/core/ports/identity_link_store.hpp>
#include <librebird/core/ports/person_store.hpp>
#include <librebird/core/ports/personal_stores.hpp>
#include <librebird/core/ports/retention_store.hpp>
#include <librebird/core/ports/skill_store.hpp>
#include <librebird/core/ports/stores.hpp>
#include <librebird/core/ports/usage_store.hpp>
#include <librebird/core/ports/workspace_stores.hpp>
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
  std::unique_ptr<SecretStore> secrets;
  std::unique_ptr<SkillStore> skills;
  std::unique_ptr<ApprovalStore> approvals;
  std::unique_ptr<QuotaStore> quotas;
  std::unique_ptr<PersonStore> persons;
  std::unique_ptr<UsageStore> usage;
  std::unique_ptr<WorkspaceStore> workspaces;
  std::unique_ptr<InvitationStore> invitations;
  std::unique_ptr<AccountStore> accounts;
  std::unique_ptr<TaskStore> tasks;
  std::unique_ptr<JournalStore> journal;
  std::unique_ptr<SnapshotStore> snapshots;
  std::unique_ptr<DayMemoryStore> day_memories;
  std::unique_ptr<SettingStore> settings;
  std::unique_ptr<LegacyIdStore> legacy_ids;
  std::unique_ptr<IdentityLinkStore> identity_links;
  std::unique_ptr<EmbeddingStore> embeddings;
  std::unique_ptr<RetentionStore> retention;
  IdleWork idle_work;  // fills the search index; for the database to do, soon after it is asked to
};

// `request_idle_work`: asks the database for it; any thread. `keys`: outlives the stores; null: audit chains are not
// sealed, and secrets cannot be kept.
Stores make_sqlite_stores(Database& database, const Clock& clock, IdGenerator& ids,
                          std::function<void()> request_idle_work, KeyRing* keys);
// How PostgreSQL keeps vectors: in arrays, as there is no pgvector; in pgvector's index; in one that goes on searching.
enum class VectorKind { array, indexed, iterative };
Result<VectorKind> postgres_vector_kind(Connection& connection);
Stores make_postgres_stores(Database& database, const Clock& clock, IdGenerator& ids,
                            std::function<void()> request_idle_work, KeyRing* keys, VectorKind vectors);
// What a migration needs of the search index; inside its transaction.
Status after_sqlite_migration(Connection& connection, int version);
// Makes some messages behind number `after` searchable that are not (0: all); the last one looked at, 0: none.
Result<std::int64_t> postgres_index_some(Connection& connection, std::int64_t after);

// What a migration needs beside its SQL; inside its transaction.
Status after_migration(Connection& connection, int version, const Clock& clock, IdGenerator& ids);
// Before the stores are used: joins the database with its master key. `forget_lost_key`: it is gone for good.
Status join_master_key(Connection& connection, const Clock& clock, IdGenerator& ids, KeyRing* keys,
                       bool forget_lost_key);
// Seals everything anew under this key; how many secrets there are.
Task<Result<std::int64_t>> reseal(Database& database, const Clock& clock, IdGenerator& ids, KeyRing& keys,
                                  std::string key_id);
// The key everything is sealed under.
Task<Result<std::string>> current_key(Database& database, const Clock& clock, IdGenerator& ids, KeyRing& keys);

}  // namespace librebird::storage
