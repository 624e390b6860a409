#pragma once

// `librebird import-legacy ...` and `librebird migrate ...`.

#include "commands.hpp"

namespace librebird::apps {

struct MovingArguments {
  Arguments base;
  cli::LegacyCommand legacy;
  std::string target;  // of migrate
};

void add_moving(CLI::App& app, MovingArguments& in, int& code);

}  // namespace librebird::apps
