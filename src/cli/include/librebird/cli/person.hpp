#pragma once

// `librebird user export` and `librebird user erase`. Loop only; the files of a single person are handled in between.

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
// Without `yes` it only tells what would go.
Task<int> erase_user(Operator op, PersonStore& persons, PersonKeeper& keeper, std::string who, bool yes);

}  // namespace librebird::cli
