#pragma once

#include "commands.hpp"

#include <librebird/core/ports/person_keeper.hpp>

namespace librebird::apps {

struct PersonArguments {
  Flags flags;
  std::string who;
  std::string file;
  std::string workspace;
  bool yes = false;
  bool dry_run = false;
  bool json = false;
};

// `sweep`: this process is the one server of the data folder.
std::unique_ptr<PersonKeeper> make_person_keeper(Platform& platform, bool sweep);

// `user export`, `user import` and `user erase`; after add_account_commands(). `in` and `code` outlive the parsing.
void add_person_commands(CLI::App& app, PersonArguments& in, int& code);

}  // namespace librebird::apps
