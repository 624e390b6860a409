#pragma once

// A manifest's `command` as what is started inside the sandbox.

#include <librebird/base/result.hpp>
#include <librebird/core/model/tool.hpp>

#include <string>
#include <vector>

namespace librebird::plugins::mcp {

struct ServerCommand {
  std::string package;            // npm package whose own program is started; empty: argv is complete
  std::vector<std::string> argv;  // of a package: what follows its program
};

// Error: invalid_argument (empty, or an npx line that names no package).
Result<ServerCommand> read_command(const SkillManifest& skill);

// argv inside the sandbox; `node` is node's path there. Error: failed_precondition (the package is not installed, or
// has no program).
Result<std::vector<std::string>> server_argv(const ServerCommand& command, const std::string& env_directory,
                                             const std::string& node);

}  // namespace librebird::plugins::mcp
