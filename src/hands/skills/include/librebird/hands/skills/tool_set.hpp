#pragma once

// A snapshot of a workspace's skills and of the tools they offer. Immutable: whoever holds one sees what it was made
// of, however the skills change meanwhile. Values; any thread (the checkers: the loop).

#include <librebird/core/model/skill.hpp>
#include <librebird/core/model/tool.hpp>
#include <librebird/hands/arguments/arguments.hpp>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::hands {

// The built-in tool by which a model reads the SKILL.md of instruction skills.
inline constexpr std::string_view kReadSkill = "read_skill";

struct InstalledTool {
  ToolSpec spec;
  std::shared_ptr<const SkillManifest> skill;  // null: kReadSkill, which runs in this process
  std::shared_ptr<const ArgumentChecker> arguments;
  std::string settings_json = "{}";            // values and defaults of the skill's settings; no secrets
  std::string set_up;  // what is missing before it can be called, in a sentence; empty: nothing
};

// One skill of the workspace, whether its tools are offered or not.
struct KnownSkill {
  InstalledSkill row;  // of skills that come with the program and were never switched: made up
  bool official = false;
  std::shared_ptr<const SkillManifest> manifest;  // null: `error` says why
  std::string error;
  std::vector<SkillSettingInfo> settings;
  std::vector<std::string> missing_settings;
};

class ToolSet {
 public:
  // Null: no tool of this name.
  [[nodiscard]] const InstalledTool* find(std::string_view name) const {
    const auto found = tools_.find(name);
    return found == tools_.end() ? nullptr : &found->second;
  }
  [[nodiscard]] const std::map<std::string, InstalledTool, std::less<>>& tools() const { return tools_; }
  [[nodiscard]] const std::map<std::string, KnownSkill, std::less<>>& skills() const { return skills_; }

 private:
  friend class ToolSetBuilder;
  std::map<std::string, InstalledTool, std::less<>> tools_;
  std::map<std::string, KnownSkill, std::less<>> skills_;
};

}  // namespace librebird::hands
