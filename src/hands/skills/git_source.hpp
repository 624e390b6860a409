#pragma once

// A git repository's files, fetched by the system's git inside the sandbox. Private. Loop only.

#include <string>

#include "contained_build.hpp"

namespace librebird::hands {

struct GitSource {
  std::string url;   // https://host/path; with `local` also an absolute path
  std::string ref;   // empty: the default branch
  bool local = false;
};

// The url as it is kept and used. invalid_argument: not of the forms above, or with a password in it.
Result<GitSource> check_git(std::string url, std::string ref, bool local_allowed);
// Into the existing empty folder `target`, below "repository". The commit's id.
Task<Result<std::string>> fetch_git(ContainedBuild& build, GitSource source, std::string target, std::stop_token stop);

}  // namespace librebird::hands
