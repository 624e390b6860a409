#include <librebird/skills/catalog.hpp>

#include "manifests.hpp"

#include <librebird/core/manifest/manifest.hpp>

#include <algorithm>
#include <set>

namespace librebird::skills {

Result<SkillManifest> parse_manifest(std::string_view skill_json) {
  manifest::ManifestOptions options;
  options.official = true;
  LB_TRY(parsed, manifest::parse_manifest(skill_json, options));
  if (parsed.tools.empty()) {
    return make_error(Code::invalid_argument, "skill.json of " + parsed.name + ": \"tools\" must name at least one.");
  }
  return parsed;
}

Result<std::vector<SkillManifest>> official_skills() {
  std::vector<SkillManifest> skills;
  std::set<std::string> names;
  for (const std::string_view text : embedded_manifests()) {
    LB_TRY(manifest, parse_manifest(text));
    for (const ToolSpec& tool : manifest.tools) {
      if (!names.insert(tool.name).second)
        return make_error(Code::invalid_argument,
                          "skill.json of " + manifest.name + ": the tool " + tool.name + " is there twice.");
    }
    skills.push_back(std::move(manifest));
  }
  std::ranges::sort(skills, {}, &SkillManifest::name);
  return skills;
}

}  // namespace librebird::skills
