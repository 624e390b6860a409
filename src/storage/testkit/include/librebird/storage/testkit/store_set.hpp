#pragma once

// What a test of the stores needs: the stores of one engine, and a loop to run their tasks on.

#include <librebird/base/async/scope.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/random.hpp>
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

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace librebird::testkit {

// What a factory makes: the stores, and whatever keeps them alive.
class StoreSet {
 public:
  virtual ~StoreSet() = default;
  virtual IdentityStore& identities() = 0;
  virtual CredentialStore& credentials() = 0;
  virtual ConversationStore& conversations() = 0;
  virtual MessageStore& messages() = 0;
  virtual TurnStore& turns() = 0;
  virtual AuditStore& audit() = 0;
  virtual SecretStore& secrets() = 0;
  // What a thief with the database file could do: runs SQL on it.
  virtual std::string tamper(const std::string& sql) = 0;
  virtual SkillStore& skills() = 0;
  virtual ApprovalStore& approvals() = 0;
  virtual QuotaStore& quotas() = 0;
  virtual UsageStore& usage() = 0;
  virtual PersonStore& persons() = 0;
  virtual WorkspaceStore& workspaces() = 0;
  virtual InvitationStore& invitations() = 0;
  virtual AccountStore& accounts() = 0;
  virtual TaskStore& tasks() = 0;
  virtual JournalStore& journal() = 0;
  virtual SnapshotStore& snapshots() = 0;
  virtual DayMemoryStore& day_memories() = 0;
  virtual SettingStore& settings() = 0;
  virtual LegacyIdStore& legacy_ids() = 0;
  virtual IdentityLinkStore& identity_links() = 0;
  virtual EmbeddingStore& embeddings() = 0;
  virtual RetentionStore& retention() = 0;
  // A second user with a workspace, to attack the first one with.
  virtual Principal add_stranger() = 0;
};

struct StoreFactory {
  std::string name;
  std::function<std::unique_ptr<StoreSet>(Loop&, const Clock&, IdGenerator&)> make;
};
inline void PrintTo(const StoreFactory& factory, std::ostream* out) { *out << factory.name; }

// Runs tasks to their end on a loop of its own, one after the other.
class LoopRunner {
 public:
  template <class T>
  T run(Task<T> task) {
    std::optional<T> out;
    Scope scope(loop_.executor());
    scope.spawn(keep(std::move(task), out, loop_), "test");
    loop_.run();
    loop_.context().restart();
    loop_.poll();
    EXPECT_TRUE(out.has_value());
    return *std::move(out);
  }
  // Starts all tasks at once.
  template <class T>
  std::vector<T> run_all(std::vector<Task<T>> tasks) {
    std::vector<std::optional<T>> out(tasks.size());
    Scope scope(loop_.executor());
    Scope last(loop_.executor());
    for (std::size_t i = 0; i < tasks.size(); ++i) scope.spawn(put(std::move(tasks[i]), out[i]), "test");
    last.spawn(join(scope, loop_), "join");
    loop_.run();
    loop_.context().restart();
    loop_.poll();
    std::vector<T> values;
    for (auto& value : out) values.push_back(*std::move(value));
    return values;
  }
  [[nodiscard]] Loop& loop() { return loop_; }

 private:
  template <class T>
  static Task<void> put(Task<T> task, std::optional<T>& out) {
    out.emplace(co_await std::move(task));
  }
  template <class T>
  static Task<void> keep(Task<T> task, std::optional<T>& out, Loop& loop) {
    out.emplace(co_await std::move(task));
    loop.stop();
  }
  static Task<void> join(Scope& scope, Loop& loop) {
    co_await scope.join();
    loop.stop();
  }
  Loop loop_;
};

}  // namespace librebird::testkit
