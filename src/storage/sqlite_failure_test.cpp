// What happens when the file, the disk or another process does not play along.
#include "sqlite_fixture.hpp"

#include <librebird/storage/sql/migrator.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <thread>

namespace librebird::testkit {
namespace {

class SqliteFailure : public testing::Test {
 protected:
  Result<std::unique_ptr<Storage>> open(StorageOptions options = {}) {
    if (options.path.empty()) options.path = folder_.database();
    return Storage::open(runner_.loop(), clock_, ids_, std::move(options));
  }
  std::unique_ptr<Storage> opened(StorageOptions options = {}) {
    auto storage = open(std::move(options));
    if (!storage) throw std::runtime_error(storage.error().message);
    return std::move(storage).value();
  }
  void refused(Code code, const std::string& hint, StorageOptions options = {}) {
    auto storage = open(std::move(options));
    ASSERT_FALSE(storage.ok());
    EXPECT_EQ(to_string(storage.error().code), to_string(code)) << storage.error().message;
    EXPECT_NE(storage.error().message.find(hint), std::string::npos) << storage.error().message;
  }

  TemporaryFolder folder_;
  LoopRunner runner_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
};

TEST_F(SqliteFailure, FilesAreForTheirOwnerOnly) {
  const std::string path = folder_.file("data/librebird.db");
  auto storage = opened({.path = path});
  ASSERT_TRUE(runner_.run(storage->identities().ensure_owner()).ok());
  const auto mode = [](const std::string& file) {
    struct stat status{};
    EXPECT_EQ(::stat(file.c_str(), &status), 0) << file;
    return status.st_mode & 0777;
  };
  EXPECT_EQ(mode(folder_.file("data")), 0700U);
  EXPECT_EQ(mode(path), 0600U);
  EXPECT_EQ(mode(path + "-wal"), 0600U);
  storage.reset();
  ::chmod(path.c_str(), 0644);
  storage = opened({.path = path});
  EXPECT_EQ(mode(path), 0600U);
}

TEST_F(SqliteFailure, NewerSchemaIsRefused) {
  opened().reset();
  RawDatabase(folder_.database()).run("INSERT INTO schema_version VALUES (1000, 'future', 0)");
  refused(Code::failed_precondition, "was written by a newer Libre Bird (schema 1000, this one knows " +
                                         std::to_string(storage::all_migrations().back().version) + ")");
}

TEST_F(SqliteFailure, AnotherProgramsFileIsRefused) {
  RawDatabase(folder_.database()).run("CREATE TABLE theirs (x)");
  refused(Code::failed_precondition, "another program");
}

TEST_F(SqliteFailure, WhatIsNoDatabaseIsRefused) {
  std::ofstream(folder_.database()) << std::string(5000, 'x');
  refused(Code::data_loss, "is not a database");
}

TEST_F(SqliteFailure, DamagedFileIsRefused) {
  opened().reset();
  const auto size = std::filesystem::file_size(folder_.database());
  {
    std::fstream file(folder_.database(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(size - 4096, '\x5A');
  }
  refused(Code::data_loss, "is damaged");
}

TEST_F(SqliteFailure, TruncatedFileIsRefused) {
  opened().reset();
  std::filesystem::resize_file(folder_.database(), 4096 * 3);
  refused(Code::data_loss, "restore it from a backup");
}

TEST_F(SqliteFailure, CheckFindsDamage) {
  auto storage = opened();
  EXPECT_TRUE(storage->check().ok());
  RawDatabase raw(folder_.database());
  raw.run(
      "PRAGMA writable_schema=1; UPDATE sqlite_master SET rootpage = 5 WHERE name = 'sessions'; PRAGMA "
      "schema_version=99");
  EXPECT_EQ(storage->check().error().code, Code::data_loss);
}

TEST_F(SqliteFailure, LockedFileIsRefusedAndLaterOpened) {
  opened().reset();
  {
    RawDatabase raw(folder_.database());
    raw.run("PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE; CREATE TABLE x (y)");
    refused(Code::unavailable, "locked by another process", {.busy_timeout = Millis(20)});
  }
  EXPECT_TRUE(open().ok());
}

TEST_F(SqliteFailure, WritesWaitForAnotherProcessAndThenGiveUp) {
  auto storage = opened({.busy_timeout = Millis(20)});
  RawDatabase raw(folder_.database());
  raw.run("BEGIN IMMEDIATE");
  const auto blocked = runner_.run(storage->identities().ensure_owner());
  ASSERT_FALSE(blocked.ok());
  EXPECT_EQ(blocked.error().code, Code::unavailable);
  EXPECT_TRUE(blocked.error().retryable);
  raw.run("COMMIT");
  EXPECT_TRUE(runner_.run(storage->identities().ensure_owner()).ok());
}

TEST_F(SqliteFailure, TwoProcessesShareAFile) {
  auto first = opened();
  auto second = opened();
  const Principal owner = runner_.run(first->identities().ensure_owner()).value();
  EXPECT_EQ(runner_.run(second->identities().ensure_owner()).value(), owner);
  std::vector<Task<Result<Conversation>>> tasks;
  for (int i = 0; i < 50; ++i) tasks.push_back((i % 2 == 0 ? first : second)->conversations().create(owner, "x"));
  for (const auto& made : runner_.run_all(std::move(tasks))) EXPECT_TRUE(made.ok());
  EXPECT_EQ(runner_.run(first->conversations().list(owner, {.limit = 100})).value().items.size(), 50U);
}

TEST_F(SqliteFailure, SeveralMayMakeTheFileAtOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> opened_fine{0};
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&] {
      Loop loop;
      auto storage = Storage::open(loop, clock_, ids_, {.path = folder_.database()});
      if (storage) {
        ++opened_fine;
      } else {
        ADD_FAILURE() << storage.error().message;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(opened_fine, 6);
  EXPECT_EQ(RawDatabase(folder_.database()).run("SELECT COUNT(*) FROM schema_version"),
            std::to_string(std::ranges::count_if(storage::all_migrations(), [](const storage::Migration& migration) {
              return storage::is_for(migration, storage::Dialect::sqlite);
            })));
}

TEST_F(SqliteFailure, FullDiskIsSaidAndSurvived) {
  auto storage = opened({.max_bytes = 640 * 1024});
  const Principal owner = runner_.run(storage->identities().ensure_owner()).value();
  const Conversation conversation = runner_.run(storage->conversations().create(owner, "x")).value();
  const std::string text(20'000, 'x');
  int written = 0;
  std::optional<Error> error;
  for (int i = 0; i < 100 && !error; ++i) {
    AcceptMessage message{conversation.id, text, std::to_string(i)};
    message.queue_limit = 1000;
    auto accepted = runner_.run(storage->turns().accept(owner, message));
    if (accepted) {
      ++written;
    } else {
      error = accepted.error();
    }
  }
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Code::unavailable);
  EXPECT_NE(error->message.find("disk is full"), std::string::npos);
  EXPECT_GT(written, 0);
  // Several at once: all are told.
  std::vector<Task<Result<Accepted>>> tasks;
  for (int i = 0; i < 8; ++i) {
    AcceptMessage message{conversation.id, text, "more" + std::to_string(i)};
    message.queue_limit = 1000;
    tasks.push_back(storage->turns().accept(owner, message));
  }
  for (const auto& result : runner_.run_all(std::move(tasks))) {
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code, Code::unavailable);
  }
  // Nothing accepted is lost, and there is life after space was made.
  const auto page = runner_.run(storage->messages().list(owner, conversation.id, "", 500)).value();
  EXPECT_EQ(page.items.size(), static_cast<std::size_t>(written));
  ASSERT_TRUE(runner_.run(storage->conversations().remove(owner, conversation.id)).ok());
  const Conversation fresh = runner_.run(storage->conversations().create(owner, "y")).value();
  EXPECT_TRUE(runner_.run(storage->turns().accept(owner, {fresh.id, text, "after"})).ok());
  EXPECT_TRUE(storage->check().ok());
}

TEST_F(SqliteFailure, FolderMustExistOrBeMakeable) {
  refused(Code::failed_precondition, "data folder", {.path = folder_.file("a/b/c/librebird.db")});
  std::ofstream(folder_.file("file")) << "x";
  refused(Code::failed_precondition, "Cannot open", {.path = folder_.file("file/librebird.db")});
  EXPECT_EQ(Storage::open(runner_.loop(), clock_, ids_, {}).error().code, Code::invalid_argument);
  refused(Code::invalid_argument, "postgresql://", {.url = "mysql://x"});
}

TEST_F(SqliteFailure, ALinkIsNotFollowed) {
  ASSERT_EQ(::symlink("/dev/null", folder_.file("link.db").c_str()), 0);
  EXPECT_FALSE(open({.path = folder_.file("link.db")}).ok());
}

TEST_F(SqliteFailure, ReadOnlyFileIsRefused) {
  opened().reset();
  ::chmod(folder_.database().c_str(), 0400);
  // root may write everything, so the test becomes somebody else for a moment.
  constexpr uid_t kNobody = 65534;
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(folder_.file("").c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(::chown(folder_.database().c_str(), kNobody, kNobody), 0);
    ASSERT_EQ(::seteuid(kNobody), 0);
  }
  refused(Code::failed_precondition, "read-only");
  if (root) ASSERT_EQ(::seteuid(0), 0);
}

TEST_F(SqliteFailure, TheWriteQueueIsBounded) {
  auto storage = opened({.busy_timeout = Millis(200), .write_queue_limit = 4});
  const Principal owner = runner_.run(storage->identities().ensure_owner()).value();
  RawDatabase raw(folder_.database());
  raw.run("BEGIN IMMEDIATE");  // the writer stands still
  std::vector<Task<Result<Conversation>>> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(storage->conversations().create(owner, "x"));
  int rejected = 0;
  for (const auto& result : runner_.run_all(std::move(tasks))) {
    ASSERT_FALSE(result.ok());
    if (result.error().code == Code::resource_exhausted) {
      ++rejected;
      EXPECT_GT(result.error().retry_after.count(), 0);
    }
  }
  EXPECT_GE(rejected, 8);
  raw.run("COMMIT");
  EXPECT_TRUE(runner_.run(storage->conversations().create(owner, "x")).ok());
}

TEST_F(SqliteFailure, QueuedWritesAreFinishedBeforeClosing) {
  Principal owner;
  {
    auto storage = opened();
    owner = runner_.run(storage->identities().ensure_owner()).value();
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.database() + "-wal"));
  auto storage = opened();
  EXPECT_EQ(runner_.run(storage->identities().ensure_owner()).value(), owner);
}

}  // namespace
}  // namespace librebird::testkit
