#pragma once

// Everything that is kept: opens the database, brings it up to date, and hands out the stores of core/ports.
//
//   LB_TRY(storage, Storage::open(loop, clock, ids, {.path = data_dir + "/librebird.db"}));
//   co_await storage->identities().ensure_owner();
//
// Thread rule: open() and check() block; call open() before the loop runs and check() from an operator command.
// The stores are used on the loop. Ownership: owns the database and the stores; the loop, the clock and the id
// generator outlive it. Before it dies every caller of a store must have come back (join the scopes first).
// Several processes may have the same file open at once.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/credentials/key_ring.hpp>
#include <librebird/core/ports/account_store.hpp>
#include <librebird/core/ports/approval_stores.hpp>
#include <librebird/core/ports/identity_link_store.hpp>
#include <librebird/core/ports/skill_store.hpp>
#include <librebird/core/ports/stores.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace librebird {

struct StorageOptions {
  std::string path;                    // the database file; it and its folder are made for this user only
  std::string url;                     // of another engine; none is known yet, so it must be empty
  int readers = 2;                     // reading threads at most; they start when needed
  Millis busy_timeout{5000};           // how long to wait for another process that writes
  std::size_t write_queue_limit = 10'000;
  std::int64_t max_bytes = 0;          // of the database file; 0: as much as the disk holds
  std::shared_ptr<KeyRing> keys;       // seals secrets and audit chains; null: neither (tools, tests)
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
  [[nodiscard]] AccountStore& accounts();
  [[nodiscard]] IdentityLinkStore& identity_links();

  // Looks through the whole database; for `doctor`. data_loss: damaged.
  Status check();

 private:
  struct Parts;
  explicit Storage(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace librebird
