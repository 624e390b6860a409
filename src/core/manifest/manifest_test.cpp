#include <librebird/core/manifest/manifest.hpp>

#include <boost/json.hpp>

#define VALIJSON_USE_EXCEPTIONS 1
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>
#include <sstream>

namespace librebird::manifest {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What spec 3.5.1 shows, without its comments.
constexpr const char* kSpecExample = R"({
  "name": "github_advanced", "display_name": "GitHub Advanced", "version": "2.1.0", "author": "community",
  "description": "PR reviews, CI/CD monitoring, code search", "icon": "🐙", "category": "developer_tools",
  "runtime": "python", "entrypoint": "__init__.py",
  "dependencies": ["requests>=2.31.0", "PyGithub>=2.0.0"],
  "permissions": ["network:api.github.com", "env_vars", "filesystem:read", "api:github"],
  "settings": {
    "github_token": {"type": "secret", "description": "GitHub Personal Access Token", "required": true,
                     "validation": "^ghp_[a-zA-Z0-9]{36}$"},
    "default_org": {"type": "string", "description": "Default GitHub organization", "required": false}},
  "tools": [{"type": "function", "function": {"name": "review_pr", "description": "AI-powered PR code review",
    "parameters": {"type": "object", "properties": {"repo": {"type": "string"}, "pr_number": {"type": "integer"}},
                   "required": ["repo", "pr_number"]}}}],
  "marketplace": {"price": 0, "license": "MIT", "repository": "https://github.com/user/skill-github-advanced",
                  "homepage": "https://docs.example.com/github-skill"}})";

struct Case {
  std::string key;       // the error must name it; empty: the manifest is good
  std::string manifest;
  bool schema_knows = true;  // false: the JSON Schema cannot say this
};

std::string with(const std::string& more) { return R"({"name":"a","runtime":"python",)" + more + "}"; }
std::string setting(const std::string& body, const std::string& permissions = R"(["network:a.example"])") {
  return with(R"("permissions":)" + permissions + R"(,"settings":{"s":{)" + body + "}}");
}
std::string tool(const std::string& body) {
  return with(R"("permissions":["network:a.example"],"tools":[{)" + body + "}]");
}

