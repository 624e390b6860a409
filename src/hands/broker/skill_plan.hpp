#pragma once

// What a skill's manifest and settings change in the plan of its program. Pure.

#include <librebird/core/model/tool.hpp>
#include <librebird/core/ports/sandbox.hpp>

#include <string_view>

namespace librebird::hands {

// Its limits instead of the defaults; with the permission env_vars its settings (an object; no secrets) as environment
// names. Call it last: names that are there already stay, and so do those that steer the loader or the network.
void apply_skill(const SkillManifest& skill, std::string_view settings_json, SandboxSpec& spec);

}  // namespace librebird::hands
