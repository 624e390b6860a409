#pragma once

#include <librebird/core/manifest/manifest.hpp>

#include "fields.hpp"

namespace librebird::manifest {

struct ToolRules {
  const SkillManifest& skill;
  const Granted& granted;
  bool official = false;
  bool described = false;         // the program's own words: further keys are its business
  bool has_permissions = true;    // the manifest has the key at all
};

// Appends to `tools`; names are unique over all of them.
Status parse_tools(const boost::json::array& items, const ToolRules& rules, std::vector<ToolSpec>& tools);

}  // namespace librebird::manifest
