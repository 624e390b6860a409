#pragma once

// What a plug-in's own test says about where the attack suite finds it. The suite is linked into one test executable a
// plug-in, which defines surroundings().

#include <librebird/base/config.hpp>

#include <string>
#include <utility>
#include <vector>

namespace librebird::sandbox_testkit {

struct Surroundings {
  std::string sandbox;  // the plug-in's name
  std::vector<std::pair<std::string, ConfigValue>> settings;
  std::string tool_directory;
  // The root is an image's, in which an engine puts an /etc, a /proc and a /sys of its own.
  bool image_root = false;
};

// Called once, before the first attack.
Surroundings surroundings();

}  // namespace librebird::sandbox_testkit
