#include <librebird/core/manifest/manifest.hpp>
#include <librebird/hands/skills/skill_registry.hpp>
#include <librebird/hands/testkit/fakes.hpp>
#include <librebird/hands/testkit/run_on.hpp>
#include <librebird/storage/storage.hpp>

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "skills_testing.hpp"
#include "staging.hpp"

namespace librebird::hands {
namespace {

namespace fs = std::filesystem;
using testing::file;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::Item;
using ::testing::Not;
using testing::pack;
using testing::skill;

class RegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    directory_ = fs::temp_directory_path() / ("registry-test-" + ids_.next());
    fs::create_directories(directory_);
    storage_ = Storage::open(loop_, clock_, ids_, {.path = directory_ / "librebird.db"}).value();
    owner_ = run(storage_->identities().ensure_owner());
    registry_ = make();
  }
  void TearDown() override {
    registry_.reset();
    other_.reset();
    storage_.reset();
    fs::remove_all(directory_);
  }

  std::unique_ptr<SkillRegistry> make() {
    manifest::ManifestOptions options;
    options.official = true;
    auto core = manifest::parse_manifest(
        R"({"name":"core","runtime":"native","tools":[{"function":{"name":"calculator"}}]})", options);
    RegistryParts parts{.executor = loop_.executor(),
                        .ids = ids_,
                        .store = &storage_->skills(),
                        .secrets = secrets_ ? &*secrets_ : nullptr,
                        .official = {*core},
                        .data_directory = directory_,
                        .sandbox = [this]() -> Result<Sandbox*> { return &sandbox_; },
                        .runtime = [this](const SkillManifest&) -> Result<ToolRuntime*> { return &runtime_; },
                        .fence = fence_};
    return std::make_unique<SkillRegistry>(std::move(parts));
  }

  template <class T>
  T run(Task<Result<T>> task) {
    auto result = librebird::testkit::run_on(loop_, std::move(task));
    if (!result) {
      ADD_FAILURE() << result.error().message;
      std::abort();
    }
    return std::move(result).value();
  }
  template <class T>
  Error fails(Task<Result<T>> task) {
    auto result = librebird::testkit::run_on(loop_, std::move(task));
    if (result) {
      ADD_FAILURE() << "it did not fail";
      return {};
    }
    EXPECT_TRUE(result.error().message.ends_with(".")) << result.error().message;
    return result.error();
  }
  SkillSource archive(const std::vector<Item>& items, const std::string& format = "tar.gz") {
    SkillSource source;
    source.archive = pack(items, format);
    source.archive_name = "upload." + format;
    return source;
  }
  SkillInfo install(const std::vector<Item>& items) {
    return run(registry_->install_skill(owner_, archive(items), {}));
  }
  Error refuses(const std::vector<Item>& items, const std::string& format = "tar.gz") {
    const Error error = fails(registry_->install_skill(owner_, archive(items, format), {}));
    nothing_is_left();
    return error;
  }
  std::shared_ptr<const ToolSet> tools() { return run(registry_->tools(owner_)); }
  // No staging folder, no version on disk that no row knows.
  void nothing_is_left() {
    const fs::path skills = directory_ / "skills";
    if (fs::exists(skills / ".staging")) EXPECT_TRUE(fs::is_empty(skills / ".staging"));
    for (const auto& entry : fs::recursive_directory_iterator(skills)) {
      const std::string place = entry.path().lexically_relative(skills).string();
      if (entry.path().filename() == "env" && !place.starts_with(".removed")) {
        const auto known = run(storage_->skills().folders());
        EXPECT_THAT(known, ::testing::Contains(entry.path().parent_path().lexically_relative(skills).string()));
      }
    }
  }

  Loop loop_;
  SystemClock clock_;
  SystemRandom random_;
  IdGenerator ids_{clock_, random_};
  librebird::testkit::ScriptedHttpClient http_;
  egress::Fence fence_{loop_.executor(), http_};
  testing::ScriptedRuntime runtime_;
  testing::ScriptedSandbox sandbox_;
  fs::path directory_;
  std::unique_ptr<Storage> storage_;
  std::unique_ptr<SkillRegistry> registry_;
  std::unique_ptr<SkillRegistry> other_;
  std::optional<testing::MemorySecretStore> secrets_;
  Principal owner_;
};

