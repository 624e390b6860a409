#include <librebird/base/archive.hpp>

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace librebird {
namespace {

constexpr std::uint64_t kRoom = 64U << 20;

class Archive : public testing::Test {
 protected:
  Archive() {
    std::string pattern = (std::filesystem::temp_directory_path() / "librebird-archive-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    file_ = folder_ + "/a.tar.gz";
  }
  ~Archive() override { std::filesystem::remove_all(folder_); }

  void write(const std::vector<std::pair<std::string, std::string>>& members) {
    auto writer = ArchiveWriter::create(file_, R"({"format":"test"})");
    ASSERT_TRUE(writer.ok()) << writer.error().message;
    for (const auto& [name, content] : members) ASSERT_TRUE((*writer)->add(name, content).ok());
    ASSERT_TRUE((*writer)->finish().ok());
  }
  // Reads to the end; the error's message, or the names and contents.
  std::string read(std::uint64_t room = kRoom) {
    auto reader = ArchiveReader::open(file_, room);
    if (!reader) return reader.error().message;
    std::string all;
    while (true) {
      auto member = (*reader)->next();
      if (!member) return member.error().message;
      if (!*member) return all;
      auto content = (*reader)->read_all(kRoom);
      if (!content) return content.error().message;
      all += (*member)->path + "=" + content->substr(0, 100) + ((*member)->executable ? "*;" : ";");
    }
  }
  // An archive as a stranger would make it.
  void forge(const std::function<void(archive*, archive_entry*)>& more) {
    archive* out = archive_write_new();
    archive_write_add_filter_gzip(out);
    archive_write_set_format_pax_restricted(out);
    ASSERT_EQ(archive_write_open_filename(out, file_.c_str()), ARCHIVE_OK);
    archive_entry* entry = archive_entry_new();
    put(out, entry, "archive.json", "{}");
    more(out, entry);
    archive_entry_free(entry);
    archive_write_free(out);
  }
  static void put(archive* out, archive_entry* entry, const std::string& name, const std::string& content,
                  const std::function<void(archive_entry*)>& change = {}) {
    archive_entry_clear(entry);
    archive_entry_set_pathname(entry, name.c_str());
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0600);
    archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
    if (change) change(entry);
    archive_write_header(out, entry);
    archive_write_data(out, content.data(), content.size());
  }

  std::string folder_;
  std::string file_;
};

TEST_F(Archive, ComesBackAsItWentIn) {
  write({{"a", "one"}, {"deep/er/bäcker 🐦.txt", "two"}, {"empty", ""}});
  EXPECT_EQ(read(), "a=one;deep/er/bäcker 🐦.txt=two;empty=;");
  struct stat info{};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U) << "for this user only";
  auto reader = ArchiveReader::open(file_, kRoom);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((*reader)->head(), R"({"format":"test"})");
}

TEST_F(Archive, FilesKeepWhetherTheyRun) {
  const std::string path = folder_ + "/tool";
  std::ofstream(path) << std::string(1'000'000, 'x');
  const int file = ::open(path.c_str(), O_RDONLY);
  {
    auto writer = ArchiveWriter::create(file_, "{}");
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->add_file("tool", file, 1'000'000, true).ok());
    EXPECT_EQ((*writer)->add_file("more", file, 1'000'001).error().code, Code::unavailable) << "it is shorter";
  }
  ::close(file);
  EXPECT_NE(read().find("cut off"), std::string::npos) << "an archive that was never finished";
}

