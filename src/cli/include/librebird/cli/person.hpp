#pragma once

// `librebird user export`, `user import` and `user erase`. Loop only; the files of a single person are handled in
// between.

#include <librebird/cli/commands.hpp>
#include <librebird/core/ports/person_keeper.hpp>

#include <string>

namespace librebird::cli {

struct PersonParts {
  PersonStore& persons;
  std::string data_dir;
  std::string program;  // version
};

Task<int> export_user(Operator op, PersonParts parts, std::string who, std::string file);
// An archive that export_user() wrote becomes rows of the person's, in the workspace named or, empty, in his own.
struct ImportCommand {
  std::string who;
  std::string file;
  std::string workspace;
  bool dry_run = false;
  bool json = false;
};
Task<int> import_user(Operator op, PersonKeeper& keeper, ImportCommand command);
// Without `yes` it only tells what would go.
Task<int> erase_user(Operator op, PersonStore& persons, PersonKeeper& keeper, std::string who, bool yes);

}  // namespace librebird::cli
