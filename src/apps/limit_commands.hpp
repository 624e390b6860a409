#pragma once

#include "commands.hpp"

#include <librebird/cli/limits.hpp>
#include <librebird/cli/retention.hpp>

namespace librebird::apps {

struct LimitArguments {
  Flags flags;
  cli::LimitsCommand command;
  cli::RetentionCommand retention;
};

// `user limits`, `workspace limits` and `workspace retention`; after the commands `user` and `workspace` were declared.
// `in` and `code` outlive the parsing.
void add_limit_commands(CLI::App& app, LimitArguments& in, int& code);

}  // namespace librebird::apps
