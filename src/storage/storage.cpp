#include <librebird/storage/storage.hpp>

#include <librebird/storage/sqlite/sqlite_database.hpp>
#include <librebird/storage/stores/stores.hpp>

namespace librebird {

struct Storage::Parts {
  const Clock& clock;
  IdGenerator& ids;
  std::shared_ptr<KeyRing> keys;
  std::unique_ptr<storage::SqliteDatabase> database;
  storage::Stores stores;
};

Result<std::unique_ptr<Storage>> Storage::open(Loop&, const Clock& clock, IdGenerator& ids, StorageOptions options) {
  if (!options.url.empty()) {
    return {Code::invalid_argument, "This build stores in SQLite only: leave the database URL empty."};
  }
  auto parts = std::make_unique<Parts>(clock, ids, std::move(options.keys));
  KeyRing* keys = parts->keys.get();
  storage::SqliteDatabase::Steps steps;
  steps.after_migration = [&](storage::Connection& db, int version) {
    return storage::after_migration(db, version, clock, ids);
  };
  steps.ready = [&](storage::Connection& db) {
    return storage::join_master_key(db, clock, ids, keys, options.forget_lost_key);
  };
  LB_TRY(database, storage::SqliteDatabase::open(clock,
                                                 {std::move(options.path), options.readers, options.busy_timeout,
                                                  options.write_queue_limit, options.max_bytes},
                                                 steps));
  parts->database = std::move(database);
  auto* raw = parts->database.get();
  auto request = [raw] { raw->request_idle_work(); };
  parts->stores = storage::make_sqlite_stores(*raw, clock, ids, request, keys);
  raw->set_idle_work(storage::sqlite_idle_work);
  request();  // what a crash left unindexed
  return std::unique_ptr<Storage>(new Storage(std::move(parts)));
}

Storage::Storage(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Storage::~Storage() = default;

IdentityStore& Storage::identities() { return *parts_->stores.identities; }
CredentialStore& Storage::credentials() { return *parts_->stores.credentials; }
ConversationStore& Storage::conversations() { return *parts_->stores.conversations; }
MessageStore& Storage::messages() { return *parts_->stores.messages; }
TurnStore& Storage::turns() { return *parts_->stores.turns; }
AuditStore& Storage::audit() { return *parts_->stores.audit; }
SecretStore& Storage::secrets() { return *parts_->stores.secrets; }

Task<Result<std::string>> Storage::rotate_key() {
  if (!parts_->keys) co_return make_error(Code::failed_precondition, "There is no master key to change.");
  KeyRing& keys = *parts_->keys;
  LB_CO_TRY(old, co_await storage::current_key(*parts_->database, parts_->clock, parts_->ids, keys));
  // The new key is on the disk before anything is sealed under it, and the old one until nothing is: whatever
  // happens in between, every row can be opened, and the next attempt goes on from there.
  std::string fresh = keys.ids().front();
  if (fresh == old) {
    LB_CO_TRY(added, keys.add());
    fresh = std::move(added);
  }
  LB_CO_TRY(count, co_await storage::reseal(*parts_->database, parts_->clock, parts_->ids, keys, fresh));
  const std::string done = "Sealed " + std::to_string(count) + " secrets and the audit log under the new key " + fresh;
  if (const Status kept = keys.keep_only(fresh); !kept) {
    co_return done + ". Now remove the old key " + old + " from " + keys.origin() + " and restart the servers.";
  }
  co_return done + "; the old one is forgotten.";
}
SkillStore& Storage::skills() { return *parts_->stores.skills; }
ApprovalStore& Storage::approvals() { return *parts_->stores.approvals; }
QuotaStore& Storage::quotas() { return *parts_->stores.quotas; }
AccountStore& Storage::accounts() { return *parts_->stores.accounts; }
IdentityLinkStore& Storage::identity_links() { return *parts_->stores.identity_links; }
Status Storage::check() { return parts_->database->check(); }

}  // namespace librebird
