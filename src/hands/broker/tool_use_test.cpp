#include "tool_use.hpp"

#include <gtest/gtest.h>

namespace librebird::hands {
namespace {

ToolSpec tool(std::vector<std::string> network = {}) {
  ToolSpec spec;
  spec.name = "t";
  spec.network = std::move(network);
  return spec;
}
using Hosts = std::vector<std::string>;

TEST(ToolUse, ComesFromTheDeclaration) {
  ToolSpec spec = tool();
  EXPECT_EQ(use_of(spec, "{}"), ToolUse{});
  spec.work = WorkFolder::read;
  EXPECT_EQ(use_of(spec, "{}"), ToolUse{});
  spec.work = WorkFolder::write;
  EXPECT_TRUE(use_of(spec, "{}").writes);
  spec.spends = true;
  EXPECT_TRUE(use_of(spec, "not json").spends);
}

TEST(ToolUse, DeclaredHostsCountWhateverTheArgumentsSay) {
  EXPECT_EQ(use_of(tool({"wttr.in", "tunnel:API.example:8443"}), R"({"url":"https://evil.example/"})").hosts,
            (Hosts{"wttr.in", "api.example"}));
}

TEST(ToolUse, OpenEndedToolsAreTiedToTheHostsInTheArguments) {
  const ToolSpec any = tool({"*", "http://*"});
  EXPECT_EQ(use_of(any, R"({"a":[{"b":"HTTPS://Example.ORG:8443/x"}],"c":"https://example.org"})").hosts,
            Hosts{"example.org"});
  EXPECT_EQ(use_of(any, R"({"q":"cats"})").hosts, Hosts{"*"});
  EXPECT_EQ(use_of(tool({"*.example.com"}), R"({"u":"https://a.example.com/"})").hosts, Hosts{"a.example.com"});
  std::string many = R"({"u":[)";
  for (int i = 0; i < 40; ++i)
    many += (i > 0 ? "," : "") + std::string("\"https://h") + std::to_string(i) + ".example\"";
  EXPECT_EQ(use_of(any, many + "]}").hosts, Hosts{"*"});
}

TEST(ToolUse, HostsAreReadAsABrowserReadsThem) {
  EXPECT_EQ(host_of("https://good.example@evil.example/"), "evil.example");
  EXPECT_EQ(host_of("https://evil.example\\@good.example/"), "evil.example");
  EXPECT_EQ(host_of("https://evil.example#@good.example/"), "evil.example");
  EXPECT_EQ(host_of("https://Example.org."), "example.org");
  EXPECT_EQ(host_of("https://[::1]:80/"), "[::1]");
  for (const char* none : {"", "example.org", "ftp://x", "https://", "https:///x", "https://*/", "https://a b/",
                           "https://%61.example", "javascript:alert(1)", "https://[::1", "mailto:a@b"}) {
    EXPECT_EQ(host_of(none), "") << none;
  }
}

TEST(ToolUse, CommandsAreKnownByTheirArgv) {
  ToolSpec spec = tool();
  spec.writes = true;
  const ToolUse git = use_of(spec, R"({"argv":["git","status"]})");
  EXPECT_EQ(git.program, "git");
  EXPECT_EQ(git.only_once, "");
  for (const char* runs_anything :
       {R"({"argv":["bash","-c","git status"]})", R"({"argv":["/tmp/git"]})", R"({"command":["python3","-c","1"]})"}) {
    EXPECT_NE(use_of(spec, runs_anything).only_once, "") << runs_anything;
  }
}

TEST(ToolUse, ShellTextIsNeverTakenApart) {
  ToolSpec spec = tool();
  spec.writes = true;
  for (const char* text :
       {R"({"command":"git status"})", R"({"code":"1"})", R"({"argv":["git"],"script":"rm -rf /"})", R"({"argv":[1]})",
        R"({"argv":[]})", R"({"cmd":{"a":1}})", R"({"command":["git"],"argv":["rm"]})"}) {
    const ToolUse use = use_of(spec, text);
    EXPECT_EQ(use.program, "") << text;
    EXPECT_NE(use.only_once, "") << text;
  }
}

TEST(ToolUse, DesktopToolsAreTiedToPageOrApplication) {
  ToolSpec spec = tool();
  spec.runs_on = RunsOn::device;
  EXPECT_EQ(use_of(spec, R"({"url":"example.org/x"})").hosts, Hosts{"example.org"});
  EXPECT_EQ(use_of(spec, R"({"url":"https://a.example"})").hosts, Hosts{"a.example"});
  EXPECT_NE(use_of(spec, R"({"url":"file:///etc/passwd"})").only_once, "");
  EXPECT_EQ(use_of(spec, R"({"name":"firefox"})").program, "firefox");
  EXPECT_NE(use_of(spec, R"({"name":"bash"})").only_once, "");
}

}  // namespace
}  // namespace librebird::hands
