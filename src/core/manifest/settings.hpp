#pragma once

#include <librebird/core/manifest/manifest.hpp>

#include "fields.hpp"

namespace librebird::manifest {

// `hosts`: where the skill may reach.
Result<std::vector<SkillSetting>> parse_settings(const boost::json::object& object,
                                                 const std::vector<std::string>& hosts);

}  // namespace librebird::manifest
