#include <librebird/core/credentials/key_ring.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

namespace librebird {
namespace {

class KeyRingTest : public testing::Test {
 protected:
  KeyRingTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "librebird-keys-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    file_ = folder_ + "/master.key";
  }
  ~KeyRingTest() override { std::filesystem::remove_all(folder_); }

  [[nodiscard]] KeySource source() const { return {.file = file_}; }
  std::shared_ptr<KeyRing> ring() {
    auto made = KeyRing::open(source()).value();
    EXPECT_TRUE(made->create().ok());
    return made;
  }
  std::string content() {
    std::ifstream in(file_);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string folder_;
  std::string file_;
};

constexpr const char* kText = "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF";

TEST_F(KeyRingTest, IsMadeOnceForThisUserOnly) {
  const auto first = ring();
  ASSERT_EQ(first->ids().size(), 1U);
  struct stat info{};
  ASSERT_EQ(::stat(file_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U);
  EXPECT_EQ(ring()->ids(), first->ids());
  // Nothing else is left in the folder.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(KeyRingTest, SeveralAtOnceAgreeOnOneKey) {
  std::vector<std::shared_ptr<KeyRing>> rings(8);
  std::vector<std::thread> threads;
  for (auto& made : rings) {
    threads.emplace_back([&] {
      made = KeyRing::open(source()).value();
      EXPECT_TRUE(made->create().ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& made : rings) EXPECT_EQ(made->ids(), rings.front()->ids());
}

TEST_F(KeyRingTest, SealsAndOpensInTheSamePlaceOnly) {
  const auto keys = ring();
  const std::string id = keys->ids().front();
  for (const std::string& plain :
       {std::string("value"), std::string(), std::string("\0\xff binary", 9), std::string(8192, 'x')}) {
    const std::string sealed = keys->seal(id, plain, "w|skill|name").value();
    EXPECT_EQ(KeyRing::key_of(sealed), id);
    EXPECT_EQ(keys->unseal(sealed, "w|skill|name").value(), plain);
    EXPECT_NE(keys->seal(id, plain, "w|skill|name").value(), sealed);  // a nonce of its own
    EXPECT_EQ(keys->unseal(sealed, "w|skill|other").error().code, Code::data_loss);
    if (plain.size() > 4) EXPECT_EQ(sealed.find(plain), std::string::npos);
  }
}

TEST_F(KeyRingTest, EveryAlteredCharacterIsNoticed) {
  const auto keys = ring();
  const std::string sealed = keys->seal(keys->ids().front(), "some value", "place").value();
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string forged = sealed;
    forged[i] = forged[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(keys->unseal(forged, "place").ok()) << i;
    EXPECT_FALSE(keys->unseal(sealed.substr(0, i), "place").ok()) << i;
  }
  EXPECT_FALSE(keys->unseal(sealed + "A", "place").ok());
  EXPECT_FALSE(keys->unseal("", "place").ok());
}

TEST_F(KeyRingTest, AnotherKeyOpensNothingAndSaysSo) {
  const std::string sealed = ring()->seal(ring()->ids().front(), "value", "p").value();
  const auto other = KeyRing::open({.text = kText, .text_origin = "LIBREBIRD_MASTER_KEY"}).value();
  const auto failed = other->unseal(sealed, "p");
  EXPECT_EQ(failed.error().code, Code::failed_precondition);
  EXPECT_NE(failed.error().message.find("LIBREBIRD_MASTER_KEY"), std::string::npos);
  EXPECT_EQ(failed.error().message.find("0011"), std::string::npos);
}

TEST_F(KeyRingTest, AuthenticatesTexts) {
  const auto keys = ring();
  const std::string id = keys->ids().front();
  const std::string code = keys->authenticate(id, "text").value();
  EXPECT_EQ(code.size(), 64U);
  EXPECT_TRUE(keys->is_authentic(id, "text", code));
  EXPECT_FALSE(keys->is_authentic(id, "texx", code));
  EXPECT_FALSE(keys->is_authentic(id, "text", ""));
  EXPECT_FALSE(keys->is_authentic("nokey", "text", code));
}

TEST_F(KeyRingTest, RotatesByAddingAndForgetting) {
  const auto keys = ring();
  const std::string old = keys->ids().front();
  const std::string sealed = keys->seal(old, "value", "p").value();
  const auto server = KeyRing::open(source()).value();  // another process
  const std::string fresh = keys->add().value();
  EXPECT_EQ(keys->ids(), (std::vector{fresh, old}));
  EXPECT_EQ(keys->unseal(sealed, "p").value(), "value");
  EXPECT_FALSE(server->knows(fresh));
  ASSERT_TRUE(server->reload().ok());
  EXPECT_TRUE(server->knows(fresh));
  ASSERT_TRUE(keys->keep_only(fresh).ok());
  EXPECT_FALSE(keys->unseal(sealed, "p").ok());
  EXPECT_EQ(KeyRing::open(source()).value()->ids(), std::vector{fresh});
  EXPECT_FALSE(keys->keep_only(old).ok());
}

TEST_F(KeyRingTest, TextGoesBeforeTheFileAndIsNeverWritten) {
  const auto keys = KeyRing::open({.text = std::string("# new first\n") + kText + ", " + std::string(64, 'a'),
                                   .text_origin = "LIBREBIRD_MASTER_KEY",
                                   .file = file_})
                        .value();
  EXPECT_EQ(keys->ids().size(), 2U);
  EXPECT_FALSE(keys->add().ok());
  EXPECT_EQ(keys->ids().size(), 2U);
  EXPECT_FALSE(std::filesystem::exists(file_));
}

TEST_F(KeyRingTest, BadSourcesAreRefused) {
  for (const char* text :
       {"secret", "00", "zz112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "#", " , "}) {
    const auto opened = KeyRing::open({.text = text, .text_origin = "X"});
    ASSERT_FALSE(opened.ok()) << text;
    EXPECT_EQ(opened.error().code, Code::failed_precondition);
  }
  std::ofstream(file_) << kText << "\n";
  ::chmod(file_.c_str(), 0640);
  const auto open_to_others = KeyRing::open(source());
  ASSERT_FALSE(open_to_others.ok());
  EXPECT_NE(open_to_others.error().message.find("chmod 600"), std::string::npos);
  ::chmod(file_.c_str(), 0600);
  EXPECT_TRUE(KeyRing::open(source()).ok());
  // A service manager's file has the mode it has, and is not ours to write.
  ::chmod(file_.c_str(), 0440);
  const auto handed = KeyRing::open({.file = file_, .writable = false}).value();
  EXPECT_FALSE(handed->add().ok());
  std::filesystem::remove(file_);
  std::filesystem::create_symlink("/etc/passwd", file_);
  EXPECT_FALSE(KeyRing::open(source()).ok());
  std::filesystem::remove(file_);
  ASSERT_EQ(::mkfifo(file_.c_str(), 0600), 0);
  EXPECT_FALSE(KeyRing::open(source()).ok());  // and does not hang
  std::filesystem::remove(file_);
  std::ofstream(file_) << "";
  ::chmod(file_.c_str(), 0600);
  EXPECT_FALSE(KeyRing::open(source()).ok());  // emptied: not a reason for a new key
}

}  // namespace
}  // namespace librebird
