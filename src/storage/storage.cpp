#include <librebird/storage/storage.hpp>

#include <librebird/storage/copy/database_copy.hpp>
#include <librebird/storage/legacy/legacy_importer.hpp>
#include <librebird/storage/sqlite/foreign_file.hpp>
#include <librebird/storage/sqlite/sqlite_database.hpp>
#include <librebird/storage/stores/stores.hpp>

#include <cstdlib>
#include <filesystem>

namespace librebird {
namespace {

// A folder for a copy of the database that nobody else sees.
class Rehearsal {
 public:
  static Result<std::unique_ptr<Rehearsal>> of(std::string& path) {
    auto made = std::make_unique<Rehearsal>();
    std::error_code failure;
    std::string folder = (std::filesystem::temp_directory_path(failure) / "librebird-rehearsal-XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) {
      return {Code::failed_precondition, "No private folder can be made for temporary files: set TMPDIR to another."};
    }
    made->folder_ = folder;
    const std::string copy = folder + "/librebird.db";
    if (std::filesystem::exists(path, failure)) LB_CHECK(storage::copy_at_rest(path, copy));
    path = copy;
    return made;
  }
  ~Rehearsal() {
    std::error_code ignored;
    if (!folder_.empty()) std::filesystem::remove_all(folder_, ignored);
  }

 private:
  std::string folder_;
};

}  // namespace

struct Storage::Parts {
  std::unique_ptr<Rehearsal> rehearsal;
  const Clock& clock;
  IdGenerator& ids;
  std::shared_ptr<KeyRing> keys;
  std::unique_ptr<storage::SqliteDatabase> database;
  storage::Stores stores;
  std::unique_ptr<LegacyImporter> legacy;
  storage::Dialect dialect = storage::Dialect::sqlite;
};

Result<std::unique_ptr<Storage>> Storage::open(Loop&, const Clock& clock, IdGenerator& ids, StorageOptions options) {
  if (!options.url.empty()) {
    return {Code::invalid_argument, "This build stores in SQLite only: leave the database URL empty."};
  }
  std::unique_ptr<Rehearsal> rehearsal;
  if (options.rehearse) {
    LB_TRY(made, Rehearsal::of(options.path));
    rehearsal = std::move(made);
  }
  auto parts = std::make_unique<Parts>(std::move(rehearsal), clock, ids, std::move(options.keys));
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
  auto save = [raw](const std::string& file) { return raw->backup(file); };
  parts->legacy =
      storage::make_legacy_importer({*raw, clock, *parts->stores.secrets, std::move(save), storage::sqlite_idle_work});
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
TaskStore& Storage::tasks() { return *parts_->stores.tasks; }
JournalStore& Storage::journal() { return *parts_->stores.journal; }
SnapshotStore& Storage::snapshots() { return *parts_->stores.snapshots; }
DayMemoryStore& Storage::day_memories() { return *parts_->stores.day_memories; }
SettingStore& Storage::settings() { return *parts_->stores.settings; }
LegacyIdStore& Storage::legacy_ids() { return *parts_->stores.legacy_ids; }
Task<Result<MoveReport>> Storage::copy_to(Storage& target, std::function<void(const MoveProgress&)> progress) {
  co_return co_await storage::copy_database({*parts_->database, parts_->dialect},
                                            {*target.parts_->database, target.parts_->dialect}, std::move(progress));
}
LegacyImporter& Storage::legacy() { return *parts_->legacy; }
Status Storage::backup(const std::string& file) { return parts_->database->backup(file); }
Status Storage::check() { return parts_->database->check(); }

}  // namespace librebird
