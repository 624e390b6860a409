#pragma once

// What the official skills offer, read from the skill.json files embedded in the program. Pure; any thread.
// Errors: invalid_argument (which skill, which key, what is expected).

#include <librebird/base/result.hpp>
#include <librebird/core/model/tool.hpp>

#include <string_view>
#include <vector>

namespace librebird::skills {

Result<SkillManifest> parse_manifest(std::string_view skill_json);

// Sorted by name; tool names are unique.
Result<std::vector<SkillManifest>> official_skills();

}  // namespace librebird::skills
