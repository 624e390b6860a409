#pragma once

// For tests only: SQLite stores in a folder of their own.

#include <librebird/storage/sqlite/sqlite_database.hpp>
#include <librebird/storage/storage.hpp>
#include <librebird/storage/testkit/store_set.hpp>

#include <sqlite3.h>

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

// A plain SQLite handle: another program at the same file.
class RawDatabase {
 public:
  explicit RawDatabase(const std::string& path) {
    if (sqlite3_open(path.c_str(), &handle_) != SQLITE_OK) throw std::runtime_error("cannot open");
    // The stores may be writing at this moment; another program would wait for them, too.
    sqlite3_busy_timeout(handle_, 5000);
  }
  ~RawDatabase() { sqlite3_close(handle_); }
  RawDatabase(const RawDatabase&) = delete;
  RawDatabase& operator=(const RawDatabase&) = delete;

  // The first column of the first row.
  std::string run(const std::string& sql) {
    std::string out;
    char* failure = nullptr;
    const int code = sqlite3_exec(
        handle_, sql.c_str(),
        [](void* context, int, char** values, char**) {
          auto& text = *static_cast<std::string*>(context);
          if (text.empty() && values[0] != nullptr) text = values[0];
          return 0;
        },
        &out, &failure);
    if (code != SQLITE_OK) {
      ADD_FAILURE() << sql << ": " << (failure != nullptr ? failure : "");
      sqlite3_free(failure);
    }
    return out;
  }

 private:
  sqlite3* handle_ = nullptr;
};

class SqliteSet final : public StoreSet {
 public:
  SqliteSet(Loop& loop, const Clock& clock, IdGenerator& ids) : clock_(clock), ids_(ids) {
    auto keys = KeyRing::open({.file = folder_.file("master.key")});
    if (!keys) throw std::runtime_error(keys.error().message);
    StorageOptions options{.path = folder_.database()};
    options.keys = std::move(keys).value();
    auto storage = Storage::open(loop, clock, ids, std::move(options));
    if (!storage) throw std::runtime_error(storage.error().message);
    storage_ = std::move(storage).value();
  }
  IdentityStore& identities() override { return storage_->identities(); }
  CredentialStore& credentials() override { return storage_->credentials(); }
  ConversationStore& conversations() override { return storage_->conversations(); }
  MessageStore& messages() override { return storage_->messages(); }
  TurnStore& turns() override { return storage_->turns(); }
  AuditStore& audit() override { return storage_->audit(); }
  SecretStore& secrets() override { return storage_->secrets(); }
  std::string tamper(const std::string& sql) override { return RawDatabase(folder_.database()).run(sql); }
  SkillStore& skills() override { return storage_->skills(); }
  ApprovalStore& approvals() override { return storage_->approvals(); }
  QuotaStore& quotas() override { return storage_->quotas(); }
  AccountStore& accounts() override { return storage_->accounts(); }
  IdentityLinkStore& identity_links() override { return storage_->identity_links(); }
  Principal add_stranger() override {
    const Principal principal{ids_.next(), ids_.next(), Role::owner, ""};
    RawDatabase raw(folder_.database());
    const std::string later = std::to_string(clock_.unix_now() + 1);
    raw.run("INSERT INTO users (id, email, display_name, created_at) VALUES ('" + principal.user_id +
            "', NULL, 'Stranger', " + later + ")");
    raw.run("INSERT INTO workspaces (id, name, owner_id, created_at) VALUES ('" + principal.workspace_id +
            "', 'Theirs', '" + principal.user_id + "', " + later + ")");
    raw.run("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('" +
            principal.workspace_id + "', '" + principal.user_id + "', 'owner', " + later + ")");
    return principal;
  }

 private:
  TemporaryFolder folder_;
  const Clock& clock_;
  IdGenerator& ids_;
  std::unique_ptr<Storage> storage_;
};

inline std::unique_ptr<StoreSet> make_sqlite_set(Loop& loop, const Clock& clock, IdGenerator& ids) {
  return std::make_unique<SqliteSet>(loop, clock, ids);
}

}  // namespace librebird::testkit
