#pragma once

// What some packages of the old desktop app need and their manifests, which had no words for it, never say: a process
// that stays between calls, and keys that they read from the environment. Pure; any thread.

#include <librebird/core/model/tool.hpp>

namespace librebird::manifest {

// For a legacy manifest only. Adds no permission: a key can only travel to the hosts the operator has granted.
void complete_legacy(SkillManifest& manifest);

}  // namespace librebird::manifest
