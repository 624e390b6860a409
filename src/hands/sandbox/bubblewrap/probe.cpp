#include "bubblewrap_sandbox.hpp"
#include "diagnosis.hpp"

#include <fmt/format.h>

#include <string>

namespace librebird::bubblewrap {

Error not_installed() {
  return make_error(Code::failed_precondition,
                    "bubblewrap is not installed, so tools will not run. Install it: apt-get install bubblewrap "
                    "(Debian, Ubuntu), dnf install bubblewrap (Fedora), pacman -S bubblewrap (Arch).");
}

Error explain_failure(std::string_view said) {
  while (said.ends_with('\n')) said.remove_suffix(1);
  if (said.size() > 300) said = said.substr(0, 300);
  std::string cause = diagnose(gather_facts(), said);
  if (cause.empty()) cause = "The sandbox could not be set up, so the tool did not run.";
  return make_error(Code::failed_precondition,
                    fmt::format("{} (bubblewrap said: {})", cause, said.empty() ? "nothing" : said));
}

Task<Status> BubblewrapSandbox::probe() {
  // A program that cannot exist in the empty root: reaching "no such file" means that all containment was set up. Both
  // forms: the one for many processes also needs a /proc of its own.
  for (const int processes : {1, 2}) {
    SandboxSpec spec;
    spec.argv = {"/probe"};
    spec.limits.processes = processes;
    spec.limits.wall_time = Millis(10'000);
    LB_CO_TRY(process, co_await start(std::move(spec), {}));
    process->close_input();
    auto run = co_await process->wait({}, {});
    if (run.ok() || run.error().message.find("execvp /probe: No such file") != std::string::npos) continue;
    co_return std::move(run).error();
  }
  co_return Ok{};
}

std::vector<std::string> BubblewrapSandbox::remarks() { return bubblewrap::remarks(gather_facts()); }

}  // namespace librebird::bubblewrap