TEST_F(RegistryTest, InstallsCallsUpdatesRollsBackAndRemoves) {
  const auto before = tools();
  const SkillInfo first = install(skill("weather", "forecast"));
  EXPECT_EQ(first.version, "1.0.0");
  EXPECT_EQ(first.tools, std::vector<std::string>{"forecast"});
  EXPECT_EQ(before->find("forecast"), nullptr);
  const auto running = tools();
  ASSERT_NE(running->find("forecast"), nullptr);
  const std::string folder = running->find("forecast")->skill->directory;
  EXPECT_TRUE(fs::exists(folder + "/__init__.py"));
  EXPECT_TRUE(fs::exists(running->find("forecast")->skill->env_directory));

  auto again = archive(skill("weather", "outlook", "2.0.0"));
  const SkillInfo second = run(registry_->update_skill(owner_, "weather", std::move(again), {}));
  EXPECT_EQ(second.version, "2.0.0");
  EXPECT_EQ(second.versions.size(), 2U);
  EXPECT_EQ(tools()->find("forecast"), nullptr);
  EXPECT_NE(tools()->find("outlook"), nullptr);
  EXPECT_NE(running->find("forecast"), nullptr);  // a running call keeps what it began with
  EXPECT_TRUE(fs::exists(folder));

  EXPECT_EQ(run(registry_->rollback_skill(owner_, "weather", "")).version, "1.0.0");
  EXPECT_NE(tools()->find("forecast"), nullptr);
  EXPECT_EQ(fails(registry_->rollback_skill(owner_, "weather", "")).code, Code::failed_precondition);
  EXPECT_EQ(run(registry_->rollback_skill(owner_, "weather", second.hash.substr(0, 12))).version, "2.0.0");
  EXPECT_EQ(fails(registry_->rollback_skill(owner_, "weather", "ffff")).code, Code::not_found);

  run(registry_->remove_skill(owner_, "weather"));
  EXPECT_EQ(tools()->find("outlook"), nullptr);
  EXPECT_FALSE(fs::exists(folder));
  EXPECT_EQ(fails(registry_->get_skill(owner_, "weather")).code, Code::not_found);
  nothing_is_left();
  install(skill("weather", "forecast"));
}

TEST_F(RegistryTest, OtherProcessesSeeItAtTheNextCall) {
  other_ = make();
  EXPECT_EQ(run(other_->tools(owner_))->find("forecast"), nullptr);
  install(skill("weather", "forecast"));
  EXPECT_NE(run(other_->tools(owner_))->find("forecast"), nullptr);
  const auto kept = run(other_->tools(owner_));
  EXPECT_EQ(kept, run(other_->tools(owner_)));  // nothing moved: the same snapshot
  run(registry_->change_skill(owner_, "weather", false, std::nullopt));
  EXPECT_EQ(run(other_->tools(owner_))->find("forecast"), nullptr);
}

TEST_F(RegistryTest, NamesAreTakenOnce) {
  install(skill("weather", "forecast"));
  Error error = refuses(skill("weather", "other"));
  EXPECT_EQ(error.code, Code::already_exists);
  EXPECT_THAT(error.message, HasSubstr("archive:upload"));
  error = refuses(skill("core", "other"));
  EXPECT_THAT(error.message, HasSubstr("comes with Libre Bird"));
  error = refuses(skill("second", "forecast"));
  EXPECT_THAT(error.message, HasSubstr("forecast"));
  EXPECT_THAT(error.message, HasSubstr("second"));
  EXPECT_THAT(error.message, HasSubstr("weather"));
  EXPECT_THAT(refuses(skill("second", "calculator")).message, HasSubstr("core"));
  EXPECT_THAT(refuses(skill("second", "read_skill")).message, HasSubstr("Libre Bird itself"));
  run(registry_->change_skill(owner_, "weather", false, std::nullopt));
  install(skill("second", "forecast"));
  EXPECT_EQ(fails(registry_->change_skill(owner_, "weather", true, std::nullopt)).code, Code::already_exists);
}

TEST_F(RegistryTest, OfficialSkillsCanOnlyBeSwitched) {
  run(registry_->change_skill(owner_, "core", false, std::nullopt));
  EXPECT_EQ(tools()->find("calculator"), nullptr);
  EXPECT_FALSE(run(registry_->get_skill(owner_, "core")).enabled);
  run(registry_->change_skill(owner_, "core", true, std::nullopt));
  EXPECT_NE(tools()->find("calculator"), nullptr);
  EXPECT_EQ(fails(registry_->remove_skill(owner_, "core")).code, Code::failed_precondition);
  EXPECT_EQ(fails(registry_->change_skill(owner_, "core", std::nullopt, true)).code, Code::failed_precondition);
  EXPECT_EQ(fails(registry_->change_skill(owner_, "nope", true, std::nullopt)).code, Code::not_found);
}

