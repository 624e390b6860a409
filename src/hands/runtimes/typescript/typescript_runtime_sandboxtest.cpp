// Skills in TypeScript from their files to their answers, in the real sandbox.
#include <librebird/hands/runtimes/testkit/runtime_world.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

namespace librebird {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* kHead = R"(import { defineTool, type ToolContext } from "@librebird/skill";
const tool = (name: string, run: (context: ToolContext) => unknown) =>
  defineTool({ name, description: name, run: (_, context) => run(context) });
)";

class TypescriptRuntimeTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = world_.unusable(); !why.empty()) GTEST_SKIP() << why;
  }
  SkillManifest installed(const std::string& body) {
    SkillManifest skill = world_.skill({{"index.ts", kHead + body}});
    const Status prepared = world_.prepare(skill);
    EXPECT_TRUE(prepared.ok()) << prepared.error().message;
    return skill;
  }

  testkit::RuntimeWorld world_{"typescript", {{"hands.node.registry", "http://registry.test/"}}};
};

TEST_F(TypescriptRuntimeTest, CompilesDescribesAndAnswers) {
  SkillManifest skill = world_.skill({{"src/main.ts", R"(import { defineTool } from "@librebird/skill";
import { twice } from "./twice";
export const double = defineTool({
  name: "double", description: "Doubles.",
  parameters: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
  run: ({ n }, { progress, output }) => { progress(0.5, "half"); output("working"); console.log("log"); return { result: twice(n) }; },
});
)"},
                                      {"src/twice.ts", "export const twice = (n: number): number => n * 2;\n"}});
  skill.entrypoint = "src/main.ts";
  EXPECT_TRUE(world_.runtime().describes(skill));
  const Status prepared = world_.prepare(skill);
  ASSERT_TRUE(prepared.ok()) << prepared.error().message;
  EXPECT_THAT(world_.hosts, IsEmpty());
  EXPECT_THAT(world_.describe(skill).lines, ElementsAre(R"({"type":"ready"})", HasSubstr(R"("name":"double")")));
  const testkit::Spoken spoken = world_.call(skill, "double", R"({"n":21})");
  EXPECT_THAT(spoken.lines,
              ElementsAre(R"({"type":"ready"})", R"({"type":"progress","id":"c1","fraction":0.5,"message":"half"})",
                          R"({"type":"output","id":"c1","text":"working"})",
                          R"({"type":"result","value":{"result":42},"id":"c1"})"));
  EXPECT_EQ(spoken.log, "log\n");
  EXPECT_EQ(spoken.run.end, SandboxEnd::exited);
  EXPECT_EQ(spoken.run.exit_code, 0);
}

TEST_F(TypescriptRuntimeTest, TypeErrorsAreInstallErrorsWithFileAndLine) {
  const SkillManifest skill = world_.skill({{"index.ts", "export {};\nconst n: number = \"text\";\n"}});
  const Status prepared = world_.prepare(skill);
  ASSERT_FALSE(prepared.ok());
  EXPECT_THAT(prepared.error().message, HasSubstr("does not compile: index.ts:2:7: error TS2322"));
  EXPECT_THAT(world_.call(skill, "x").log, HasSubstr("is not compiled; install it again"));
}

