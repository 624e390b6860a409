#include "executable.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <elf.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace librebird::plugins::native {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class ExecutableTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "librebird-executable-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    home_ = pattern;
    folder_ = home_ / "skill";
    fs::create_directory(folder_);
  }
  void TearDown() override { fs::remove_all(home_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }
  std::string refusal(const std::string& name) {
    const auto found = inspect_executable(folder_, name);
    return found ? "accepted" : found.error().message;
  }
  static std::string elf(const std::function<void(Elf64_Ehdr&)>& change) {
    std::string text(4096, '\0');
    std::ifstream("/proc/self/exe", std::ios::binary).read(text.data(), static_cast<std::streamsize>(text.size()));
    change(*reinterpret_cast<Elf64_Ehdr*>(text.data()));
    return text;
  }

  fs::path home_;
  fs::path folder_;
};

TEST_F(ExecutableTest, TellsTheKindsApart) {
  write("script", "#!/bin/sh\n");
  EXPECT_EQ(*inspect_executable(folder_, "script"), Executable::script);
  fs::copy_file("/proc/self/exe", folder_ / "dynamic");
  EXPECT_EQ(*inspect_executable(folder_, "dynamic"), Executable::dynamic);
  write("static", elf([](Elf64_Ehdr& head) { head.e_phnum = 0; }));
  EXPECT_EQ(*inspect_executable(folder_, "static"), Executable::fixed);
}

TEST_F(ExecutableTest, RefusesWhatIsNoProgram) {
  write("empty", "");
  write("text", "hello");
  write("other", elf([](Elf64_Ehdr& head) { head.e_machine = EM_S390; }));
  write("small", elf([](Elf64_Ehdr& head) { head.e_ident[EI_CLASS] = ELFCLASS32; }));
  write("object", elf([](Elf64_Ehdr& head) { head.e_type = ET_REL; }));
  write("cut", elf([](Elf64_Ehdr& head) { head.e_phoff = 1ULL << 62; }));
  write("far", elf([](Elf64_Ehdr& head) { head.e_phoff = ~0ULL; }));
  EXPECT_THAT(refusal("empty"), HasSubstr("is no program"));
  EXPECT_THAT(refusal("text"), HasSubstr("is no program"));
  EXPECT_THAT(refusal("other"), HasSubstr("another kind of machine"));
  EXPECT_THAT(refusal("small"), HasSubstr("another kind of machine"));
  EXPECT_THAT(refusal("object"), HasSubstr("part of a program"));
  EXPECT_THAT(refusal("cut"), HasSubstr("cut short"));
  EXPECT_THAT(refusal("far"), HasSubstr("cut short"));
}

TEST_F(ExecutableTest, StaysInItsFolder) {
  std::ofstream(home_ / "outside") << "#!/bin/sh\n";
  fs::create_symlink(home_ / "outside", folder_ / "link");
  fs::create_directory_symlink(home_, folder_ / "up");
  ASSERT_EQ(mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (const char* name : {"", "/bin/sh", "..", "../outside", "a/../../outside"}) {
    EXPECT_THAT(refusal(name), HasSubstr("must be a path inside")) << name;
  }
  for (const char* name : {"absent", "link", "up/outside", "pipe", "."}) {
    EXPECT_THAT(refusal(name), HasSubstr("no file of the skill's folder")) << name;
  }
}

}  // namespace
}  // namespace librebird::plugins::native