TEST_F(RegistryTest, MembersLookAndAdminsChange) {
  Principal member = owner_;
  member.role = Role::member;
  EXPECT_EQ(run(registry_->list_skills(member)).size(), 1U);
  EXPECT_EQ(fails(registry_->install_skill(member, archive(skill("a", "b")), {})).code, Code::permission_denied);
  EXPECT_EQ(fails(registry_->change_skill(member, "core", false, std::nullopt)).code, Code::permission_denied);
  EXPECT_EQ(fails(registry_->remove_skill(member, "core")).code, Code::permission_denied);
  EXPECT_EQ(fails(registry_->set_skill_setting(member, "core", "x", "1")).code, Code::permission_denied);
  member.role = Role::guest;
  EXPECT_EQ(fails(registry_->list_skills(member)).code, Code::permission_denied);
  SkillSource folder;
  folder.folder = "/etc";
  EXPECT_EQ(fails(registry_->install_skill(owner_, folder, {})).code, Code::permission_denied);
  SkillSource path;
  path.git_url = "/etc/.git";
  EXPECT_EQ(fails(registry_->install_skill(owner_, path, {})).code, Code::invalid_argument);
}

TEST_F(RegistryTest, PinnedSkillsAreNotUpdated) {
  install(skill("weather", "forecast"));
  run(registry_->change_skill(owner_, "weather", std::nullopt, true));
  EXPECT_THAT(fails(registry_->update_skill(owner_, "weather", archive(skill("weather", "x", "2")), {})).message,
              HasSubstr("pinned"));
  run(registry_->change_skill(owner_, "weather", std::nullopt, false));
  run(registry_->update_skill(owner_, "weather", archive(skill("weather", "x", "2")), {}));
  EXPECT_THAT(fails(registry_->update_skill(owner_, "weather", {}, {})).message, HasSubstr("new archive"));
  EXPECT_THAT(fails(registry_->update_skill(owner_, "weather", archive(skill("else", "y")), {})).message,
              HasSubstr("else"));
}

TEST_F(RegistryTest, AnUpdateThatWantsMoreIsAskedAbout) {
  install(skill("weather", "forecast"));
  const auto wider = skill("weather", "forecast", "2.0.0", R"("permissions":["network:a.example"],)");
  EXPECT_THAT(fails(registry_->update_skill(owner_, "weather", archive(wider), {})).message,
              HasSubstr("network:a.example"));
  EXPECT_EQ(run(registry_->get_skill(owner_, "weather")).version, "1.0.0");
  auto agreed = archive(wider);
  agreed.granted = {"network:a.example"};
  run(registry_->update_skill(owner_, "weather", std::move(agreed), {}));
  EXPECT_THAT(tools()->find("forecast")->spec.network, ::testing::ElementsAre("a.example"));
}

TEST_F(RegistryTest, AFailedPrepareLeavesNothing) {
  runtime_.outcome = make_error(Code::failed_precondition, "The dependency nonsense==9 cannot be installed.");
  EXPECT_THAT(refuses(skill("weather", "forecast")).message, HasSubstr("nonsense"));
  EXPECT_EQ(run(registry_->list_skills(owner_)).size(), 1U);
  runtime_.outcome = Ok{};
  install(skill("weather", "forecast"));
}

TEST_F(RegistryTest, LegacySkillsSayTheirToolsThemselves) {
  const std::vector<Item> legacy{file("my_tool/skill.json", "{}"), file("my_tool/__init__.py", "")};
  sandbox_.run.output = R"({"type":"tools","tools":[{"type":"function","function":{"name":"x"}}]})"
                        "\n";
  const SkillInfo info = install(legacy);
  EXPECT_EQ(info.name, "my_tool");
  EXPECT_EQ(info.tools, std::vector<std::string>{"x"});
  EXPECT_THAT(sandbox_.input, HasSubstr("describe"));
  EXPECT_NE(tools()->find("x"), nullptr);
  run(registry_->remove_skill(owner_, "my_tool"));

  sandbox_.run.output = "";
  sandbox_.run.exit_code = 1;
  sandbox_.run.error_output = "ImportError: no module";
  EXPECT_THAT(refuses(legacy).message, HasSubstr("ImportError"));
  sandbox_.run.output = "hello\n";
  EXPECT_THAT(refuses(legacy).message, HasSubstr("protocol"));
  sandbox_.run.output = R"({"type":"error","id":"","message":"No module named x"})"
                        "\n";
  EXPECT_THAT(refuses(legacy).message, HasSubstr("No module named x"));
  sandbox_.run.output = R"({"type":"tools","tools":[]})"
                        "\n";
  EXPECT_THAT(refuses(legacy).message, HasSubstr("no tools"));
  sandbox_.run.output = R"({"type":"tools","tools":[{"function":{"name":"../x"}}]})"
                        "\n";
  EXPECT_THAT(refuses(legacy).message, HasSubstr("tools[0].function.name"));
}

