#include <librebird/storage/storage.hpp>

#include <librebird/storage/copy/database_copy.hpp>
#include <librebird/storage/legacy/legacy_importer.hpp>
#include <librebird/storage/postgres/postgres_database.hpp>
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
  std::unique_ptr<storage::Database> database;
  storage::Stores stores;
  std::unique_ptr<LegacyImporter> legacy;
  storage::Dialect dialect = storage::Dialect::sqlite;
  std::function<Status(std::string& note)> check;
  std::function<Status(const std::string& file)> backup;  // empty: of a server; copy_to() a file
  std::function<Result<std::unique_ptr<storage::Database>>()> snapshot;  // empty: read as it is
  // Empty: of a file, which is replaced as a whole.
  std::function<Result<std::unique_ptr<storage::AllOrNothing>>(bool alone)> all_or_nothing;
  std::function<Status()> scrub;  // empty: the engine does it by itself
  std::string note;
};

namespace {

// Makes messages searchable that came by copying; on a server.
Task<Status> index_messages(storage::Database& database, std::function<void(const MoveProgress&)> progress) {
  for (std::int64_t after = 0;;) {
    auto work = [&](storage::Connection& db) { return storage::postgres_index_some(db, after); };
    LB_CO_TRY(next, co_await database.write(storage::kService, work));
    if (next == 0) co_return Ok{};
    if (progress) progress({"making it searchable", 1, 1});
    after = next;
  }
}

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
  std::unique_ptr<Rehearsal> rehearsal;
  if (options.rehearse) {
    if (!options.url.empty()) {
      return {Code::invalid_argument, "A database on a server cannot be rehearsed on: only a file is copied."};
    }
    LB_TRY(made, Rehearsal::of(options.path));
    rehearsal = std::move(made);
  }
  auto parts = std::make_unique<Parts>(std::move(rehearsal), clock, ids, std::move(options.keys));
  KeyRing* keys = parts->keys.get();
  if (!options.url.empty()) {
    storage::PostgresOptions at{std::move(options.url), std::move(options.migration_url), options.connections,
                                options.busy_timeout};
    at.queue_limit = options.write_queue_limit;
    at.migrate = options.migrate;
    at.create = options.create;
    auto steps = steps_of<storage::PostgresDatabase>(clock, ids, keys, options.forget_lost_key);
    auto vectors = storage::VectorKind::array;
    steps.ready = [ready = std::move(steps.ready), &vectors](storage::Connection& db) -> Status {
      LB_TRY(kind, storage::postgres_vector_kind(db));
      vectors = kind;
      return ready(db);
    };
    LB_TRY(database, storage::PostgresDatabase::open(clock, std::move(at), steps));
    auto request = [raw = database.get()] { raw->request_idle_work(); };
    parts->stores = storage::make_postgres_stores(*database, clock, ids, request, keys, vectors);
    database->set_idle_work(parts->stores.idle_work);
    parts->legacy =
        storage::make_legacy_importer({*database, clock, *parts->stores.secrets, {}, storage::postgres_index_some});
    parts->dialect = storage::Dialect::postgres;
    parts->check = [raw = database.get()](std::string& note) { return raw->check(note); };
    parts->snapshot = [raw = database.get()] { return raw->snapshot(); };
    parts->all_or_nothing = [raw = database.get()](bool alone) { return raw->all_or_nothing(alone); };
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
  raw->set_idle_work(parts->stores.idle_work);
  parts->scrub = [raw] { return raw->scrub(); };
  parts->backup = [raw](const std::string& file) { return raw->backup(file); };
  auto index = [run = parts->stores.idle_work.run](storage::Connection& db, std::int64_t) -> Result<std::int64_t> {
    LB_TRY(more, run(db));
    return std::int64_t{more};
  };
  parts->legacy = storage::make_legacy_importer({*raw, clock, *parts->stores.secrets, parts->backup, index});
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
PersonStore& Storage::persons() { return *parts_->stores.persons; }
UsageStore& Storage::usage() { return *parts_->stores.usage; }
Status Storage::scrub() { return parts_->scrub ? parts_->scrub() : Status(Ok{}); }
WorkspaceStore& Storage::workspaces() { return *parts_->stores.workspaces; }
InvitationStore& Storage::invitations() { return *parts_->stores.invitations; }
AccountStore& Storage::accounts() { return *parts_->stores.accounts; }
IdentityLinkStore& Storage::identity_links() { return *parts_->stores.identity_links; }
RetentionStore& Storage::retention() { return *parts_->stores.retention; }
EmbeddingStore& Storage::embeddings() { return *parts_->stores.embeddings; }
TaskStore& Storage::tasks() { return *parts_->stores.tasks; }
JournalStore& Storage::journal() { return *parts_->stores.journal; }
SnapshotStore& Storage::snapshots() { return *parts_->stores.snapshots; }
DayMemoryStore& Storage::day_memories() { return *parts_->stores.day_memories; }
SettingStore& Storage::settings() { return *parts_->stores.settings; }
LegacyIdStore& Storage::legacy_ids() { return *parts_->stores.legacy_ids; }
Task<Result<MoveReport>> Storage::copy_to(Storage& target, std::function<void(const MoveProgress&)> progress) {
  std::unique_ptr<storage::Database> moment;
  if (parts_->snapshot) {
    LB_CO_TRY(taken, parts_->snapshot());
    moment = std::move(taken);
  }
  LB_CO_TRY(report,
            co_await storage::copy_database({moment ? *moment : *parts_->database, parts_->dialect},
                                            {*target.parts_->database, target.parts_->dialect}, false, progress));
  // A file's index fills itself.
  if (target.parts_->dialect == storage::Dialect::postgres) {
    LB_CO_CHECK(co_await index_messages(*target.parts_->database, std::move(progress)));
  }
  co_return report;
}

Task<Result<MoveReport>> Storage::restore_from(Storage& source, bool replace,
                                               std::function<void(const MoveProgress&)> progress) {
  if (!parts_->all_or_nothing) {
    co_return make_error(Code::failed_precondition, "This database is a file: restore its data folder.");
  }
  LB_CO_TRY(database, parts_->all_or_nothing(replace));
  auto count = [](storage::Connection& db) -> Result<bool> {
    auto number = [](const storage::Row& row) { return row.integer(0); };
    LB_TRY(found, db.one("SELECT COUNT(*) FROM (SELECT 1 FROM users LIMIT 1) AS one", number));
    return found.value_or(0) > 0;
  };
  LB_CO_TRY(used, co_await database->read(storage::kService, count));
  auto report = co_await storage::copy_database({*source.parts_->database, source.parts_->dialect},
                                                {*database, storage::Dialect::postgres}, replace, progress);
  const bool same = report && report->verified;
  if (used && !replace && (report ? !same : report.error().code != Code::unavailable)) {
    co_return make_error(Code::failed_precondition,
                         "The database holds something else than the backup: choose an empty one, or say "
                         "--replace-database to delete what it holds. Nothing was changed.");
  }
  if (!report) co_return report.error();
  if (!same) {
    co_return make_error(Code::data_loss,
                         "What arrived in the database is not what the backup holds: something else wrote to it. Stop "
                         "that, and try again. Nothing was changed.");
  }
  LB_CO_CHECK(co_await index_messages(*database, std::move(progress)));
  LB_CO_CHECK(database->commit());
  co_return report;
}
LegacyImporter& Storage::legacy() { return *parts_->legacy; }
Status Storage::backup(const std::string& file) {
  if (parts_->backup) return parts_->backup(file);
  return {Code::failed_precondition, "This database is on a server: save it with `librebird backup`."};
}
Status Storage::check() { return parts_->check(parts_->note); }
std::string Storage::describe() const { return parts_->note; }

}  // namespace librebird
