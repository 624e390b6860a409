#pragma once

#include <librebird/cli/commands.hpp>

#include "platform.hpp"

namespace CLI {
class App;
}

namespace librebird::apps {

struct SkillArguments {
  Flags flags;
  cli::SkillCommand command;
};

// `in` and `code` outlive the parsing.
void add_skill_commands(CLI::App& app, SkillArguments& in, int& code);

}  // namespace librebird::apps
