#include <librebird/storage/storage.hpp>

#include <librebird/storage/postgres/postgres_database.hpp>
#include <librebird/storage/sqlite/sqlite_database.hpp>
#include <librebird/storage/stores/stores.hpp>

namespace librebird {

struct Storage::Parts {
  const Clock& clock;
  IdGenerator& ids;
  std::shared_ptr<KeyRing> keys;
  std::unique_ptr<storage::Database> database;
  storage::Stores stores;
  std::function<Status(std::string& note)> check;
  std::string note;
};

namespace {

// What an engine does with a database while it is opened.
template <class Driver>
typename Driver::Steps steps_of(const Clock& clock, IdGenerator& ids, KeyRing* keys, bool forget_lost_key) {
  typename Driver::Steps steps;
  steps.after_migration = [&clock, &ids](storage::Connection& db, int version) {
    return storage::after_migration(db, version, clock, ids);
  };
  steps.ready = [&clock, &ids, keys, forget_lost_key](storage::Connection& db) {
    return storage::join_master_key(db, clock, ids, keys, forget_lost_key);
  };
  return steps;
}

storage::SqliteDatabase::Steps sqlite_steps(const Clock& clock, IdGenerator& ids, KeyRing* keys, bool forget_lost_key) {
  auto steps = steps_of<storage::SqliteDatabase>(clock, ids, keys, forget_lost_key);
  steps.after_migration = [shared = std::move(steps.after_migration)](storage::Connection& db, int version) -> Status {
    LB_CHECK(storage::after_sqlite_migration(db, version));
    return shared(db, version);
  };
  return steps;
}

}  // namespace

Result<std::unique_ptr<Storage>> Storage::open(Loop&, const Clock& clock, IdGenerator& ids, StorageOptions options) {
  auto parts = std::make_unique<Parts>(clock, ids, std::move(options.keys));
  KeyRing* keys = parts->keys.get();
  if (!options.url.empty()) {
    storage::PostgresOptions at{std::move(options.url), std::move(options.migration_url), options.connections,
                                options.busy_timeout};
    at.queue_limit = options.write_queue_limit;
    LB_TRY(database,
           storage::PostgresDatabase::open(
               clock, std::move(at), steps_of<storage::PostgresDatabase>(clock, ids, keys, options.forget_lost_key)));
    parts->stores = storage::make_postgres_stores(*database, clock, ids, keys);
    parts->check = [raw = database.get()](std::string& note) { return raw->check(note); };
    parts->database = std::move(database);
    return std::unique_ptr<Storage>(new Storage(std::move(parts)));
  }
  parts->note = options.path;
  LB_TRY(database, storage::SqliteDatabase::open(clock,
                                                 {std::move(options.path), options.readers, options.busy_timeout,
                                                  options.write_queue_limit, options.max_bytes},
                                                 sqlite_steps(clock, ids, keys, options.forget_lost_key)));
  auto* raw = database.get();
  auto request = [raw] { raw->request_idle_work(); };
  parts->stores = storage::make_sqlite_stores(*raw, clock, ids, request, keys);
  parts->check = [raw](std::string&) { return raw->check(); };
  parts->database = std::move(database);
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
WorkspaceStore& Storage::workspaces() { return *parts_->stores.workspaces; }
InvitationStore& Storage::invitations() { return *parts_->stores.invitations; }
AccountStore& Storage::accounts() { return *parts_->stores.accounts; }
Status Storage::check() { return parts_->check(parts_->note); }
std::string Storage::describe() const { return parts_->note; }

}  // namespace librebird
