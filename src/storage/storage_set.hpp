#pragma once

// For tests only: the stores of an opened Storage, whatever its engine.

#include <librebird/storage/storage.hpp>
#include <librebird/storage/testkit/store_set.hpp>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

namespace librebird::testkit {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "librebird-storage-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
    path_ = pattern;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] std::string database() const { return file("librebird.db"); }

 private:
  std::string path_;
};

class StorageSet : public StoreSet {
 public:
  IdentityStore& identities() override { return storage_->identities(); }
  CredentialStore& credentials() override { return storage_->credentials(); }
  ConversationStore& conversations() override { return storage_->conversations(); }
  MessageStore& messages() override { return storage_->messages(); }
  TurnStore& turns() override { return storage_->turns(); }
  AuditStore& audit() override { return storage_->audit(); }
  SecretStore& secrets() override { return storage_->secrets(); }
  SkillStore& skills() override { return storage_->skills(); }
  ApprovalStore& approvals() override { return storage_->approvals(); }
  QuotaStore& quotas() override { return storage_->quotas(); }
  UsageStore& usage() override { return storage_->usage(); }
  PersonStore& persons() override { return storage_->persons(); }
  WorkspaceStore& workspaces() override { return storage_->workspaces(); }
  InvitationStore& invitations() override { return storage_->invitations(); }
  IdentityLinkStore& identity_links() override { return storage_->identity_links(); }
  RetentionStore& retention() override { return storage_->retention(); }
  EmbeddingStore& embeddings() override { return storage_->embeddings(); }
  AccountStore& accounts() override { return storage_->accounts(); }
  TaskStore& tasks() override { return storage_->tasks(); }
  JournalStore& journal() override { return storage_->journal(); }
  SnapshotStore& snapshots() override { return storage_->snapshots(); }
  DayMemoryStore& day_memories() override { return storage_->day_memories(); }
  SettingStore& settings() override { return storage_->settings(); }
  LegacyIdStore& legacy_ids() override { return storage_->legacy_ids(); }
  Principal add_stranger() override {
    const Principal principal{ids_.next(), ids_.next(), Role::owner, ""};
    const std::string later = std::to_string(clock_.unix_now() + 1);
    tamper("INSERT INTO users (id, display_name, created_at) VALUES ('" + principal.user_id + "', 'Stranger', " +
           later + ")");
    tamper("INSERT INTO workspaces (id, name, owner_id, created_at) VALUES ('" + principal.workspace_id +
           "', 'Theirs', '" + principal.user_id + "', " + later + ")");
    tamper("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" + principal.workspace_id +
           "', '" + principal.user_id + "', 'owner', " + later + ")");
    return principal;
  }

 protected:
  StorageSet(const Clock& clock, IdGenerator& ids) : clock_(clock), ids_(ids) {}
  void open(Loop& loop, StorageOptions options) {
    auto keys = KeyRing::open({.file = folder_.file("master.key")});
    if (!keys) throw std::runtime_error(keys.error().message);
    options.keys = std::move(keys).value();
    auto storage = Storage::open(loop, clock_, ids_, std::move(options));
    if (!storage) throw std::runtime_error(storage.error().message);
    storage_ = std::move(storage).value();
  }

  TemporaryFolder folder_;
  const Clock& clock_;
  IdGenerator& ids_;
  std::unique_ptr<Storage> storage_;
};

}  // namespace librebird::testkit
