#pragma once

#include "commands.hpp"

namespace librebird::apps {

struct PersonArguments {
  Flags flags;
  std::string who;
  std::string file;
  bool yes = false;
};

// `user export` and `user erase`; after add_account_commands(). `in` and `code` outlive the parsing.
void add_person_commands(CLI::App& app, PersonArguments& in, int& code);

}  // namespace librebird::apps
