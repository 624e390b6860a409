#include <librebird/cli/commands.hpp>

#include <fmt/format.h>

namespace librebird::cli {

int report_checks(const std::vector<Check>& checks) {
  int failed = 0;
  for (const Check& check : checks) {
    if (check.status) {
      fmt::print("ok    {}{}{}\n", check.name, check.note.empty() ? "" : ": ", check.note);
    } else {
      ++failed;
      fmt::print("FAIL  {}: {}\n", check.name, check.status.error().message);
    }
  }
  fmt::print("{}\n", failed == 0 ? "All is well." : fmt::format("{} of {} checks failed.", failed, checks.size()));
  return failed == 0 ? 0 : 1;
}

}  // namespace librebird::cli
