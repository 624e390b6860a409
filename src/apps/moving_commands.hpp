#pragma once

// `librebird import-legacy ...`.

#include "commands.hpp"

namespace librebird::apps {

struct MovingArguments {
  Arguments base;
  cli::LegacyCommand legacy;
};

void add_moving(CLI::App& app, MovingArguments& in, int& code);

}  // namespace librebird::apps
