#pragma once

#include "commands.hpp"

#include <librebird/cli/limits.hpp>

namespace librebird::apps {

struct LimitArguments {
  Flags flags;
  cli::LimitsCommand command;
};

// `user limits` and `workspace limits`; after the commands `user` and `workspace` were declared. `in` and `code`
// outlive the parsing.
void add_limit_commands(CLI::App& app, LimitArguments& in, int& code);

}  // namespace librebird::apps
