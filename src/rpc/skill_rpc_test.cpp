// The skills of hands in another process.
#include "rpc_testkit.hpp"
#include "skill_client.hpp"

#include <librebird/rpc/hands_client.hpp>
#include <librebird/rpc/hands_server.hpp>

namespace librebird::rpc {
namespace {

using namespace testkit;

SkillInfo sample(const std::string& name) {
  SkillInfo info;
  info.name = name;
  info.icon = "🕊️";
  info.origin = "git:https://example.org/x#main";
  info.permissions = {"network:a.example"};
  info.tools = {"t"};
  info.missing_settings = {"s"};
  SkillSettingInfo setting;
  setting.setting.name = "s";
  setting.setting.type = SettingType::choice;
  setting.setting.choices = {"a", "b"};
  setting.value_json = "\"a\"";
  info.settings = {setting};
  info.connectable = true;
  info.needs_connection = true;
  info.versions = {{"h", "1.0", "", "", "", "folder:/x", "u", 5}};
  return info;
}

// Keeps what it was asked and answers it by name.
class ScriptedSkills final : public SkillService {
 public:
  Task<Result<std::vector<SkillInfo>>> list_skills(Principal) override {
    co_return std::vector<SkillInfo>{sample("a"), sample("b")};
  }
  Task<Result<SkillInfo>> get_skill(Principal, std::string name) override {
    if (name == "none") co_return make_error(Code::not_found, "There is no skill named none.");
    co_return sample(name);
  }
  Task<Result<SkillInfo>> install_skill(Principal, SkillSource asked, std::stop_token) override {
    source = std::move(asked);
    co_return sample("installed");
  }
  Task<Result<SkillInfo>> update_skill(Principal, std::string name, SkillSource asked, std::stop_token) override {
    source = std::move(asked);
    co_return sample(name);
  }
  Task<Result<SkillInfo>> change_skill(Principal, std::string name, std::optional<bool> on,
                                       std::optional<bool> pin) override {
    enabled = on;
    pinned = pin;
    co_return sample(name);
  }
  Task<Result<SkillInfo>> rollback_skill(Principal, std::string name, std::string hash) override {
    co_return sample(name + hash);
  }
  Task<Status> remove_skill(Principal principal, std::string name) override {
    if (principal.role != Role::owner) co_return make_error(Code::permission_denied, "Ask an owner.");
    removed = name;
    co_return Ok{};
  }
  Task<Result<SkillInfo>> set_skill_setting(Principal, std::string name, std::string setting,
                                            std::optional<std::string> value) override {
    value_json = value;
    co_return sample(name + setting);
  }
  Task<Result<std::string>> connect_skill(Principal, std::string name, std::string redirect_uri,
                                          std::stop_token) override {
    co_return "https://as.example/?skill=" + name + "&back=" + redirect_uri;
  }
  Task<Result<SkillConnection>> finish_connection(Principal, ConnectionAnswer given, std::stop_token) override {
    if (given.state.empty()) co_return make_error(Code::unauthenticated, "Begin again.");
    answer = given;
    co_return SkillConnection{"a", true, "https://s.example", "https://as.example", "x y", 7, "no tools"};
  }
  Task<Result<SkillConnection>> get_connection(Principal, std::string name) override {
    co_return SkillConnection{name, false, "https://s.example", "", "", 0, ""};
  }
  Task<Status> disconnect_skill(Principal, std::string name) override {
    disconnected = name;
    co_return Ok{};
  }

