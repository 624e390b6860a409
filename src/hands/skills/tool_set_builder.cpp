#include "tool_set_builder.hpp"

#include <librebird/base/json_writer.hpp>
#include <librebird/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>

#include "package.hpp"

namespace librebird::hands {
namespace {

const SkillSettingValue* value_of(const SkillShelf& shelf, const std::string& skill, const std::string& name) {
  const auto found = std::ranges::find_if(
      shelf.settings, [&](const SkillSettingValue& value) { return value.skill == skill && value.name == name; });
  return found == shelf.settings.end() ? nullptr : &*found;
}

void read_settings(KnownSkill& skill, const SkillShelf& shelf, const KnownSecrets& secrets) {
  for (const SkillSetting& setting : skill.manifest->settings) {
    SkillSettingInfo info{setting, false, setting.default_json};
    if (setting.type == SettingType::secret) {
      info.set = secrets.contains(skill.row.name + "/" + setting.name);
    } else if (const SkillSettingValue* value = value_of(shelf, skill.row.name, setting.name)) {
      info.set = true;
      info.value_json = value->value_json;
    }
    if (setting.required && !info.set && setting.default_json.empty()) skill.missing_settings.push_back(setting.name);
    skill.settings.push_back(std::move(info));
  }
}

std::string settings_json(const KnownSkill& skill) {
  JsonWriter json;
  json.begin_object();
  for (const SkillSettingInfo& info : skill.settings) {
    if (!info.value_json.empty()) json.raw_field(info.setting.name, info.value_json);
  }
  json.end_object();
  return std::move(json).take();
}

std::string set_up_of(const KnownSkill& skill) {
  if (skill.missing_settings.empty()) return {};
  std::string names;
  for (const std::string& name : skill.missing_settings) {
    const auto info = std::ranges::find(skill.settings, name, [](const auto& item) { return item.setting.name; });
    names += (names.empty() ? "" : ", ") + name;
    if (!info->setting.description.empty()) names += " (" + info->setting.description.substr(0, 200) + ")";
  }
  return fmt::format(
      "The skill {} needs to be set up first: an admin must set {}, with `librebird skill set {} {}` or "
      "PUT /api/v1/skills/{}/settings/{}.",
      skill.manifest->display_name, names, skill.row.name, skill.missing_settings[0], skill.row.name,
      skill.missing_settings[0]);
}

}  // namespace

Result<std::vector<std::shared_ptr<const ArgumentChecker>>> checkers_of(const SkillManifest& manifest) {
  std::vector<std::shared_ptr<const ArgumentChecker>> checkers;
  for (const ToolSpec& tool : manifest.tools) {
    auto checker = ArgumentChecker::create(tool.parameters_json);
    if (!checker) {
      return make_error(Code::invalid_argument, fmt::format("The tool {} of the skill {}: {}", tool.name, manifest.name,
                                                            checker.error().message));
    }
    checkers.push_back(std::make_shared<const ArgumentChecker>(std::move(checker).value()));
  }
  return checkers;
}

ToolSetBuilder::ToolSetBuilder(std::vector<SkillManifest> official, Folder folder) : folder_(std::move(folder)) {
  for (SkillManifest& manifest : official) {
    auto checkers = checkers_of(manifest);
    if (!checkers) {
      log::error("a skill is left out", {{"skill", manifest.name}, {"cause", checkers.error().message}});
      continue;
    }
    official_.push_back({std::make_shared<const SkillManifest>(std::move(manifest)), std::move(checkers).value()});
  }
}

bool ToolSetBuilder::is_official(std::string_view name) const {
  return std::ranges::any_of(official_, [&](const Official& skill) { return skill.manifest->name == name; });
}

std::shared_ptr<const ToolSet> ToolSetBuilder::build(const std::string& workspace, const SkillShelf& shelf,
                                                     const KnownSecrets& secrets) const {
  auto set = std::make_shared<ToolSet>();
  add_official(*set, workspace, shelf, secrets);
  // The older skill keeps a name that two want.
  std::vector<const InstalledSkill*> rows;
  for (const InstalledSkill& row : shelf.skills) {
    if (row.origin != kOfficialOrigin) rows.push_back(&row);
  }
  std::ranges::sort(rows, {}, [](const InstalledSkill* row) { return std::pair(row->created_at, row->name); });
  for (const InstalledSkill* row : rows) add_installed(*set, workspace, *row, shelf, secrets);
  add_reader(*set);
  return set;
}

void ToolSetBuilder::add_official(ToolSet& set, const std::string& /*workspace*/, const SkillShelf& shelf,
                                  const KnownSecrets& secrets) const {
  for (const Official& official : official_) {
    KnownSkill skill;
    skill.official = true;
    skill.manifest = official.manifest;
    skill.row.name = official.manifest->name;
    skill.row.origin = kOfficialOrigin;
    for (const InstalledSkill& row : shelf.skills) {
      if (row.name == skill.row.name && row.origin == kOfficialOrigin) skill.row = row;
    }
    read_settings(skill, shelf, secrets);
    add_tools(set, skill, official.checkers);
    set.skills_.emplace(skill.row.name, std::move(skill));
  }
}

void ToolSetBuilder::add_installed(ToolSet& set, const std::string& workspace, const InstalledSkill& row,
                                   const SkillShelf& shelf, const KnownSecrets& secrets) const {
  KnownSkill skill;
  skill.row = row;
  const auto current = std::ranges::find(row.versions, row.current, &SkillVersion::hash);
  if (set.skills_.contains(row.name)) return;  // the program brought a skill of this name after it was installed
  if (current == row.versions.end()) {
    skill.error = "Its version is missing; install it again.";
  } else {
    auto manifest = parse_stored(current->kind, current->manifest, current->tools_json, row.granted, row.name);
    auto checkers = manifest ? checkers_of(*manifest) : manifest.error();
    if (!checkers) {
      skill.error = checkers.error().message;
    } else {
      const std::string folder = folder_(workspace, row.name, row.current);
      manifest->directory = folder + "/skill";
      manifest->env_directory = folder + "/env";
      skill.manifest = std::make_shared<const SkillManifest>(std::move(manifest).value());
      read_settings(skill, shelf, secrets);
      add_tools(set, skill, *checkers);
    }
  }
  set.skills_.emplace(row.name, std::move(skill));
}

void ToolSetBuilder::add_tools(ToolSet& set, KnownSkill& skill,
                               const std::vector<std::shared_ptr<const ArgumentChecker>>& checkers) {
  if (!skill.row.enabled) return;
  for (const ToolSpec& tool : skill.manifest->tools) {
    const auto taken = set.tools_.find(tool.name);
    if (taken == set.tools_.end() && tool.name != kReadSkill) continue;
    skill.error = fmt::format("Its tool {} is offered by the skill {} too; disable one of the two.", tool.name,
                              taken == set.tools_.end() ? "Libre Bird" : taken->second.spec.skill);
    return;
  }
  const std::string settings = settings_json(skill);
  const std::string set_up = set_up_of(skill);
  for (std::size_t i = 0; i < skill.manifest->tools.size(); ++i) {
    InstalledTool tool{skill.manifest->tools[i], skill.manifest, checkers[i], settings, set_up};
    if (!set_up.empty()) tool.spec.description += " (Needs to be set up first.)";
    set.tools_.emplace(tool.spec.name, std::move(tool));
  }
}

void ToolSetBuilder::add_reader(ToolSet& set) {
  JsonWriter names;
  names.begin_array();
  std::string list;
  for (const auto& [name, skill] : set.skills_) {
    if (!skill.row.enabled || !skill.manifest || skill.manifest->runtime != kInstructionSkill) continue;
    names.value(name);
    list += fmt::format("\n- {}: {}", name, skill.manifest->description);
  }
  if (list.empty()) return;
  names.end_array();
  InstalledTool tool;
  tool.spec.name = kReadSkill;
  tool.spec.skill = kReadSkill;
  tool.spec.idempotent = true;
  tool.spec.description =
      "Read instructions that were written for tasks of a certain kind, before you begin such a task. Without `file`: "
      "the instructions and a list of further files. Skills:" +
      list;
  tool.spec.parameters_json =
      R"({"type":"object","properties":{"skill":{"type":"string","enum":)" + names.text() +
      R"(},"file":{"type":"string","description":"A further file of the skill, as listed"}},"required":["skill"]})";
  auto checker = ArgumentChecker::create(tool.spec.parameters_json);
  if (!checker) return;
  tool.arguments = std::make_shared<const ArgumentChecker>(std::move(checker).value());
  set.tools_.emplace(tool.spec.name, std::move(tool));
}

}  // namespace librebird::hands
