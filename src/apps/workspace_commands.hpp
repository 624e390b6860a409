#pragma once

#include "platform.hpp"

namespace CLI {
class App;
}

namespace librebird::apps {

struct WorkspaceArguments {
  Flags flags;
  cli::WorkspaceCommand command;
};

// `workspace …`, `member …` and `invite …`. `in` and `code` outlive the parsing.
void add_workspace_commands(CLI::App& app, WorkspaceArguments& in, int& code);

}  // namespace librebird::apps