  ConnectionAnswer answer;
  std::string disconnected;
  SkillSource source;
  std::optional<bool> enabled;
  std::optional<bool> pinned;
  std::string removed;
  std::optional<std::string> value_json = "unset";
};

Task<void> everything_crosses(Loop& loop) {
  ScriptedSkills skills;
  ScriptedHands hands;
  hands.skill_service = &skills;
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_hands_client(loop, options_for(server.port()));
  SkillService& far = *client->skills();
  const Principal owner{"u", "w", Role::owner, "k"};
  const auto all = co_await far.list_skills(owner);
  EXPECT_TRUE(all && all->size() == 2);
  const auto one = co_await far.get_skill(owner, "a");
  EXPECT_TRUE(one.ok());
  EXPECT_EQ(one->icon, "🕊️");
  EXPECT_EQ(one->settings.at(0).setting.choices.size(), 2U);
  EXPECT_EQ(one->settings.at(0).value_json, "\"a\"");
  EXPECT_EQ(one->versions.at(0).installed_at, 5);
  EXPECT_EQ(one->missing_settings, std::vector<std::string>{"s"});
  EXPECT_TRUE(one->connectable && one->needs_connection);
  EXPECT_EQ((co_await far.get_skill(owner, "none")).error().code, Code::not_found);
  SkillSource source;
  source.archive = std::string("\0\xff", 2);
  source.granted = {"worker"};
  source.operator_asks = true;
  EXPECT_TRUE(co_await far.install_skill(owner, source, {}));
  EXPECT_EQ(skills.source.archive, source.archive);
  EXPECT_EQ(skills.source.granted, source.granted);
  EXPECT_FALSE(skills.source.operator_asks);  // never over the wire
  source.folder = "/etc";
  EXPECT_EQ((co_await far.install_skill(owner, source, {})).error().code, Code::permission_denied);
  EXPECT_TRUE(co_await far.change_skill(owner, "a", false, std::nullopt));
  EXPECT_EQ(skills.enabled, false);
  EXPECT_EQ(skills.pinned, std::nullopt);
  EXPECT_EQ((co_await far.rollback_skill(owner, "a", "b"))->name, "ab");
  EXPECT_EQ((co_await far.set_skill_setting(owner, "a", "s", std::nullopt))->name, "as");
  EXPECT_EQ(skills.value_json, std::nullopt);
  EXPECT_TRUE(co_await far.remove_skill(owner, "a"));
  EXPECT_EQ(skills.removed, "a");
  const Principal member{"u", "w", Role::member, "k"};
  EXPECT_EQ((co_await far.remove_skill(member, "a")).error().code, Code::permission_denied);
  co_await server.stop();
}
Task<void> connections_cross(Loop& loop) {
  ScriptedSkills skills;
  ScriptedHands hands;
  hands.skill_service = &skills;
  HandsServer server(loop, hands, options_for(0));
  EXPECT_TRUE(server.start());
  auto client = make_hands_client(loop, options_for(server.port()));
  SkillService& far = *client->skills();
  const Principal member{"u", "w", Role::member, "k"};
  EXPECT_EQ((co_await far.connect_skill(member, "a", "https://b.example/", {})).value(),
            "https://as.example/?skill=a&back=https://b.example/");
  const auto made = co_await far.finish_connection(member, {"a.state", "code", "https://as.example"}, {});
  EXPECT_TRUE(made && made->connected);
  EXPECT_EQ(made->skill + " " + made->server + " " + made->issuer, "a https://s.example https://as.example");
  EXPECT_EQ(made->scope + " " + made->problem, "x y no tools");
  EXPECT_EQ(made->expires_at, 7);
  EXPECT_EQ(skills.answer.state + " " + skills.answer.code + " " + skills.answer.issuer,
            "a.state code https://as.example");
  EXPECT_EQ((co_await far.finish_connection(member, {}, {})).error().code, Code::unauthenticated);
  EXPECT_FALSE((co_await far.get_connection(member, "a"))->connected);
  EXPECT_TRUE(co_await far.disconnect_skill(member, "a"));
  EXPECT_EQ(skills.disconnected, "a");
  co_await server.stop();
}
TEST(SkillRpc, ConnectionsCross) { run(connections_cross); }

TEST(SkillRpc, EverythingCrosses) { run(everything_crosses); }

TEST(SkillRpc, GarbageIsRefused) {
  for (const std::string& bytes : {std::string("\xff\xff"), std::string(), std::string("\x10\x63", 2)}) {
    EXPECT_FALSE(skill_call_from_wire(bytes));
  }
}

}  // namespace
}  // namespace librebird::rpc