TEST_F(RegistryTest, HostileArchivesAreRefusedByName) {
  const auto with = [](Item item) {
    std::vector<Item> items = skill("weather", "forecast");
    items.push_back(std::move(item));
    return items;
  };
  EXPECT_THAT(refuses(with(file("../../evil", "x"))).message, HasSubstr("leaves the skill's folder"));
  EXPECT_THAT(refuses(with(file("weather/../../evil", "x")), "zip").message, HasSubstr("leaves the skill's folder"));
  EXPECT_THAT(refuses(with(file("/etc/evil", "x"))).message, HasSubstr("absolute"));
  EXPECT_THAT(refuses(with({"weather/l", "", AE_IFLNK, "/etc/passwd"})).message, HasSubstr("symbolic link"));
  EXPECT_THAT(refuses(with({"weather/l", "", AE_IFLNK, "/etc/passwd"}), "zip").message, HasSubstr("symbolic link"));
  EXPECT_THAT(refuses(with({"weather/h", "", AE_IFREG, "weather/skill.json", true})).message, HasSubstr("hard link"));
  EXPECT_THAT(refuses(with({"weather/d", "", AE_IFCHR})).message, HasSubstr("device"));
  EXPECT_THAT(refuses(with({"weather/p", "", AE_IFIFO})).message, HasSubstr("pipe"));
  EXPECT_THAT(refuses(with(file("weather/skill.json", "{}"))).message, HasSubstr("twice"));
  EXPECT_THAT(refuses(with(file("weather/SKILL.JSON", "{}"))).message, HasSubstr("differ only in case"));
  EXPECT_THAT(refuses(with(file("Weather/x", "{}"))).message, HasSubstr("differ only in case"));
  EXPECT_THAT(refuses(with(file("weather/skill.json/x", "{}"))).message, HasSubstr("twice"));
  EXPECT_THAT(refuses(with(file("weather/" + std::string(256, 'a'), "x"))).message, HasSubstr("too long"));
  EXPECT_THAT(refuses(with(file("weather/\xff\xfe", "x"))).message, HasSubstr("UTF-8"));
  EXPECT_THAT(refuses(with(file("weather/a\nb", "x"))).message, HasSubstr("control"));
  EXPECT_THAT(refuses(with(file("weather/a\\b", "x"))).message, HasSubstr("backslash"));
  std::string deep = "weather";
  for (int i = 0; i < 20; ++i) deep += "/d";
  EXPECT_THAT(refuses(with(file(deep, "x"))).message, HasSubstr("deeper"));
}

