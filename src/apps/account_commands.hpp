#pragma once

#include <librebird/cli/commands.hpp>

#include "platform.hpp"

namespace CLI {
class App;
}

namespace librebird::apps {

struct AccountArguments {
  Flags flags;
  std::string who;
  std::string id;
  std::string email;
  std::string name;
  cli::ApiKeyRequest key;
  bool password = false;
  bool json = false;
};

// `user …`, `session …` and `api-key …`. `in` and `code` outlive the parsing.
void add_account_commands(CLI::App& app, AccountArguments& in, int& code);

}  // namespace librebird::apps
