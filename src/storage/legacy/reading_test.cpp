#include <librebird/base/random.hpp>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "desktop_source.hpp"
#include "mapping.hpp"
#include "skill_files.hpp"

namespace librebird::storage::legacy {
namespace {

const Principal kMe{"u", "w", Role::owner, ""};

TEST(DerivedIds, AreTheSameForTheSameRowAndNoOther) {
  const std::string id = derived_id(kMe, "messages", "7", "2025-01-01 10:00:00");
  EXPECT_TRUE(is_uuid(id));
  EXPECT_EQ(id[14], '8') << "version 8";
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
  EXPECT_EQ(id, derived_id(kMe, "messages", "7", "2025-01-01 10:00:00"));
  const Principal other{"u2", "w", Role::owner, ""};
  const Principal elsewhere{"u", "w2", Role::owner, ""};
  for (const std::string& another :
       {derived_id(other, "messages", "7", "2025-01-01 10:00:00"),
        derived_id(elsewhere, "messages", "7", "2025-01-01 10:00:00"),
        derived_id(kMe, "tasks", "7", "2025-01-01 10:00:00"), derived_id(kMe, "messages", "8", "2025-01-01 10:00:00"),
        derived_id(kMe, "messages", "7", "2025-01-01 10:00:01"),
        derived_id(kMe, "messages", "72", "025-01-01 10:00:00"),
        derived_id({"w", "u", Role::owner, ""}, "messages", "7", "2025-01-01 10:00:00")}) {
    EXPECT_NE(id, another);
  }
}

TEST(SecretNames, AreRecognised) {
  for (const char* name : {"gemini_api_key", "API_KEY", "apiKey", "github-token", "TOKEN", "x.secret", "dbPassword",
                           "passwd", "openai_apikey", "credentials", "key"}) {
    EXPECT_TRUE(is_secret_name(name)) << name;
  }
  for (const char* name : {"max_tokens", "hotkey", "keyboard", "monkey_mode", "n_ctx", "tokenizer", "", "secretary"}) {
    EXPECT_FALSE(is_secret_name(name)) << name;
  }
}

TEST(Surrogates, ThatStandAloneAreMended) {
  const auto mended = [](std::string text) {
    const int count = mend_surrogates(text);
    return std::to_string(count) + " " + text;
  };
  EXPECT_EQ(mended(R"(["\ud83d\udc26"])"), R"(0 ["\ud83d\udc26"])");
  EXPECT_EQ(mended(R"(["\ud83d"])"), R"(1 ["\ufffd"])");
  EXPECT_EQ(mended(R"(["\udc26\ud83d"])"), R"(2 ["\ufffd\ufffd"])");
  EXPECT_EQ(mended(R"(["\ud83d\ud83d\udc26"])"), R"(1 ["\ufffd\ud83d\udc26"])");
  EXPECT_EQ(mended(R"(["\\ud83d \u00e9"])"), R"(0 ["\\ud83d \u00e9"])") << "an escaped backslash is no escape";
  EXPECT_EQ(mended("\\"), "0 \\");
  EXPECT_EQ(mended("\\u12"), "0 \\u12");
}

TEST(EnvironmentFiles, AreReadAsTheAppReadThem) {
  const EnvironmentFile file = parse_environment(
      "# comment\n\nA=1\n  export B = \"two words\" \r\nC='x=y'\nEMPTY=\nnonsense\n=nothing\nBAD NAME=1\nD=last");
  EXPECT_EQ(file.values, (std::vector<std::pair<std::string, std::string>>{
                             {"A", "1"}, {"B", "two words"}, {"C", "x=y"}, {"D", "last"}}));
  EXPECT_EQ(file.bad_lines, (std::vector<int>{7, 8, 9}));
  EXPECT_TRUE(parse_environment("").values.empty());
}

std::vector<ForeignValue> values(std::initializer_list<ForeignValue> list) { return list; }
ForeignValue text(std::string bytes) { return {ForeignValue::Type::text, 0, 0, std::move(bytes)}; }
ForeignValue number(std::int64_t value) { return {ForeignValue::Type::integer, value, 0, ""}; }
const ForeignValue kNull{};

TEST(Rows, SayWhyTheyAreNoGood) {
  const std::vector<std::string> names{"a", "b"};
  const auto reason = [&](const ForeignValue& value, auto read) {
    const auto row = values({value, kNull});
    RowReader reader(names, row);
    read(reader);
    return reader.rejected();
  };
  const auto needed = [](RowReader& r) { (void)r.needed_text("a"); };
  EXPECT_EQ(reason(text("x"), needed), "");
  EXPECT_EQ(reason(kNull, needed), "a is empty");
  EXPECT_EQ(reason(number(1), needed), "a is a whole number, not text");
  EXPECT_EQ(reason({ForeignValue::Type::blob, 0, 0, "x"}, needed), "a is bytes, not text");
  EXPECT_EQ(reason(text("1"), [](RowReader& r) { (void)r.integer("a"); }), "a is text, not a whole number");
  EXPECT_EQ(reason(text("{}"), [](RowReader& r) { (void)r.array("a"); }), "a is no JSON array");
  EXPECT_EQ(reason(text("[1"), [](RowReader& r) { (void)r.array("a"); }), "a is no JSON array");
  EXPECT_EQ(reason(text("x"), [](RowReader& r) { (void)r.word("a", {"y", "z"}); }), "a is none of y, z");
}

TEST(Rows, AreKeptAsTheyWere) {
  const std::vector<std::string> names{"a", "b", "c"};
  const auto row = values({text(std::string("x\0y", 3)), {ForeignValue::Type::blob, 0, 0, "\xff"}, number(-5)});
  RowReader reader(names, row);
  EXPECT_EQ(reader.text("a"), "x\xEF\xBF\xBDy");
  EXPECT_EQ(reader.mends().size(), 1U);
  EXPECT_EQ(reader.json(), R"({"a":{"hex":"780079","bytes":3},"b":{"hex":"ff","bytes":1},"c":-5})");
}

// One user's folder below a new root, which disappears.
class SkillFiles : public testing::Test {
 protected:
  SkillFiles() {
    std::string pattern = (std::filesystem::temp_directory_path() / "librebird-files-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
  }
  ~SkillFiles() override { std::filesystem::remove_all(root_); }
  std::string root_;
  const SkillFile file_{"", "focus_timer", "focus_history.json"};
  const SkillFile deep_{"", "meeting_summarizer", "meetings/a.txt"};
};

TEST_F(SkillFiles, AreWrittenWholeAndForOneselfOnly) {
  const SkillFolder folder(root_ + "/data", "w", "u");
  EXPECT_EQ(*folder.read(file_), std::nullopt);
  ASSERT_TRUE(folder.write(file_, "one").ok());
  ASSERT_TRUE(folder.write(file_, "two").ok());
  ASSERT_TRUE(folder.write(deep_, "deep").ok());
  EXPECT_EQ(*folder.read(file_), "two");
  EXPECT_EQ(*folder.read(deep_), "deep");
  struct stat status{};
  ASSERT_EQ(::stat((root_ + "/data/w/u/focus_timer/focus_history.json").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat((root_ + "/data/w/u/meeting_summarizer").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700U);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(root_ + "/data/w/u/focus_timer"), {}), 1);
}

TEST_F(SkillFiles, FollowNoLinks) {
  const SkillFolder folder(root_ + "/data", "w", "u");
  ASSERT_TRUE(folder.write(deep_, "deep").ok());
  std::filesystem::create_directory(root_ + "/outside");
  std::ofstream(root_ + "/outside/a.txt") << "theirs";
  const std::filesystem::path meetings = root_ + "/data/w/u/meeting_summarizer/meetings";
  std::filesystem::remove(meetings / "a.txt");
  std::filesystem::create_symlink(root_ + "/outside/a.txt", meetings / "a.txt");
  EXPECT_FALSE(folder.read(deep_).ok());
  ASSERT_TRUE(folder.write(deep_, "mine").ok());  // replaces the link itself
  EXPECT_EQ(*folder.read(deep_), "mine");
  std::filesystem::remove_all(meetings);
  std::filesystem::create_directory_symlink(root_ + "/outside", meetings);
  EXPECT_FALSE(folder.read(deep_).ok());
  EXPECT_FALSE(folder.write(deep_, "evil").ok());
  std::ifstream in(root_ + "/outside/a.txt");
  std::string theirs;
  in >> theirs;
  EXPECT_EQ(theirs, "theirs");
  std::filesystem::remove(meetings);
  ASSERT_EQ(::mkfifo(meetings.c_str(), 0600), 0);
  EXPECT_FALSE(folder.read(deep_).ok()) << "and does not hang";
}

}  // namespace
}  // namespace librebird::storage::legacy