TEST_F(RegistryTest, BombsAndFloodsAreRefused) {
  auto bomb = skill("weather", "forecast");
  bomb.push_back(file("weather/zeros", std::string(15 << 20, '\0')));
  for (const char* format : {"tar.gz", "tar.xz", "zip"}) {
    EXPECT_THAT(refuses(bomb, format).message, HasSubstr("bomb")) << format;
  }
  auto large = skill("weather", "forecast");
  large.push_back(file("weather/large", std::string(17 << 20, 'x')));
  EXPECT_THAT(refuses(large, "tar").message, HasSubstr("larger than 16 MiB"));
  auto many = skill("weather", "forecast");
  for (int i = 0; i < 100'000; ++i) many.push_back(file("weather/f" + std::to_string(i), ""));
  EXPECT_THAT(refuses(many, "tar.gz").message, HasSubstr("more than 2000 files"));
}

TEST_F(RegistryTest, WhatIsNoSkillIsRefused) {
  SkillSource source;
  EXPECT_THAT(fails(registry_->install_skill(owner_, source, {})).message, HasSubstr("one source"));
  source.archive = "this is no archive";
  EXPECT_THAT(fails(registry_->install_skill(owner_, source, {})).message, HasSubstr("cannot be read"));
  source.archive = pack(skill("weather", "forecast"));
  source.archive.resize(source.archive.size() / 2);
  EXPECT_THAT(fails(registry_->install_skill(owner_, source, {})).message, HasSubstr("cannot be read"));
  EXPECT_THAT(refuses({file("a/readme.md", "x")}).message, HasSubstr("no skill in it"));
  EXPECT_THAT(refuses({file("a/skill.json", "{")}).message, HasSubstr("not valid JSON"));
  EXPECT_THAT(refuses({file("a/skill.json", testing::manifest("a", "b"))}).message, HasSubstr("__init__.py"));
  EXPECT_THAT(refuses({file("skill.json", testing::manifest("a", "b", "1", R"("entrypoint":"main.py",)"))}).message,
              HasSubstr("main.py"));
  auto two = skill("one", "a");
  for (const Item& item : skill("two", "b")) two.push_back(item);
  EXPECT_THAT(refuses(two).message, HasSubstr("one, two"));
  auto chosen = archive(two);
  chosen.inner_path = "two";
  EXPECT_EQ(run(registry_->install_skill(owner_, std::move(chosen), {})).name, "two");
  auto broken = testing::manifest("c", "d");
  broken.replace(broken.find("\"description\":\"d\""), 17, R"("parameters":{"type":"object","properties":5})");
  EXPECT_THAT(refuses({file("skill.json", broken), file("__init__.py", "")}).message, HasSubstr("JSON Schema"));
}

TEST_F(RegistryTest, FoldersAreCopiedWithoutLinks) {
  const fs::path source = directory_ / "source";
  fs::create_directories(source / "__pycache__");
  fs::create_directories(source / ".git");
  std::ofstream(source / "skill.json") << testing::manifest("a", "b");
  std::ofstream(source / "__init__.py") << "x = 1";
  SkillSource folder;
  folder.folder = source;
  folder.operator_asks = true;
  const SkillInfo info = run(registry_->install_skill(owner_, folder, {}));
  EXPECT_EQ(info.origin, "folder:" + source.string());
  EXPECT_FALSE(fs::exists(tools()->find("b")->skill->directory + "/.git"));
  std::ofstream(source / "__init__.py") << "x = 2";
  EXPECT_EQ(run(registry_->update_skill(owner_, "a", {}, {})).versions.size(), 2U);
  EXPECT_EQ(run(registry_->update_skill(owner_, "a", {}, {})).versions.size(), 2U);  // nothing new
  fs::create_symlink("/etc/passwd", source / "link");
  EXPECT_THAT(fails(registry_->update_skill(owner_, "a", {}, {})).message, HasSubstr("symbolic link"));
  folder.folder = "/nowhere";
  EXPECT_EQ(fails(registry_->install_skill(owner_, folder, {})).code, Code::not_found);
}

TEST_F(RegistryTest, SettingsAreTypedAndMissingOnesAreNamed) {
  const std::string settings = R"("settings":{"city":{"type":"string","required":true,"description":"Where you live"},)"
                               R"("count":{"type":"integer","default":3},"token":{"type":"secret"}},)";
  const SkillInfo info = install(skill("weather", "forecast", "1.0.0", settings));
  EXPECT_EQ(info.missing_settings, std::vector<std::string>{"city"});
  const auto missing = tools();
  EXPECT_THAT(missing->find("forecast")->set_up, HasSubstr("city (Where you live)"));
  EXPECT_THAT(missing->find("forecast")->set_up, HasSubstr("librebird skill set weather city"));
  EXPECT_THAT(missing->find("forecast")->spec.description, HasSubstr("set up"));
  EXPECT_EQ(missing->find("forecast")->settings_json, R"({"count":3})");
  run(registry_->set_skill_setting(owner_, "weather", "city", "\"Lisbon\""));
  EXPECT_THAT(tools()->find("forecast")->set_up, IsEmpty());
  EXPECT_EQ(tools()->find("forecast")->settings_json, R"({"city":"Lisbon","count":3})");
  EXPECT_EQ(fails(registry_->set_skill_setting(owner_, "weather", "count", "\"x\"")).code, Code::invalid_argument);
  EXPECT_EQ(fails(registry_->set_skill_setting(owner_, "weather", "nope", "1")).code, Code::not_found);
  EXPECT_EQ(fails(registry_->set_skill_setting(owner_, "weather", "token", "\"secret-value\"")).code,
            Code::failed_precondition);  // no secret store here
  run(registry_->set_skill_setting(owner_, "weather", "city", std::nullopt));
  EXPECT_THAT(tools()->find("forecast")->set_up, Not(IsEmpty()));
}

TEST_F(RegistryTest, SecretsGoToTheSecretStoreOnly) {
  secrets_.emplace();
  registry_ = make();
  install(skill("weather", "forecast", "1.0.0",
                R"("settings":{"token":{"type":"secret","required":true,"validation":"^tok-[0-9]+$"}},)"));
  EXPECT_THAT(tools()->find("forecast")->set_up, HasSubstr("token"));
  const Error bad = fails(registry_->set_skill_setting(owner_, "weather", "token", "\"wrong-secret\""));
  EXPECT_THAT(bad.message, Not(HasSubstr("wrong-secret")));
  const SkillInfo info = run(registry_->set_skill_setting(owner_, "weather", "token", "\"tok-123\""));
  ASSERT_EQ(info.settings.size(), 1U);
  EXPECT_TRUE(info.settings[0].set);
  EXPECT_EQ(info.settings[0].value_json, "");
  EXPECT_EQ(secrets_->values.at("skill/weather/token"), "tok-123");
  EXPECT_TRUE(run(storage_->skills().load(owner_)).settings.empty());
  EXPECT_THAT(tools()->find("forecast")->set_up, IsEmpty());
  EXPECT_EQ(tools()->find("forecast")->settings_json, "{}");
  run(registry_->remove_skill(owner_, "weather"));
  EXPECT_TRUE(secrets_->values.empty());
}

TEST_F(RegistryTest, InstructionSkillsAreRead) {
  EXPECT_EQ(tools()->find("read_skill"), nullptr);
  install({file("pdf/SKILL.md", "---\nname: pdf\ndescription: Fills in forms.\n---\n# Body\n"),
           file("pdf/more/a.md", "more"), file("pdf/bin", "\xff\xfe")});
  const auto set = tools();
  ASSERT_NE(set->find("read_skill"), nullptr);
  EXPECT_THAT(set->find("read_skill")->spec.description, HasSubstr("pdf: Fills in forms."));
  EXPECT_THAT(run(registry_->read_skill(set, R"({"skill":"pdf"})")), HasSubstr("more/a.md"));
  EXPECT_THAT(run(registry_->read_skill(set, R"({"skill":"pdf","file":"more/a.md"})")), HasSubstr("\"more\""));
  for (const char* path : {"../../x", "/etc/passwd", "nope", "bin", "more"}) {
    fails(registry_->read_skill(set, R"({"skill":"pdf","file":")" + std::string(path) + "\"}"));
  }
  fails(registry_->read_skill(set, R"({"skill":"core"})"));
  EXPECT_EQ(runtime_.prepared, 0);
}

