#pragma once

// A skill's folder once its files are there: where it is among them, its manifest, and the hash of its content.
// Private. read_package blocks: any thread but the loop.

#include <librebird/core/model/tool.hpp>

#include <string>
#include <vector>

#include "tree_writer.hpp"

namespace librebird::hands {

struct Package {
  std::string inner_path;     // of the skill's folder below the unpacked root; empty: the root itself
  std::string kind;           // "skill.json" or "SKILL.md"
  std::string manifest_text;
  std::string hash;           // of names, execute bits and contents below inner_path
  std::vector<std::string> files;  // relative to it
  SkillManifest manifest;     // without the tools a program is yet to be asked for
};

// `inner_path` empty: the one skill there is, nearest to the root. invalid_argument: none, several, or its manifest is
// wrong. `folder_name` names a legacy skill that has no name of its own.
Result<Package> read_package(const std::string& root, const std::vector<TreeFile>& files, const std::string& inner_path,
                             const std::string& folder_name, const std::vector<std::string>& granted);

// The manifest of a stored version.
Result<SkillManifest> parse_stored(const std::string& kind, const std::string& text, const std::string& tools_json,
                                   const std::vector<std::string>& granted, const std::string& name);

}  // namespace librebird::hands
