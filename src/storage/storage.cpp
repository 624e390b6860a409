#include <librebird/storage/storage.hpp>

#include <librebird/storage/sqlite/sqlite_database.hpp>
#include <librebird/storage/stores/stores.hpp>

namespace librebird {

struct Storage::Parts {
  std::unique_ptr<storage::SqliteDatabase> database;
  storage::Stores stores;
};

Result<std::unique_ptr<Storage>> Storage::open(Loop&, const Clock& clock, IdGenerator& ids, StorageOptions options) {
  if (!options.url.empty()) {
    return {Code::invalid_argument, "This build stores in SQLite only: leave the database URL empty."};
  }
  auto parts = std::make_unique<Parts>();
  LB_TRY(database, storage::SqliteDatabase::open(clock, {std::move(options.path), options.readers, options.busy_timeout,
                                                         options.write_queue_limit, options.max_bytes}));
  parts->database = std::move(database);
  auto* raw = parts->database.get();
  auto request = [raw] { raw->request_idle_work(); };
  parts->stores = storage::make_sqlite_stores(*raw, clock, ids, request);
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
Status Storage::check() { return parts_->database->check(); }

}  // namespace librebird
