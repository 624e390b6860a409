#pragma once

// The texts of all skill.json files, embedded when the program was built.

#include <span>
#include <string_view>

namespace librebird::skills {

std::span<const std::string_view> embedded_manifests();

}  // namespace librebird::skills
