#pragma once

// Makes ToolSets. Keeps the checkers of the program's own tools, which never change. Private. Loop only.

#include <librebird/hands/skills/tool_set.hpp>

#include <functional>
#include <set>

namespace librebird::hands {

// Secrets that are set: "skill/setting".
using KnownSecrets = std::set<std::string, std::less<>>;

class ToolSetBuilder {
 public:
  // `folder`: of a version on disk, by skill name and hash.
  using Folder =
      std::function<std::string(const std::string& workspace, const std::string& name, const std::string& hash)>;
  ToolSetBuilder(std::vector<SkillManifest> official, Folder folder);

  [[nodiscard]] std::shared_ptr<const ToolSet> build(const std::string& workspace, const SkillShelf& shelf,
                                                     const KnownSecrets& secrets) const;
  [[nodiscard]] bool is_official(std::string_view name) const;

 private:
  void add_official(ToolSet& set, const std::string& workspace, const SkillShelf& shelf,
                    const KnownSecrets& secrets) const;
  void add_installed(ToolSet& set, const std::string& workspace, const InstalledSkill& row, const SkillShelf& shelf,
                     const KnownSecrets& secrets) const;
  static void add_tools(ToolSet& set, KnownSkill& skill,
                        const std::vector<std::shared_ptr<const ArgumentChecker>>& checkers);
  static void add_reader(ToolSet& set);

  struct Official {
    std::shared_ptr<const SkillManifest> manifest;
    std::vector<std::shared_ptr<const ArgumentChecker>> checkers;
  };
  std::vector<Official> official_;
  Folder folder_;
};

// What the checkers need; an error names the tool.
Result<std::vector<std::shared_ptr<const ArgumentChecker>>> checkers_of(const SkillManifest& manifest);

}  // namespace librebird::hands
