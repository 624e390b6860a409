#pragma once

// Everything that is kept: opens the database, brings it up to date, and hands out the stores of core/ports.
//
//   LB_TRY(storage, Storage::open(loop, clock, ids, {.path = data_dir + "/librebird.db"}));   // SQLite
//   LB_TRY(storage, Storage::open(loop, clock, ids, {.url = "postgresql://libre@db/libre"}));  // PostgreSQL
//   co_await storage->identities().ensure_owner();
//
// Thread rule: open() and check() block; call open() before the loop runs and check() from an operator command.
// The stores are used on the loop. Ownership: owns the database and the stores; the loop, the clock and the id
// generator outlive it. Before it dies every caller of a store must have come back (join the scopes first).
// Several processes may have the same file or database open at once.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/credentials/key_ring.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/approval_stores.hpp>
#include <librebird/core/ports/database_move.hpp>
#include <librebird/core/ports/embedding_store.hpp>
#include <librebird/core/ports/identity_link_store.hpp>
#include <librebird/core/ports/legacy_import.hpp>
#include <librebird/core/ports/person_store.hpp>
#include <librebird/core/ports/personal_stores.hpp>
#include <librebird/core/ports/retention_store.hpp>
#include <librebird/core/ports/skill_store.hpp>
#include <librebird/core/ports/stores.hpp>
#include <librebird/core/ports/usage_store.hpp>
#include <librebird/core/ports/workspace_stores.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace librebird {

struct StorageOptions {
  std::string path;                    // the database file; it and its folder are made for this user only
  std::string url;                     // postgresql://...: that database instead of a file
  std::string migration_url;           // of the login that owns its tables; empty: the same
  int connections = 0;                 // to that database at most; 0: as suits the place of its server
  int readers = 2;                     // reading threads of a file at most; they start when needed
  Millis busy_timeout{5000};           // how long to wait for another process that writes, or for a server
  std::size_t write_queue_limit = 10'000;
  std::int64_t max_bytes = 0;          // of the database file; 0: as much as the disk holds
  std::shared_ptr<KeyRing> keys;       // seals secrets and audit chains; null: neither (tools, tests)
  bool migrate = true;                 // false: on a server, the schema of another version is refused
  bool create = true;                  // false: on a server, a database without a schema is refused
  bool rehearse = false;               // work on a private copy of the file, which disappears in the end
  bool forget_lost_key = false;        // the key the database is sealed under is gone: give up what it sealed
};

class Storage {
 public:
  // Errors, each with cause and next step: unavailable (locked by another process, disk full), failed_precondition
  // (written by a newer version, read-only, folder missing, another program's file), data_loss (damaged, or no
  // database), invalid_argument (options).
  static Result<std::unique_ptr<Storage>> open(Loop& loop, const Clock& clock, IdGenerator& ids,
                                               StorageOptions options);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  [[nodiscard]] IdentityStore& identities();
  [[nodiscard]] CredentialStore& credentials();
  [[nodiscard]] ConversationStore& conversations();
  [[nodiscard]] MessageStore& messages();
  [[nodiscard]] TurnStore& turns();
  [[nodiscard]] AuditStore& audit();
  [[nodiscard]] SecretStore& secrets();

  // Seals everything anew under a new master key. Answers a line that tells what was done. failed_precondition: no
  // key, or its source is not ours to write.
  Task<Result<std::string>> rotate_key();
  [[nodiscard]] SkillStore& skills();
  [[nodiscard]] ApprovalStore& approvals();
  [[nodiscard]] QuotaStore& quotas();
  [[nodiscard]] PersonStore& persons();
  [[nodiscard]] UsageStore& usage();
  // Rewrites the file so that nothing of what was deleted is left in it or its log; takes as long as copying it, and
  // writers wait. A server's database clears away by itself. Blocking; any thread but the loop.
  Status scrub();
  [[nodiscard]] WorkspaceStore& workspaces();
  [[nodiscard]] InvitationStore& invitations();
  [[nodiscard]] AccountStore& accounts();
  [[nodiscard]] TaskStore& tasks();
  [[nodiscard]] JournalStore& journal();
  [[nodiscard]] SnapshotStore& snapshots();
  [[nodiscard]] DayMemoryStore& day_memories();
  [[nodiscard]] SettingStore& settings();
  [[nodiscard]] LegacyIdStore& legacy_ids();
  [[nodiscard]] LegacyImporter& legacy();
  [[nodiscard]] IdentityLinkStore& identity_links();
  [[nodiscard]] EmbeddingStore& embeddings();
  [[nodiscard]] RetentionStore& retention();

  // Saves the database as it is now to a new file that is this user's only, while others use it. already_exists;
  // failed_precondition: it is on a server.
  Status backup(const std::string& file);
  // Copies everything to another database, which was opened without keys and holds nothing, or what an earlier attempt
  // left; then compares both. Nobody else uses the target. A file is not written meanwhile; a server is read as it was
  // at one moment, and the loop waits for it. failed_precondition: the target holds another installation.
  Task<Result<MoveReport>> copy_to(Storage& target, std::function<void(const MoveProgress&)> progress);
  // Fills this database, which is on a server and was opened without keys, from a file's: everything, compared, or
  // nothing, whenever it is interrupted. Doing the same once more is no error. `replace`: what it holds is deleted.
  // failed_precondition: it holds something else; servers use it (of `replace`).
  Task<Result<MoveReport>> restore_from(Storage& source, bool replace,
                                        std::function<void(const MoveProgress&)> progress);

  // Looks through the whole file, or at the server's settings and rules; for `doctor`. data_loss: damaged.
  Status check();
  // What there is to know of it, after check(): where it is, its version. No password.
  [[nodiscard]] std::string describe() const;

 private:
  struct Parts;
  explicit Storage(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace librebird