const std::vector<Case>& corpus() {
  static const std::vector<Case> kCases = {
      {"", kSpecExample},
      {"", R"({"name":"a","runtime":"python"})"},
      {"", R"({"$schema":"../skill.schema.json","x-mine":1,"name":"a","runtime":"typescript"})"},
      {"", R"({"name":"a","runtime":"native","entrypoint":"bin/a","limits":{"processes":4}})"},
      {"", R"({"name":"a","runtime":"docker","image":"ghcr.io/x/y:1@sha256:00"})"},
      {"", R"({"name":"a","runtime":"docker","image":"x","command":["/skill/serve","--quiet"]})"},
      {"", R"({"name":"a","runtime":"mcp","command":["node","server.js"]})"},
      {"", R"({"name":"a","runtime":"mcp","url":"https://a.example/mcp?x=%20"})"},
      {"", R"({"name":"a","runtime":"mcp","url":"http://a.example:8080"})"},
      {"", R"({"name":"old","tools":["a","b"],"dependencies":["a GitHub account: free","requests"],"whatever":[1]})"},
      {"", R"({"name":"old","display_name":"Old"})"},
      {"", with(R"("limits":{"wall_seconds":60,"memory_mb":256},"permissions":["worker"],"worker":true)")},
      {"", with(R"("dependencies":["@scope/pkg@^1.2","left-pad@1","a[b]>=1,<2; python_version > '3'"])")},
      {"", setting(R"("type":"choice","choices":["a","b"],"default":"a")")},
      {"", setting(R"("type":"integer","default":5)")},
      {"", setting(R"("type":"number","default":5.5)")},
      {"", setting(R"("type":"boolean","default":false)")},
      {"", setting(R"("type":"secret","hosts":["a.example"])")},
      {"", setting(R"("description":"only words")")},
      {"",
       tool(R"("type":"function","function":{"name":"t"},"network":[],"work":"none","writes":false,"spends":true)")},
      {"name", R"({"runtime":"python"})"},
      {"name", R"({"name":1,"runtime":"python"})"},
      {"name", R"({"name":"../x","runtime":"python"})"},
      {"name", R"({"name":"","runtime":"python"})"},
      {"name", R"({"name":"-x","runtime":"python"})"},
      {"name", R"({"name":"a b"})"},
      {"display_name", with(R"("display_name":[])")},
      {"version", with(R"("version":"1 2")")},
      {"version", with(R"("version":2)")},
      {"author", with(R"("author":null)")},
      {"description", with(R"("description":{})")},
      {"icon", with(R"("icon":true)")},
      {"category", with(R"("category":7)")},
      {"runtime", R"({"name":"a","runtime":"perl"})"},
      {"entrypoint", R"({"name":"a","runtime":"native"})"},
      {"command", R"({"name":"a","runtime":"native","entrypoint":"bin/a","command":["a"]})"},
      {"runtime", R"({"name":"a","runtime":null})"},
      {"entrypoint", with(R"("entrypoint":"/etc/passwd")")},
      {"entrypoint", with(R"("entrypoint":"a/../../b")"), false},
      {"entrypoint", with(R"("entrypoint":5)")},
      {"entrypoint", R"({"name":"a","runtime":"docker","image":"x","entrypoint":"a"})"},
      {"image", R"({"name":"a","runtime":"docker"})"},
      {"image", R"({"name":"a","runtime":"docker","image":"--privileged"})"},
      {"image", with(R"("image":"x")")},
      {"command", R"({"name":"a","runtime":"docker","image":"x","command":[1]})"},
      {"command", R"({"name":"a","runtime":"mcp"})"},
      {"command", R"({"name":"a","runtime":"mcp","command":"node"})"},
      {"command", R"({"name":"a","runtime":"mcp","command":[]})"},
      {"command", with(R"("command":["x"])")},
      {"url", with(R"("url":"https://a.example/")")},
      {"url", R"({"name":"a","runtime":"mcp","url":"https://a.example/","command":["x"]})"},
      {"url", R"({"name":"a","runtime":"mcp","url":"ftp://a.example/"})"},
      {"url", R"({"name":"a","runtime":"mcp","url":"https://"})"},
      {"url", R"({"name":"a","runtime":"mcp","url":"https://user@a.example/"})"},
      {"url", R"({"name":"a","runtime":"mcp","url":"https://*.example/"})"},
      {"url", R"({"name":"a","runtime":"mcp","url":"https://tunnel:a.example/"})"},
      {"url", R"({"name":"a","runtime":"mcp","url":"https://A.example/"})"},
      {"url", R"({"name":"a","runtime":"mcp","url":"https://a.example/ b"})"},
      {"url", R"({"name":"a","runtime":"mcp","url":"https://a.example/#b"})"},
      {"url", R"({"name":"a","runtime":"mcp","url":["https://a.example/"]})"},
      {"settings.access_token",
       R"({"name":"a","runtime":"mcp","url":"https://a.example/","settings":{"access_token":{}}})", false},
      {"dependencies", with(R"("dependencies":"requests")")},
      {"dependencies", with(R"("dependencies":["--index-url=x"])"), false},
      {"dependencies", with(R"("dependencies":["git+https://x.example/y"])"), false},
      {"dependencies", with(R"("dependencies":["a @ file:///etc"])"), false},
      {"dependencies", with(R"("dependencies":["../up"])"), false},
      {"dependencies", with(R"("dependencies":["a b c"])"), false},
      {"dependencies", with(R"("dependencies":[1])")},
      {"permissions", with(R"("permissions":["root"])")},
      {"permissions", with(R"("permissions":["api:nowhere"])"), false},
      {"permissions", with(R"("permissions":["network:bad..host"])"), false},
      {"permissions", with(R"("permissions":["network:a.example:99999"])"), false},
      {"permissions", with(R"("permissions":"network")")},
      {"worker", with(R"("worker":"yes")")},
      {"worker", with(R"("worker":true)"), false},
      {"limits", with(R"("limits":[])")},
      {"limits.wall_seconds", with(R"("limits":{"wall_seconds":0})")},
      {"limits.wall_seconds", with(R"("limits":{"wall_seconds":1.5})")},
      {"limits.memory_mb", with(R"("limits":{"memory_mb":99999})")},
      {"limits.colour", with(R"("limits":{"colour":1})")},
      {"marketplace.price", with(R"("marketplace":{"price":-1})")},
      {"marketplace.licence", with(R"("marketplace":{"licence":"MIT"})")},
      {"settings", with(R"("settings":[])")},
      {"settings.1x", with(R"("settings":{"1x":{}})")},
      {"settings.s", with(R"("settings":{"s":"text"})")},
      {"settings.s.type", setting(R"("type":"password")")},
      {"settings.s.required", setting(R"("required":"yes")")},
      {"settings.s.validation", setting(R"("validation":"(")"), false},
      {"settings.s.validation", setting(R"("validation":"(?<=x)y")"), false},
      {"settings.s.validation", setting(R"("type":"integer","validation":"1")")},
      {"settings.s.default", setting(R"("type":"integer","default":"5")")},
      {"settings.s.default", setting(R"("type":"choice","choices":["a"],"default":"b")"), false},
      {"settings.s.default", setting(R"("validation":"a+","default":"b")"), false},
      {"settings.s.default", setting(R"("type":"secret","default":"x")")},
      {"settings.s.choices", setting(R"("type":"choice")")},
      {"settings.s.choices", setting(R"("choices":["a"])")},
      {"settings.s.hosts", setting(R"("hosts":["a.example"])")},
      {"settings.s.hosts", setting(R"("type":"secret","hosts":["b.example"])"), false},
      {"settings.s.hosts", setting(R"("type":"secret","hosts":["*"])", R"(["network"])"), false},
      {"settings.s.hosts", setting(R"("type":"secret")", R"(["network"])"), false},
      {"settings.s.label", setting(R"("label":"x")")},
      {"tools", with(R"("tools":{})")},
      {"tools[0]", with(R"("tools":["name"])")},
      {"tools[0].type", tool(R"("type":"tool","function":{"name":"t"})")},
      {"tools[0].function", tool(R"("type":"function")")},
      {"tools[0].function", tool(R"("function":"t")")},
      {"tools[0].function.name", tool(R"("function":{})")},
      {"tools[0].function.name", tool(R"("function":{"name":"b;c"})")},
      {"tools[0].function.description", tool(R"("function":{"name":"t","description":1})")},
      {"tools[0].function.parameters", tool(R"("function":{"name":"t","parameters":[]})")},
      {"tools[0].function.parameters.type", tool(R"("function":{"name":"t","parameters":{"type":"array"}})")},
      {"tools[0].function.returns", tool(R"("function":{"name":"t","returns":{}})")},
      {"tools[0].network", tool(R"("function":{"name":"t"},"network":["b.example"])"), false},
      {"tools[0].network", tool(R"("function":{"name":"t"},"network":"a.example")")},
      {"tools[0].work", tool(R"("function":{"name":"t"},"work":"all")")},
      {"tools[0].work", tool(R"("function":{"name":"t"},"work":"write")"), false},
      {"tools[0].runs_on", tool(R"("function":{"name":"t"},"runs_on":"moon")")},
      {"tools[0].runs_on", tool(R"("function":{"name":"t"},"runs_on":"device")")},
      {"tools[0].host_files", tool(R"("function":{"name":"t"},"host_files":["/etc/shadow"])")},
      {"tools[0].writes", tool(R"("function":{"name":"t"},"writes":"no")")},
      {"tools[0].spends", tool(R"("function":{"name":"t"},"spends":1)")},
      {"tools[0].idempotent", tool(R"("function":{"name":"t"},"idempotent":null)")},
      {"tools[0].colour", tool(R"("function":{"name":"t"},"colour":1)")},
      {"tools[1].function.name", with(R"("tools":[{"function":{"name":"t"}},{"function":{"name":"t"}}])"), false},
      {"colour", with(R"("colour":"red")")},
  };
  return kCases;
}

TEST(Manifest, EveryWrongFieldIsNamed) {
  for (const Case& c : corpus()) {
    const auto parsed = parse_manifest(c.manifest);
    EXPECT_EQ(parsed.ok(), c.key.empty()) << c.manifest << (parsed ? "" : "\n" + parsed.error().message);
    if (!parsed && !c.key.empty()) {
      EXPECT_THAT(parsed.error().message, HasSubstr("`" + c.key + "`")) << c.manifest;
      EXPECT_TRUE(parsed.error().message.ends_with(".")) << parsed.error().message;
      EXPECT_LT(parsed.error().message.size(), 500U);
    }
  }
}

TEST(Manifest, TheSchemaSaysTheSame) {
  std::ostringstream text;
  text << std::ifstream(LIBREBIRD_SKILL_SCHEMA).rdbuf();
  const boost::json::value schema_json = boost::json::parse(text.str());
  valijson::Schema schema;
  const valijson::adapters::BoostJsonAdapter schema_adapter(schema_json);
  valijson::SchemaParser(valijson::SchemaParser::kDraft7).populateSchema(schema_adapter, schema);
  int compared = 0;
  for (const Case& c : corpus()) {
    const boost::json::value value = boost::json::parse(c.manifest);
    const valijson::adapters::BoostJsonAdapter adapter(value);
    const bool fits = valijson::Validator().validate(schema, adapter, nullptr);
    EXPECT_EQ(fits, c.key.empty() || !c.schema_knows) << c.manifest;
    ++compared;
  }
  EXPECT_GT(compared, 90);
}

TEST(Manifest, BrokenDocuments) {
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{"), std::string("{} x"), std::string("\xff{}"),
        std::string("null"), std::string(100, '['), R"({"name":")" + std::string(kMaxManifestBytes, 'a') + "\"}"}) {
    EXPECT_FALSE(parse_manifest(text)) << text.substr(0, 20);
  }
  EXPECT_THAT(parse_manifest("{\n\n  \"name\": ,\n}").error().message, HasSubstr("line 3"));
}

TEST(Manifest, LegacyDefaults) {
  ManifestOptions options;
  options.folder_name = "my_tool";
  const auto legacy = parse_manifest(R"({"tools":["x"],"dependencies":["pypdf","needs a GitHub account"]})", options);
  ASSERT_TRUE(legacy) << legacy.error().message;
  EXPECT_EQ(legacy->name, "my_tool");
  EXPECT_EQ(legacy->display_name, "My Tool");
  EXPECT_EQ(legacy->version, "1.0.0");
  EXPECT_EQ(legacy->author, "Libre Bird");
  EXPECT_EQ(legacy->icon, "🧩");
  EXPECT_EQ(legacy->category, "general");
  EXPECT_EQ(legacy->runtime, "python");
  EXPECT_THAT(legacy->tools, IsEmpty());
  EXPECT_THAT(legacy->dependencies, ElementsAre("pypdf"));
  options.tools_json = R"([{"type":"function","_skill":"my_tool","function":{"name":"x","description":"d"}}])";
  options.granted = {"network:a.example"};
  const auto described = parse_manifest("{}", options);
  ASSERT_TRUE(described) << described.error().message;
  ASSERT_EQ(described->tools.size(), 1U);
  EXPECT_EQ(described->tools[0].work, WorkFolder::write);
  EXPECT_TRUE(described->tools[0].writes);
  EXPECT_THAT(described->tools[0].network, ElementsAre("a.example"));
  options.tools_json = R"([{"function":{"name":"../x"}}])";
  EXPECT_THAT(parse_manifest("{}", options).error().message, HasSubstr("tools[0].function.name"));
}

TEST(Manifest, LegacyPackagesGetWhatTheirManifestsNeverSaid) {
  for (const char* name : {"productivity", "focus_timer", "scheduler", "browser_automation", "ssh_ftp", "serial_usb"}) {
    EXPECT_TRUE(parse_manifest(fmt::format(R"({{"name":"{}"}})", name))->worker) << name;
  }
  EXPECT_FALSE(parse_manifest(R"({"name":"digest"})")->worker);
  const auto github = parse_manifest(R"({"name":"github","dependencies":["A token from GitHub"]})");
  ASSERT_TRUE(github) << github.error().message;
  ASSERT_EQ(github->settings.size(), 1U);
  EXPECT_EQ(github->settings[0].name, "GITHUB_TOKEN");
  EXPECT_EQ(github->settings[0].type, SettingType::secret);
  EXPECT_FALSE(github->settings[0].required);
  EXPECT_THAT(github->settings[0].hosts, ElementsAre("api.github.com"));
  EXPECT_THAT(github->tools, IsEmpty());
}

TEST(Manifest, ToolsInheritWhatTheyDoNotNarrow) {
  const auto parsed = parse_manifest(
      with(R"("permissions":["network:*.a.example","filesystem:write"],"tools":[{"function":{"name":"all"}},
        {"function":{"name":"less"},"network":["x.a.example"],"work":"read"},
        {"function":{"name":"none"},"network":[],"work":"none"}])"));
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_THAT(parsed->tools[0].network, ElementsAre("*.a.example"));
  EXPECT_EQ(parsed->tools[0].work, WorkFolder::write);
  EXPECT_TRUE(parsed->tools[0].writes);
  EXPECT_THAT(parsed->tools[1].network, ElementsAre("x.a.example"));
  EXPECT_EQ(parsed->tools[1].work, WorkFolder::read);
  EXPECT_THAT(parsed->tools[2].network, IsEmpty());
  EXPECT_FALSE(parsed->tools[2].writes);
}

TEST(Permissions, Cover) {
  EXPECT_TRUE(covers({"*"}, "a.example"));
  EXPECT_FALSE(covers({"*"}, "http://a.example"));
  EXPECT_TRUE(covers({"*.a.example"}, "b.a.example"));
  EXPECT_FALSE(covers({"*.a.example"}, "a.example"));
  EXPECT_FALSE(covers({"*.a.example"}, "xa.example"));
  EXPECT_FALSE(covers({"a.example"}, "a.example:8443"));
  EXPECT_TRUE(covers({"a.example:8443"}, "a.example:8443"));
  EXPECT_FALSE(covers({"a.example"}, "*.a.example"));
  EXPECT_FALSE(covers({"a.example"}, "*"));
  EXPECT_THAT(grant({"network"})->hosts, ElementsAre("*", "http://*"));
}

TEST(Settings, AreChecked) {
  const auto parsed = parse_manifest(kSpecExample);
  ASSERT_TRUE(parsed) << parsed.error().message;
  const SkillSetting& token = parsed->settings[0];
  EXPECT_THAT(token.hosts, testing::Contains("api.github.com"));
  const std::string good = "ghp_" + std::string(36, 'a');
  EXPECT_EQ(*setting_from_text(token, good), '"' + good + '"');
  const auto bad = setting_from_text(token, good + "x");
  ASSERT_FALSE(bad);
  EXPECT_THAT(bad.error().message, testing::Not(HasSubstr("aaaa")));
  SkillSetting number;
  number.name = "n";
  number.type = SettingType::integer;
  EXPECT_EQ(*setting_from_text(number, "12"), "12");
  EXPECT_FALSE(setting_from_text(number, "12x"));
  EXPECT_FALSE(setting_from_text(number, "1.5"));
  number.type = SettingType::boolean;
  EXPECT_EQ(*setting_from_text(number, "true"), "true");
  EXPECT_FALSE(setting_from_text(number, "yes"));
  number.type = SettingType::text;
  EXPECT_FALSE(setting_from_text(number, ""));
  EXPECT_FALSE(setting_from_text(number, std::string("a\0b", 3)));
}

TEST(SkillMd, ReadsTheFrontMatter) {
  const auto parsed = parse_skill_md(
      "---\r\nname: pdf-forms\r\ndescription: >\r\n  Fills in\r\n  forms.\r\nlicense: MIT\r\n"
      "allowed-tools: [Read, Write]\r\nmetadata:\r\n  version: \"1.0\"\r\n---\r\n# Forms\r\n");
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->name, "pdf-forms");
  EXPECT_EQ(parsed->display_name, "Pdf forms");
  EXPECT_EQ(parsed->description, "Fills in forms.\n");
  EXPECT_EQ(parsed->runtime, kInstructionSkill);
  EXPECT_TRUE(parsed->tools.empty());
}

TEST(SkillMd, RefusesWhatIsWrong) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "first line"},
      {"# no front matter", "first line"},
      {"---\nname: a\ndescription: b\n", "must end"},
      {"---\ndescription: b\n---\n", "`name`"},
      {"---\nname: a\n---\n", "`description`"},
      {"---\nname: A b\ndescription: b\n---\n", "`name`"},
      {"---\nname: a--b\ndescription: b\n---\n", "`name`"},
      {"---\nname: a\ndescription: [b]\n---\n", "`description`"},
      {"---\nname: a\ndescription: b\nname: c\n---\n", "`name`"},
      {"---\nname: a\ndescription: b\nmetadata: x\n---\n", "`metadata`"},
      {"---\nname: a\ndescription: b\nallowed-tools: {a: b}\n---\n", "`allowed-tools`"},
      {"---\nname: &x a\ndescription: *x\n---\n", "anchor"},
      {"---\nname: !!python/object a\ndescription: b\n---\n", "tag"},
      {"---\n- a\n---\n", "key: value"},
      {"---\nname: [\n---\n", "YAML"},
      {"---\nname: a\ndescription: b\nx: [[[[[[[[[[1]]]]]]]]]]\n---\n", "deep"},
      {"---\nname: a\xff\ndescription: b\n---\n", "UTF-8"},
  };
  for (const auto& [text, words] : cases) {
    const auto parsed = parse_skill_md(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr(words)) << text;
  }
}

TEST(Manifest, AServerOnTheWebIsReachedAndGivenItsTokenAndNothingMore) {
  const auto read = parse_manifest(R"({"name":"a","runtime":"mcp","url":"https://mcp.example:8443/v1"})");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->url, "https://mcp.example:8443/v1");
  EXPECT_THAT(read->permissions, ElementsAre("network:mcp.example:8443"));
  ASSERT_EQ(read->settings.size(), 3U);
  EXPECT_EQ(read->settings[0].name, "client_id");
  EXPECT_EQ(read->settings[1].name, "client_secret");
  EXPECT_EQ(read->settings[1].type, SettingType::secret);
  EXPECT_EQ(read->settings[2].name, "access_token");
  EXPECT_EQ(read->settings[2].type, SettingType::secret);
  EXPECT_FALSE(read->settings[2].required);
  EXPECT_THAT(read->settings[2].hosts, ElementsAre("mcp.example:8443"));

  const auto own = parse_manifest(R"({"name":"a","runtime":"mcp","url":"https://mcp.example/",
      "settings":{"access_token":{"type":"secret","required":true}}})");
  ASSERT_TRUE(own) << own.error().message;
  ASSERT_EQ(own->settings.size(), 3U);
  EXPECT_TRUE(own->settings[0].required);
  EXPECT_THAT(own->settings[0].hosts, ElementsAre("mcp.example"));

  const auto plain = parse_manifest(R"({"name":"a","runtime":"mcp","url":"http://mcp.example/"})");
  ASSERT_TRUE(plain) << plain.error().message;
  EXPECT_THAT(plain->permissions, ElementsAre("network:http://mcp.example"));
  EXPECT_THAT(plain->settings, IsEmpty());
}

}  // namespace
}  // namespace librebird::manifest
