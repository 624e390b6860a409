#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>
#include <librebird/core/manifest/manifest.hpp>
#include <librebird/core/manifest/skill_view.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

namespace librebird::cli {
namespace {

constexpr std::size_t kMostArchive = 32U << 20;

void print_line(const SkillInfo& skill) {
  std::string state = skill.enabled ? "enabled" : "disabled";
  if (skill.pinned) state += ", pinned";
  if (!skill.missing_settings.empty()) state += ", needs to be set up";
  if (skill.needs_connection) state += ", needs to be connected";
  if (!skill.error.empty()) state += ", broken";
  fmt::print("{:<24} {:<10} {:<12} {}\n", skill.name, skill.version, skill.runtime, state);
}

void print_whole(const SkillInfo& skill) {
  print_line(skill);
  fmt::print("  {}\n", skill.description);
  fmt::print("  origin       {}\n", skill.origin);
  fmt::print("  permissions  {}\n",
             skill.permissions.empty() ? "none" : fmt::format("{}", fmt::join(skill.permissions, ", ")));
  fmt::print("  tools        {}\n", skill.tools.empty() ? "none" : fmt::format("{}", fmt::join(skill.tools, ", ")));
  for (const SkillSettingInfo& info : skill.settings) {
    const std::string value = info.setting.type == SettingType::secret ? (info.set ? "(set, not shown)" : "(not set)")
                              : info.value_json.empty()                ? "(not set)"
                                                                       : info.value_json;
    fmt::print("  setting      {} = {}{}  {}\n", info.setting.name, value, info.setting.required ? " (required)" : "",
               info.setting.description);
  }
  for (const SkillVersion& version : skill.versions) {
    fmt::print("  version      {} {}  {}  {}{}\n", version.hash.substr(0, 12), version.version,
               to_rfc3339(version.installed_at), version.origin, version.hash == skill.hash ? "  (current)" : "");
  }
  if (!skill.error.empty()) fmt::print("  error        {}\n", skill.error);
}

int show(const Result<SkillInfo>& skill, bool json) {
  if (!skill) return fail(skill.error());
  if (json) {
    JsonWriter out;
    manifest::write(out, *skill);
    fmt::print("{}\n", out.text());
  } else {
    print_whole(*skill);
  }
  return 0;
}

// A folder, an archive or a git address, as it was typed.
Result<SkillSource> read_source(const SkillCommand& command) {
  SkillSource source;
  source.git_ref = command.ref;
  source.inner_path = command.path;
  source.granted = command.allow;
  source.operator_asks = true;
  if (command.source.empty()) return source;
  std::error_code failure;
  const std::filesystem::path path = std::filesystem::absolute(command.source, failure).lexically_normal();
  const bool repository = std::filesystem::exists(path / "HEAD") && std::filesystem::is_directory(path / "objects");
  if (!command.ref.empty() || repository || command.source.find("://") != std::string::npos) {
    source.git_url = command.source.find("://") != std::string::npos ? command.source : path.string();
  } else if (std::filesystem::is_directory(path, failure)) {
    source.folder = path.string();
    while (source.folder.ends_with('/')) source.folder.pop_back();
  } else if (std::filesystem::is_regular_file(path, failure)) {
    if (std::filesystem::file_size(path) > kMostArchive) {
      return make_error(Code::too_large, fmt::format("The archive is larger than {} MiB.", kMostArchive >> 20));
    }
    std::ifstream in(path, std::ios::binary);
    source.archive.assign(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
    source.archive_name = path.filename().string();
    if (source.archive.empty()) return make_error(Code::invalid_argument, fmt::format("{} is empty.", path.string()));
  } else {
    return make_error(Code::not_found,
                      fmt::format("{} is no folder, no archive and no git address that can be read.", command.source));
  }
  return source;
}

// A secret's value comes on standard input: arguments are seen by everybody on the machine.
Result<std::string> read_value(const SkillSettingInfo& info, const SkillCommand& command) {
  if (info.setting.type != SettingType::secret) {
    if (!command.value)
      return make_error(Code::invalid_argument, "Give the value: librebird skill set SKILL SETTING VALUE.");
    return manifest::setting_from_text(info.setting, *command.value);
  }
  if (command.value) {
    return make_error(Code::invalid_argument,
                      fmt::format("{} is a secret: give its value on standard input, not as an argument that others on "
                                  "this machine can see.",
                                  info.setting.name));
  }
  if (::isatty(STDIN_FILENO) == 1) fmt::print(stderr, "{}: ", info.setting.name);
  std::string line;
  std::getline(std::cin, line);
  if (line.ends_with('\r')) line.pop_back();
  return manifest::setting_from_text(info.setting, line);
}

Task<Result<SkillInfo>> set_value(SkillService& skills, Principal owner, SkillCommand command, bool unset) {
  if (unset) co_return co_await skills.set_skill_setting(owner, command.name, command.setting, std::nullopt);
  LB_CO_TRY(skill, co_await skills.get_skill(owner, command.name));
  const auto info = std::ranges::find(skill.settings, command.setting,
                                      [](const SkillSettingInfo& item) { return item.setting.name; });
  if (info == skill.settings.end()) {
    co_return make_error(Code::not_found,
                         fmt::format("The skill {} has no setting named {}.", command.name, command.setting));
  }
  LB_CO_TRY(value, read_value(*info, command));
  co_return co_await skills.set_skill_setting(owner, command.name, command.setting, std::move(value));
}

Task<int> list(SkillService& skills, Principal owner, bool json) {
  const auto all = co_await skills.list_skills(std::move(owner));
  if (!all) co_return fail(all.error());
  if (!json) {
    for (const SkillInfo& skill : *all) print_line(skill);
    co_return 0;
  }
  JsonWriter out;
  out.begin_array();
  for (const SkillInfo& skill : *all) manifest::write(out, skill);
  out.end_array();
  fmt::print("{}\n", out.text());
  co_return 0;
}

// The person goes to the address with a browser; the page they come back to finishes it.
Task<int> connect(SkillService& skills, Principal owner, SkillCommand command) {
  auto url = co_await skills.connect_skill(std::move(owner), command.name, command.public_url + "/connect", {});
  if (!url) co_return fail(url.error());
  if (command.json) {
    JsonWriter out;
    out.begin_object().field("authorization_url", *url).end_object();
    fmt::print("{}\n", out.text());
  } else {
    fmt::print("Open this address in a browser that is signed in at {} as the owner, within ten minutes:\n{}\n",
               command.public_url, *url);
  }
  co_return 0;
}

}  // namespace

Task<int> run_skill(Operator op, HandsService& hands, SkillCommand command) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  SkillService* skills = hands.skills();
  if (skills == nullptr) co_return fail(make_error(Code::failed_precondition, "This process keeps no skills."));
  using Verb = SkillCommand::Verb;
  const bool json = command.json;
  switch (command.verb) {
    case Verb::list: co_return co_await list(*skills, *owner, json);
    case Verb::show: co_return show(co_await skills->get_skill(*owner, command.name), json);
    case Verb::install:
    case Verb::update: {
      auto source = read_source(command);
      if (!source) co_return fail(source.error());
      const bool fresh = command.verb == Verb::install;
      auto done = fresh ? co_await skills->install_skill(*owner, std::move(*source), {})
                        : co_await skills->update_skill(*owner, command.name, std::move(*source), {});
      co_return show(done, json);
    }
    case Verb::pin: co_return show(co_await skills->change_skill(*owner, command.name, std::nullopt, true), json);
    case Verb::unpin: co_return show(co_await skills->change_skill(*owner, command.name, std::nullopt, false), json);
    case Verb::enable: co_return show(co_await skills->change_skill(*owner, command.name, true, std::nullopt), json);
    case Verb::disable: co_return show(co_await skills->change_skill(*owner, command.name, false, std::nullopt), json);
    case Verb::rollback: co_return show(co_await skills->rollback_skill(*owner, command.name, command.hash), json);
    case Verb::set: co_return show(co_await set_value(*skills, *owner, command, false), json);
    case Verb::unset: co_return show(co_await set_value(*skills, *owner, command, true), json);
    case Verb::remove: {
      const Status removed = co_await skills->remove_skill(*owner, command.name);
      co_return removed ? 0 : fail(removed.error());
    }
    case Verb::connect: co_return co_await connect(*skills, *owner, std::move(command));
    case Verb::disconnect: {
      const Status ended = co_await skills->disconnect_skill(*owner, command.name);
      co_return ended ? 0 : fail(ended.error());
    }
  }
  co_return 1;
}

}  // namespace librebird::cli
