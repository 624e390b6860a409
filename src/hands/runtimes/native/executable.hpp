#pragma once

// What kind of program an installed skill brings. Reads the file's head only; any thread.

#include <librebird/base/result.hpp>

#include <string>

namespace librebird::plugins::native {

enum class Executable {
  fixed,    // static ELF: needs nothing beside itself
  dynamic,  // ELF with a loader: needs the system's libraries
  script,   // "#!": needs an interpreter of the system
};

// `name` is the file as the manifest writes it, in `folder`. Errors: invalid_argument (outside the folder, no plain
// file, no program), failed_precondition (for another kind of machine).
Result<Executable> inspect_executable(const std::string& folder, const std::string& name);

}  // namespace librebird::plugins::native
