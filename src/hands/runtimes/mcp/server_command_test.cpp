#include "server_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

namespace librebird::plugins::mcp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> argv_of(std::vector<std::string> command, const std::string& env = "/no/such") {
  SkillManifest skill;
  skill.command = std::move(command);
  auto read = read_command(skill);
  if (!read) return {"error: " + read.error().message};
  auto argv = server_argv(*read, env, "/usr/bin/node");
  return argv ? *argv : std::vector<std::string>{"error: " + argv.error().message};
}

TEST(ServerCommand, FindsProgramsWhereTheyAre) {
  EXPECT_THAT(argv_of({"node", "dist/index.js"}), ElementsAre("/usr/bin/node", "dist/index.js"));
  EXPECT_THAT(argv_of({"./bin/server", "-v"}), ElementsAre("/skill/./bin/server", "-v"));
  EXPECT_THAT(argv_of({"/usr/bin/python3", "-m", "x"}), ElementsAre("/usr/bin/python3", "-m", "x"));
  EXPECT_THAT(argv_of({"mcp-server"}), ElementsAre("mcp-server"));
}

TEST(ServerCommand, StartsAPackagesOwnProgram) {
  std::string folder = (std::filesystem::temp_directory_path() / "librebird-command-XXXXXX").string();
  ASSERT_NE(mkdtemp(folder.data()), nullptr);
  const auto package = [&folder](const std::string& name, const std::string& manifest) {
    std::filesystem::create_directories(folder + "/node_modules/" + name);
    std::ofstream(folder + "/node_modules/" + name + "/package.json") << manifest;
  };
  package("@s/server", R"({"bin":{"other":"o.js","server":"./dist/i.js"}})");
  package("one", R"({"bin":{"named-differently":"x.js"}})");
  package("plain", R"({"bin":"x.js"})");
  package("two", R"({"bin":{"a":"x.js","b":"y.js"}})");
  package("outside", R"({"bin":"../../../usr/bin/env"})");
  package("absolute", R"({"bin":"/usr/bin/env"})");
  package("broken", R"({"bin":)");
  EXPECT_THAT(argv_of({"npx", "-y", "@s/server@1.0.0", "stdio"}, folder),
              ElementsAre("/usr/bin/node", "/node_modules/@s/server/dist/i.js", "stdio"));
  EXPECT_THAT(argv_of({"npx", "one"}, folder), ElementsAre("/usr/bin/node", "/node_modules/one/x.js"));
  EXPECT_THAT(argv_of({"npx", "--yes", "plain"}, folder), ElementsAre("/usr/bin/node", "/node_modules/plain/x.js"));
  for (const char* name : {"two", "broken"}) {
    EXPECT_THAT(argv_of({"npx", name}, folder), ElementsAre(HasSubstr("has no program of its own"))) << name;
  }
  for (const char* name : {"outside", "absolute"}) {
    EXPECT_THAT(argv_of({"npx", name}, folder), ElementsAre(HasSubstr("outside itself"))) << name;
  }
  EXPECT_THAT(argv_of({"npx", "absent"}, folder), ElementsAre(HasSubstr("is not installed")));
  // A package that is a link out of the skill's folder, or no plain file, is not read.
  std::filesystem::create_directories(folder + "/out");
  std::ofstream(folder + "/out/package.json") << R"({"bin":"x.js"})";
  std::filesystem::create_directories(folder + "/env/node_modules/piped");
  std::filesystem::create_directory_symlink(folder + "/out", folder + "/env/node_modules/linked");
  ASSERT_EQ(mkfifo((folder + "/env/node_modules/piped/package.json").c_str(), 0600), 0);
  for (const char* name : {"linked", "piped"}) {
    EXPECT_THAT(argv_of({"npx", name}, folder + "/env"), ElementsAre(HasSubstr("is not installed"))) << name;
  }
  std::filesystem::remove_all(folder);
}

TEST(ServerCommand, RefusesWhatNamesNothing) {
  EXPECT_THAT(argv_of({}), ElementsAre(HasSubstr("needs a \"command\"")));
  EXPECT_THAT(argv_of({""}), ElementsAre(HasSubstr("needs a \"command\"")));
  for (const std::vector<std::string>& command :
       {std::vector<std::string>{"npx"}, {"npx", "-y"}, {"npx", "-c", "id"}, {"npx", "github:a/b"}, {"npx", "./x"}}) {
    EXPECT_THAT(argv_of(command), ElementsAre(HasSubstr("must name an npm package behind npx")));
  }
}

}  // namespace
}  // namespace librebird::plugins::mcp
