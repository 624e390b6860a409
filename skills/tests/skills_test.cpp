// Every case of every skill, run directly in this process.
#include "cases.hpp"

#include <librebird/skills/catalog.hpp>
#include <librebird/skills/tool.hpp>

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <set>

namespace librebird::skills {
namespace {

TEST(Skills, AnswerEveryCase) {
  const std::filesystem::path directory =
      std::filesystem::temp_directory_path() / ("skills-test-" + std::to_string(getpid()));
  int count = 0;
  for (const Case& c : all_cases()) {
    std::filesystem::create_directories(directory);
    write_files(c, directory);
    const std::string text = answer(request_of(c, directory.native()));
    std::filesystem::remove_all(directory);
    boost::system::error_code error;
    const boost::json::value actual = boost::json::parse(text, error);
    ASSERT_FALSE(error) << c.name << " answered " << text;
    EXPECT_EQ(difference(c.content.at("expect"), actual), "") << c.name;
    ++count;
  }
  EXPECT_GT(count, 100);
  RecordProperty("cases", count);
}

TEST(Skills, CatalogueAndNativeToolsAgree) {
  const auto skills = official_skills();
  ASSERT_TRUE(skills.ok()) << skills.error().message;
  std::set<std::string> sandboxed;
  std::map<std::string, std::size_t> counts;
  for (const SkillManifest& skill : *skills) {
    counts[skill.name] = skill.tools.size();
    for (const ToolSpec& tool : skill.tools) {
      if (tool.runs_on == RunsOn::sandbox && skill.runtime == "native") sandboxed.insert(tool.name);
    }
  }
  EXPECT_EQ(counts["core"], 7U);
  EXPECT_EQ(counts["text_transform"], 6U);
  std::set<std::string> native;
  for (const NativeTool& tool : native_tools()) native.insert(std::string(tool.name));
  EXPECT_EQ(native, sandboxed);
}

TEST(Skills, BrokenManifestsAreRefused) {
  for (const char* text :
       {"", "[]", "{}", R"({"name":"../x","tools":[]})", R"({"name":"a"})", R"({"name":"a","tools":[1]})",
        R"({"name":"a","tools":[{"function":{"name":"b"},"runs_on":"moon"}]})",
        R"({"name":"a","tools":[{"function":{"name":"b;c"}}]})"}) {
    EXPECT_FALSE(parse_manifest(text).ok()) << text;
  }
}

TEST(Skills, HostileRequestsAreAnswered) {
  for (const std::string& request :
       {std::string(), std::string("null"), std::string("{\"tool\":1}"), std::string("{\"tool\":\"nope\"}"),
        std::string(100'000, '['), std::string("\0\xff", 2),
        std::string("{\"tool\":\"calculator\",\"arguments\":[]}")}) {
    EXPECT_NE(answer(request).find("\"error\""), std::string::npos);
  }
}

}  // namespace
}  // namespace librebird::skills
