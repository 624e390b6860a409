#include <librebird/hands/node/node_programs.hpp>

#include <gtest/gtest.h>

#include <string>

namespace librebird::hands::node {
namespace {

TEST(NodePackages, NamesAndVersionsOfTheRegistryOnly) {
  for (const char* good : {"zod", "zod@3.23.8", "zod@^3", "zod@>=1.0.0 <2", "zod@latest", "@scope/name",
                           "@scope/name@1.x", "lodash.merge@4.6.2", "a_b~c@1 || 2"}) {
    EXPECT_TRUE(is_package(good)) << good;
  }
  for (const char* bad : {"",
                          "@",
                          "@scope",
                          "@scope/",
                          "@/x",
                          "-g",
                          "--global",
                          ".hidden",
                          "a/b",
                          "../x",
                          "/x",
                          "x@",
                          "a b",
                          "x@file:y",
                          "x@npm:y@1",
                          "x@git+https://h/r",
                          "https://h/x.tgz",
                          "x@1;rm",
                          "x@$(id)",
                          "@s/-x",
                          "@s/a/b",
                          "x\n",
                          "x@1\n"}) {
    EXPECT_FALSE(is_package(bad)) << bad;
  }
  EXPECT_FALSE(is_package(std::string(301, 'x')));
  EXPECT_EQ(package_name("@scope/name@1.2.3"), "@scope/name");
  EXPECT_EQ(package_name("@scope/name"), "@scope/name");
  EXPECT_EQ(package_name("zod@3"), "zod");
}

TEST(NodePackages, TheRegistrysHostIsAllThatIsOpened) {
  EXPECT_EQ(*registry_host("https://registry.npmjs.org/"), "registry.npmjs.org");
  EXPECT_EQ(*registry_host("https://npm.example.org:8443/path/"), "npm.example.org:8443");
  EXPECT_EQ(*registry_host("http://npm.example.org"), "http://npm.example.org");
  for (const char* bad : {"", "registry.npmjs.org", "ftp://x/", "https://", "https://user:pw@host/", "file:///etc"}) {
    EXPECT_FALSE(registry_host(bad).ok()) << bad;
  }
}

TEST(NodePrograms, TheHeapLeavesRoomForTheRest) {
  SandboxLimits limits;
  EXPECT_EQ(NodePrograms::heap_flag(limits), "--max-old-space-size=384");
  limits.memory_bytes = 1;
  EXPECT_EQ(NodePrograms::heap_flag(limits), "--max-old-space-size=32");
}

TEST(NodePrograms, BuildErrorsSayWhatWasSaidAndNotMore) {
  SandboxRun run;
  run.exit_code = 1;
  run.error_output = std::string(10'000, 'x');
  EXPECT_LT(build_error("It failed", run).message.size(), 4'100U);
  run.error_output = "\xff\n\n";
  EXPECT_EQ(build_error("It failed", run).message, "It failed: \xef\xbf\xbd");
  run.error_output.clear();
  EXPECT_EQ(build_error("It failed", run).message, "It failed: it ended with 1 and said nothing");
  run.end = SandboxEnd::timed_out;
  EXPECT_EQ(build_error("It failed", run).message, "It failed: it took too long");
  run.end = SandboxEnd::cancelled;
  EXPECT_EQ(build_error("It failed", run).code, Code::cancelled);
}

}  // namespace
}  // namespace librebird::hands::node
