#pragma once

// A skill as JSON, the same wherever it is shown (docs/protocol.md, Skill). Never a secret's value. Pure; any thread.

#include <librebird/base/json_writer.hpp>
#include <librebird/core/model/skill.hpp>

namespace librebird::manifest {

void write(JsonWriter& json, const SkillInfo& skill);
// Never a token.
void write(JsonWriter& json, const SkillConnection& connection);

}  // namespace librebird::manifest
