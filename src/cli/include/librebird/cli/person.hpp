#pragma once

// `librebird user export` and `librebird user erase`. Loop only; the files of a single person are handled in between.

#include <librebird/cli/commands.hpp>
#include <librebird/core/ports/person_store.hpp>

#include <functional>
#include <string>

namespace librebird::cli {

struct PersonParts {
  PersonStore& persons;
  std::string data_dir;
  std::string program;               // version
  std::function<Status()> scrub;     // after rows were erased: their bytes as well
};

Task<int> export_user(Operator op, PersonParts parts, std::string who, std::string file);
// Without `yes` it only tells what would go.
Task<int> erase_user(Operator op, PersonParts parts, std::string who, bool yes);

}  // namespace librebird::cli