TEST_F(Archive, WhatIsNotReadIsCheckedAllTheSame) {
  write({{"a", std::string(500'000, 'a')}, {"b", "two"}});
  auto reader = ArchiveReader::open(file_, kRoom);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ((**(*reader)->next()).path, "a");
  EXPECT_EQ((**(*reader)->next()).path, "b");
  EXPECT_FALSE((*reader)->next()->has_value());
  EXPECT_FALSE((*reader)->next()->has_value()) << "the end stays the end";
}

TEST_F(Archive, EveryFlippedBitAndEveryCutIsFound) {
  std::string noise;
  for (int i = 0; i < 3000; ++i) noise += static_cast<char>('a' + (i * i) % 23);
  write({{"a", noise}, {"b", "two"}});
  const std::string good = read();
  std::ifstream in(file_, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  const auto with = [&](const std::string& changed) {
    std::ofstream(file_, std::ios::binary | std::ios::trunc) << changed;
    return read();
  };
  // The header of gzip (10 bytes) holds a time and flags that change nothing, and so do the last bytes of a tar.
  for (std::size_t at = 10; at + 24 < bytes.size(); at += 3) {
    std::string changed = bytes;
    changed[at] = static_cast<char>(changed[at] ^ (1 << (at % 8)));
    const std::string answer = with(changed);
    // A bit that stands for nothing may be flipped; what comes out is what went in, or an error.
    EXPECT_TRUE(answer == good || answer.find("cannot be used") != std::string::npos) << at << ": " << answer;
  }
  int refused = 0;
  for (std::size_t size = 0; size + 100 < bytes.size(); size += 11) {
    const std::string answer = with(bytes.substr(0, size));
    EXPECT_NE(answer.find("The archive cannot be used"), std::string::npos) << size << ": " << answer;
    ++refused;
  }
  EXPECT_GT(refused, 30);
}

TEST_F(Archive, RefusesNamesThatLeaveTheFolder) {
  for (const std::string name :
       {"../x", "/etc/passwd", "a/../../x", "a//b", "./a", "a/./b", "..", "a\\..\\b", "a\nb"}) {
    forge([&](archive* out, archive_entry* entry) { put(out, entry, name, "evil"); });
    EXPECT_NE(read().find("below its folder"), std::string::npos) << name << ": " << read();
  }
  EXPECT_FALSE(is_archive_path(""));
  EXPECT_FALSE(is_archive_path(std::string(1025, 'a')));
  EXPECT_FALSE(is_archive_path("a\xff"));
  std::string deep = "a";
  for (int i = 0; i < 64; ++i) deep += "/a";
  EXPECT_FALSE(is_archive_path(deep));
  EXPECT_TRUE(is_archive_path(deep.substr(2)));
  EXPECT_TRUE(is_archive_path("..a/b..c/.hidden"));
}

TEST_F(Archive, RefusesAllButPlainFiles) {
  const auto refused = [&](const std::function<void(archive_entry*)>& change, const std::string& kind) {
    forge([&](archive* out, archive_entry* entry) { put(out, entry, "x", "", change); });
    EXPECT_NE(read().find(kind), std::string::npos) << read();
  };
  refused(
      [](archive_entry* e) {
        archive_entry_set_filetype(e, AE_IFLNK);
        archive_entry_set_symlink(e, "/etc/passwd");
      },
      "a symbolic link");
  refused([](archive_entry* e) { archive_entry_set_hardlink(e, "archive.json"); }, "a hard link");
  refused([](archive_entry* e) { archive_entry_set_filetype(e, AE_IFIFO); }, "a pipe");
  refused([](archive_entry* e) { archive_entry_set_filetype(e, AE_IFCHR); }, "a device");
}

TEST_F(Archive, TheManifestIsTheLastWord) {
  const std::string line = [] {
    // Of archive.json, `{}`, as forge() writes it.
    return std::string(
               R"({"path":"archive.json","bytes":2,"sha256":"44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"})") +
           "\n";
  }();
  forge([&](archive* out, archive_entry* entry) { put(out, entry, "manifest.jsonl", line); });
  EXPECT_EQ(read(), "");
  forge([&](archive* out, archive_entry* entry) {
    put(out, entry, "planted", "x");
    put(out, entry, "manifest.jsonl", line);
  });
  EXPECT_NE(read().find("does not name"), std::string::npos) << read();
  forge([&](archive* out, archive_entry* entry) {
    put(out, entry, "manifest.jsonl", line);
    put(out, entry, "planted", "x");
  });
  EXPECT_NE(read().find("behind its manifest"), std::string::npos) << read();
  forge([&](archive* out, archive_entry* entry) { put(out, entry, "manifest.jsonl", line + line); });
  EXPECT_NE(read().find("are missing"), std::string::npos) << read();
  forge([&](archive* out, archive_entry* entry) { put(out, entry, "x", "y"); });
  EXPECT_NE(read().find("its manifest is missing"), std::string::npos) << read();
}

TEST_F(Archive, ABombIsStoppedWhenTheRoomIsUsedUp) {
  write({{"zeros", std::string(20U << 20, '\0')}});
  ASSERT_LT(std::filesystem::file_size(file_), 200'000U);
  EXPECT_NE(read(4U << 20).find("more than 4 MiB"), std::string::npos) << read(4U << 20);
}

TEST_F(Archive, WhatIsNoArchiveIsRefused) {
  std::ofstream(file_) << "not an archive";
  EXPECT_NE(read().find("cannot be used"), std::string::npos) << read();
  file_ = folder_ + "/none";
  EXPECT_NE(read().find("can be read"), std::string::npos);
  file_ = folder_;
  EXPECT_NE(read().find("can be read"), std::string::npos);
  EXPECT_FALSE(ArchiveWriter::create(folder_, "{}").ok());
}

}  // namespace
}  // namespace librebird
