// What a functional test cannot reach: folders that change while they are read, leftovers, and archives of strangers
// that are whole by their manifest.
#include <librebird/base/archive.hpp>
#include <librebird/storage/backup/backup.hpp>
#include <librebird/storage/sql/migrator.hpp>
#include <librebird/storage/sqlite/sqlite_copier.hpp>

#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "../sqlite_fixture.hpp"
#include "backup_head.hpp"
#include "files.hpp"

namespace librebird::storage {
namespace {

namespace fs = std::filesystem;

void put(const std::string& path, const std::string& text) {
  fs::create_directories(fs::path(path).parent_path());
  std::ofstream(path, std::ios::binary) << text;
}
std::string get(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Backup : public testing::Test {
 protected:
  Backup() {
    data_ = folder_.file("data");
    file_ = folder_.file("backup.tar.gz");
    StorageOptions options{.path = data_ + "/librebird.db"};
    storage_ = Storage::open(runner_.loop(), clock_, ids_, std::move(options)).value();
    EXPECT_TRUE(runner_.run(storage_->identities().ensure_owner()).ok());
    put(data_ + "/work/w/note.txt", "a note");
    put(data_ + "/skills/w/tool/run.sh", "#!/bin/sh");
    ::chmod((data_ + "/skills/w/tool/run.sh").c_str(), 0700);
  }
  Result<BackupReport> back_up() { return storage::back_up(clock_, {.data_dir = data_, .program = "1"}, file_); }
  Result<RestoreReport> restore(bool force = false) {
    return storage::restore(clock_, {folder_.file("new"), force}, file_);
  }
  void refused(Code code, const std::string& hint) {
    const auto report = restore();
    ASSERT_FALSE(report.ok());
    EXPECT_EQ(to_string(report.error().code), to_string(code));
    EXPECT_NE(report.error().message.find(hint), std::string::npos) << report.error().message;
    EXPECT_FALSE(fs::exists(folder_.file("new"))) << "nothing was made";
    EXPECT_FALSE(fs::exists(folder_.file(".new.unfinished"))) << "nothing was left";
  }
  // A stranger's archive with a manifest that fits it.
  void forge(const std::string& head, const std::vector<std::pair<std::string, std::string>>& members) {
    fs::remove(file_);
    auto writer = ArchiveWriter::create(file_, head);
    ASSERT_TRUE(writer.ok());
    for (const auto& [name, content] : members) ASSERT_TRUE((*writer)->add(name, content).ok());
    ASSERT_TRUE((*writer)->finish().ok());
  }
  // The head and the database of a good backup.
  std::pair<std::string, std::string> parts() {
    if (!fs::exists(file_)) EXPECT_TRUE(back_up().ok());
    auto reader = ArchiveReader::open(file_, 1U << 30).value();
    EXPECT_EQ(reader->next().value()->path, kDatabaseMember);
    return {reader->head(), reader->read_all(1U << 30).value()};
  }

  testkit::TemporaryFolder folder_;
  testkit::LoopRunner runner_;
  ManualClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  std::string data_;
  std::string file_;
  std::unique_ptr<Storage> storage_;
};

TEST_F(Backup, BringsBackAllThatMakesAnInstallation) {
  const auto made = back_up();
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->database.schema, newest_version(Dialect::sqlite));
  const auto back = restore();
  ASSERT_TRUE(back.ok()) << back.error().message;
  EXPECT_EQ(back->put_aside, "");
  EXPECT_EQ(back->backup.database.tables, made->database.tables);
  const std::string to = folder_.file("new");
  EXPECT_EQ(get(to + "/work/w/note.txt"), "a note");
  EXPECT_EQ(::access((to + "/skills/w/tool/run.sh").c_str(), X_OK), 0);
  struct stat info{};
  ASSERT_EQ(::stat(to.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  EXPECT_EQ(testkit::RawDatabase(to + "/librebird.db").run("SELECT COUNT(*) FROM users"), "1");
  for (const auto& entry : fs::directory_iterator(folder_.file(""))) {
    EXPECT_FALSE(entry.path().filename().string().ends_with("unfinished")) << entry.path();
  }
}

TEST_F(Backup, LinksAreNeverFollowed) {
  put(folder_.file("outside/secret"), "hidden");
  fs::create_symlink(folder_.file("outside/secret"), data_ + "/work/w/link");
  fs::create_directory_symlink(folder_.file("outside"), data_ + "/work/folder");
  ASSERT_EQ(::mkfifo((data_ + "/work/w/pipe").c_str(), 0600), 0);
  const auto made = back_up();
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->left_out, (std::vector<std::string>{"work/folder", "work/w/link", "work/w/pipe"}));
  ASSERT_TRUE(restore().ok());
  EXPECT_FALSE(fs::exists(folder_.file("new/work/folder")));
  EXPECT_FALSE(fs::exists(folder_.file("new/work/w/link")));
}

TEST_F(Backup, ReplacesNothingUnasked) {
  ASSERT_TRUE(back_up().ok());
  EXPECT_EQ(back_up().error().code, Code::already_exists);
  put(folder_.file("new/precious"), "mine");
  const auto refused = restore();
  EXPECT_EQ(refused.error().code, Code::already_exists);
  put(folder_.file("new/master.key"), "key");
  const auto forced = restore(true);
  ASSERT_TRUE(forced.ok()) << forced.error().message;
  EXPECT_EQ(get(forced->put_aside + "/precious"), "mine");
  EXPECT_TRUE(forced->key_kept);
  EXPECT_EQ(get(folder_.file("new/master.key")), "key");
}

TEST_F(Backup, WhatAKilledCommandLeftIsTakenAway) {
  ASSERT_TRUE(back_up().ok());
  put(folder_.file(".new.unfinished/unfinished.lock"), "");
  put(folder_.file(".new.unfinished/librebird.db"), "half");
  EXPECT_TRUE(restore().ok());
  EXPECT_FALSE(fs::exists(folder_.file(".new.unfinished")));
  // Not what is somebody else's.
  put(folder_.file(".other.unfinished/mine"), "mine");
  EXPECT_EQ(Unfinished::make(folder_.file(".other.unfinished")).error().code, Code::failed_precondition);
  EXPECT_EQ(get(folder_.file(".other.unfinished/mine")), "mine");
}

TEST_F(Backup, ArchivesThatLieAreRefused) {
  const auto [head, database] = parts();
  const std::string member(kDatabaseMember);
  forge(head, {{member, database}});
  ASSERT_TRUE(verify_backup(file_,
                            [&] {
                              fs::create_directory(folder_.file("scratch"));
                              return folder_.file("scratch");
                            }())
                  .ok())
      << "as it was";
  const auto changed = [&, text = head](const std::string& from, const std::string& to) {
    std::string out = text;
    const std::size_t at = out.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return out.replace(at, from.size(), to);
  };
  forge(changed("librebird-backup", "librebird-export"), {{member, database}});
  refused(Code::invalid_argument, "no backup of Libre Bird");
  forge(changed(R"("version":1)", R"("version":2)"), {{member, database}});
  refused(Code::failed_precondition, "newer Libre Bird");
  forge(changed(R"("schema":)", R"("schema":99)"), {{member, database}});
  refused(Code::failed_precondition, "newer Libre Bird");
  forge(changed(R"("engine":"sqlite")", R"("engine":"else")"), {{member, database}});
  refused(Code::failed_precondition, "stores in sqlite");
  forge(changed(R"("users":1)", R"("users":2)"), {{member, database}});
  refused(Code::data_loss, "other rows");
  forge(head, {});
  refused(Code::invalid_argument, "no database");
  forge(head, {{member, database}, {"server.lock", ""}});
  refused(Code::invalid_argument, "no part of a backup");
  forge(head, {{member, database}, {member, database}});
  refused(Code::invalid_argument, "twice");
  forge(head, {{member, database}, {"work/a", "x"}, {"work/a/b", "x"}});
  refused(Code::invalid_argument, "twice");
  forge(head, {{member, std::string(8192, 'x')}});
  refused(Code::data_loss, "not a database");
  std::string damaged = database;
  for (std::size_t at = damaged.size() / 2; at < damaged.size() / 2 + 4096; ++at) damaged[at] = 'x';
  forge(head, {{member, damaged}});
  refused(Code::data_loss, "damaged");
}

TEST_F(Backup, ADatabaseThatActsByItselfIsRefused) {
  ASSERT_TRUE(back_up().ok());
  fs::create_directory(folder_.file("scratch"));
  ASSERT_TRUE(verify_backup(file_, folder_.file("scratch")).ok());
  const std::string copy = folder_.file("scratch/librebird.db");
  testkit::RawDatabase(copy).run("CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM messages; END");
  const auto [head, database] = parts();
  forge(head, {{std::string(kDatabaseMember), get(copy)}});
  refused(Code::failed_precondition, "not a database of Libre Bird");
}

TEST_F(Backup, RowsThatBelongToNobodyAreFound) {
  {
    testkit::RawDatabase raw(data_ + "/librebird.db");
    raw.run("PRAGMA foreign_keys = OFF");
    raw.run("INSERT INTO workspace_members (workspace_id, user_id, role, joined_at) VALUES ('x', 'y', 'owner', 1)");
  }
  EXPECT_NE(verify_data_folder(data_).error().message.find("workspace_members"), std::string::npos);
  EXPECT_EQ(back_up().error().code, Code::data_loss) << "a damaged database makes no backup";
  EXPECT_FALSE(fs::exists(file_));
}

TEST_F(Backup, AnOlderSchemaStaysOne) {
  storage_.reset();
  testkit::RawDatabase(data_ + "/librebird.db").run("DELETE FROM schema_version WHERE version > 3");
  const auto made = back_up();
  ASSERT_TRUE(made.ok()) << made.error().message;
  EXPECT_EQ(made->database.schema, 3);
  EXPECT_EQ(verify_data_folder(data_)->schema, 3);
}

}  // namespace
}  // namespace librebird::storage