TEST_F(TypescriptRuntimeTest, InstallsPackagesFromTheRegistryAndRunsNoneOfTheirScripts) {
  world_.open_network();
  SkillManifest skill = world_.skill({{"index.ts", std::string(kHead) + R"(import { three } from "three-pack";
export default [tool("three", () => three)];
)"}});
  skill.dependencies = {"three-pack@^1.0.0"};
  const Status prepared = world_.prepare(skill);
  ASSERT_TRUE(prepared.ok()) << prepared.error().message;
  EXPECT_THAT(world_.hosts, ElementsAre("http://registry.test"));
  EXPECT_FALSE(std::filesystem::exists(skill.env_directory + "/SCRIPT_RAN"));
  EXPECT_THAT(world_.call(skill, "three").last(), HasSubstr(R"("value":3)"));
}

TEST_F(TypescriptRuntimeTest, InstallsWhatPackageJsonAsksFor) {
  world_.open_network();
  SkillManifest skill =
      world_.skill({{"index.ts", std::string(kHead) + R"(import { three } from "three-pack";
export default [tool("three", () => three)];
)"},
                    {"package.json", R"({"dependencies":{"three-pack":"1.2.3"},"devDependencies":{"absent":"1"}})"}});
  const Status prepared = world_.prepare(skill);
  ASSERT_TRUE(prepared.ok()) << prepared.error().message;
  EXPECT_THAT(world_.call(skill, "three").last(), HasSubstr(R"("value":3)"));
}

TEST_F(TypescriptRuntimeTest, PackagesThatCannotBeHadAreInstallErrors) {
  world_.open_network();
  SkillManifest skill = world_.skill({{"index.ts", "export {};\n"}});
  skill.dependencies = {"no-such-package@1.0.0"};
  Status prepared = world_.prepare(skill);
  ASSERT_FALSE(prepared.ok());
  EXPECT_THAT(prepared.error().message, HasSubstr("cannot be installed"));
  EXPECT_THAT(prepared.error().message, HasSubstr("no-such-package"));

  for (const char* hostile : {"https://evil.test/x.tgz", "git+ssh://evil.test/x", "file:../other", "--global", "a b@1",
                              "x@file:/etc", "x@npm:y", "@scope", "", "../x", "x@"}) {
    skill.dependencies = {hostile};
    prepared = world_.prepare(skill);
    ASSERT_FALSE(prepared.ok()) << hostile;
    EXPECT_THAT(prepared.error().message, HasSubstr("is no npm package")) << hostile;
  }
  // A package.json may name any address; the fence lets none pass but the registry's.
  const SkillManifest elsewhere = world_.skill(
      {{"index.ts", "export {};\n"}, {"package.json", R"({"dependencies":{"x":"https://evil.test/x.tgz"}})"}});
  prepared = world_.prepare(elsewhere);
  ASSERT_FALSE(prepared.ok());
  EXPECT_THAT(prepared.error().message, HasSubstr("403"));
}

TEST_F(TypescriptRuntimeTest, WhatIsInstalledIsBounded) {
  testkit::RuntimeWorld small(
      "typescript", {{"hands.node.registry", "http://registry.test/"}, {"hands.node.max_environment_mb", "0"}});
  small.open_network();
  SkillManifest skill = small.skill({{"index.ts", "export {};\n"}});
  skill.dependencies = {"two-pack"};
  const Status prepared = small.prepare(skill);
  ASSERT_FALSE(prepared.ok());
  EXPECT_THAT(prepared.error().message, HasSubstr("the most are 0 MiB (hands.node.max_environment_mb)"));
}

TEST_F(TypescriptRuntimeTest, FetchReachesWhatTheFenceAllows) {
  const std::string body = R"(export default [tool("web", async () => {
  const get = async (url: string) => {
    try {
      return await (await fetch(url)).text();
    } catch (error) {
      return String((error as Error & { cause?: Error }).cause?.message);
    }
  };
  return [await get("http://plain.test/a"), await get("http://evil.test/"), await get("https://evil.test/")];
})];
)";
  const SkillManifest skill = installed(body);
  EXPECT_THAT(world_.call(skill, "web").last(), Not(HasSubstr("hello")));
  world_.open_network();
  EXPECT_THAT(
      world_.call(skill, "web").last(),
      HasSubstr(
          R"("value":["hello from /a","The skill may not reach evil.test.",)"
          R"("The proxy refused the connection to evil.test with status 403: The skill may not reach evil.test:443."])"));
}

TEST_F(TypescriptRuntimeTest, MemoryIsBounded) {
  const SkillManifest skill = installed(R"(export default [
  tool("heap", () => { const all: unknown[] = []; for (;;) all.push(new Array(100_000).fill(1.5)); }),
  tool("buffers", () => { const all: Buffer[] = []; for (;;) all.push(Buffer.alloc(50_000_000, 1)); }),
  tool("wasm", () => { const { WebAssembly } = globalThis as any; return new WebAssembly.Memory({ initial: 1 }).buffer.byteLength === 65536; }),
  tool("fine", () => Buffer.alloc(100_000_000, 1).length),
];
)");
  const testkit::Spoken heap = world_.call(skill, "heap");
  EXPECT_THAT(heap.last(), IsEmpty());
  EXPECT_NE(heap.run.exit_code, 0);
  EXPECT_NE(heap.run.end, SandboxEnd::timed_out);
  const testkit::Spoken buffers = world_.call(skill, "buffers");
  EXPECT_TRUE(buffers.run.exit_code != 0 || buffers.last().find("allocation failed") != std::string::npos)
      << buffers.last();
  EXPECT_NE(buffers.run.end, SandboxEnd::timed_out);
  EXPECT_THAT(world_.call(skill, "wasm").last(), HasSubstr(R"("value":true)"));
  EXPECT_THAT(world_.call(skill, "fine").last(), HasSubstr(R"("value":100000000)"));
}

TEST_F(TypescriptRuntimeTest, NothingOfTheSkillCanBeChangedAtACall) {
  const SkillManifest skill = installed(R"(import { writeFileSync } from "node:fs";
const attempt = (path: string) => { try { writeFileSync(path, "x"); return "written"; } catch { return "refused"; } };
export default [tool("write", () => ["/skill/index.ts", "/env/skill.mjs", "/kit/runner.mjs", "/node_modules/x", "/x", "/tmp/x"].map(attempt))];
)");
  EXPECT_THAT(world_.call(skill, "write").last(),
              HasSubstr(R"(["refused","refused","refused","refused","refused","written"])"));
}

TEST_F(TypescriptRuntimeTest, ASmallerMemoryLimitReachesTheHeap) {
  SkillManifest skill = installed(R"(import { getHeapStatistics } from "node:v8";
export default [tool("limit", () => Math.round(getHeapStatistics().heap_size_limit / 2 ** 20) < 300)];
)");
  skill.limits.memory_mb = 256;
  EXPECT_THAT(world_.call(skill, "limit").last(), HasSubstr(R"("value":true)"));
}

}  // namespace
}  // namespace librebird
