#pragma once

// What every plug-in says about itself. Config docs, `librebird config` and settings forms are made from it.

#include <librebird/base/config.hpp>

#include <string>
#include <vector>

namespace librebird {

struct PluginManifest {
  std::string name;          // its folder's name
  std::string description;   // one sentence
  std::vector<ConfigKey> config;
  std::string connect;       // what to type to put it to use; shown to somebody who has nothing connected yet
};

}  // namespace librebird