TEST_F(RegistryTest, LeftoversOfTheDeadAreSweptAtStart) {
  const fs::path staging = directory_ / "skills" / ".staging";
  fs::create_directories(staging / "dead" / "version");
  std::ofstream(staging / "dead.lock") << "";
  auto living = Staging::create(directory_ / "skills", "living");
  ASSERT_TRUE(living);
  other_ = make();
  EXPECT_FALSE(fs::exists(staging / "dead"));
  EXPECT_FALSE(fs::exists(staging / "dead.lock"));
  EXPECT_TRUE(fs::exists(staging / "living"));
}

TEST_F(RegistryTest, OrphansOfACrashAreSweptWhenTheyAreOld) {
  install(skill("weather", "forecast"));
  const fs::path skills = directory_ / "skills";
  const fs::path old = skills / owner_.workspace_id / "weather" / "0000";
  const fs::path fresh = skills / owner_.workspace_id / "weather" / "1111";
  fs::create_directories(old);
  fs::create_directories(fresh);
  fs::last_write_time(old, fs::file_time_type::clock::now() - std::chrono::hours(2));
  other_ = make();
  run(other_->remove_skill(owner_, "weather"));
  install(skill("weather", "forecast"));
  EXPECT_FALSE(fs::exists(old));
}

TEST_F(RegistryTest, AStoppedInstallLeavesNothing) {
  std::stop_source stop;
  stop.request_stop();
  SkillSource source = archive(skill("weather", "forecast"));
  EXPECT_EQ(fails(registry_->install_skill(owner_, source, stop.get_token())).code, Code::cancelled);
  EXPECT_EQ(run(registry_->list_skills(owner_)).size(), 1U);
}

}  // namespace
}  // namespace librebird::hands
