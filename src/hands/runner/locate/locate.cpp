#include <librebird/hands/runner/locate.hpp>

#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>

namespace librebird::hands::runner {

std::string find_runner(const std::string& configured, const std::string& tool_directory) {
  const std::array<std::string, 3> candidates = {configured, tool_directory + "/librebird-tool",
                                                 tool_directory + "/../libexec/librebird-tool"};
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || access(candidate.c_str(), X_OK) != 0) continue;
    std::array<char, PATH_MAX> real{};
    if (realpath(candidate.c_str(), real.data()) != nullptr) return real.data();
  }
  return {};
}

}  // namespace librebird::hands::runner
