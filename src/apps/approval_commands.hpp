#pragma once

#include <string>

#include "platform.hpp"

namespace CLI {
class App;
}

namespace librebird::apps {

struct ApprovalArguments {
  Flags flags;
  std::string id;
  std::string word;  // the decision, or the mode
  bool all = false;
  bool json = false;
};

// `approval …` and `tool-policy …`. `in` and `code` outlive the parsing.
void add_approval_commands(CLI::App& app, ApprovalArguments& in, int& code);

}  // namespace librebird::apps
