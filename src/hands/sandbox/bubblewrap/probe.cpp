#include "bubblewrap_sandbox.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <fstream>
#include <string>

namespace librebird::bubblewrap {
namespace {

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Does somebody else's system-call filter lie on us? Ours is on tools only.
bool is_filtered() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Seccomp:")) return line.ends_with('2');
  }
  return false;
}

// What on this machine forbids user namespaces to a process like ours; empty if nothing is known.
std::string known_obstacle() {
  if (first_line("/proc/sys/kernel/unprivileged_userns_clone") == "0") {
    return "User namespaces are switched off (kernel.unprivileged_userns_clone=0). Run: sysctl -w "
           "kernel.unprivileged_userns_clone=1, and put the line into /etc/sysctl.d to keep it.";
  }
  if (first_line("/proc/sys/user/max_user_namespaces") == "0") {
    return "User namespaces are switched off (user.max_user_namespaces=0). Run: sysctl -w "
           "user.max_user_namespaces=15000, and put the line into /etc/sysctl.d to keep it.";
  }
  if (first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" && getuid() != 0) {
    return "AppArmor forbids user namespaces to programs without a profile (as on Ubuntu 24.04). Give bubblewrap one: "
           "write the lines \"abi <abi/4.0>, include <tunables/global> profile bwrap /usr/bin/bwrap flags=(unconfined) "
           "{ userns, }\" into /etc/apparmor.d/bwrap and run: apparmor_parser -r /etc/apparmor.d/bwrap.";
  }
  if (is_filtered()) {
    return "The container around Libre Bird filters system calls and forbids user namespaces. Start it with a seccomp "
           "profile that allows clone, unshare, mount and pivot_root (--security-opt seccomp=FILE --security-opt "
           "apparmor=unconfined --security-opt systempaths=unconfined), or run Libre Bird outside a container.";
  }
  return {};
}

}  // namespace

Error not_installed() {
  return make_error(Code::failed_precondition,
                    "bubblewrap is not installed, so tools will not run. Install it: apt-get install bubblewrap "
                    "(Debian, Ubuntu), dnf install bubblewrap (Fedora), pacman -S bubblewrap (Arch).");
}

Error explain_failure(std::string_view said) {
  while (said.ends_with('\n')) said.remove_suffix(1);
  if (said.size() > 300) said = said.substr(0, 300);
  const bool namespaces = said.find("amespace") != std::string_view::npos ||
                          said.find("Operation not permitted") != std::string_view::npos ||
                          said.find("Permission denied") != std::string_view::npos ||
                          said.find("uid map") != std::string_view::npos;
  std::string cause = namespaces ? known_obstacle() : std::string();
  if (cause.empty() && namespaces) {
    cause =
        "This machine, or the container around it, does not allow the namespaces that tools are contained in; "
        "allow unprivileged user namespaces to this user.";
  }
  if (cause.empty()) cause = "The sandbox could not be set up, so the tool did not run.";
  return make_error(Code::failed_precondition,
                    fmt::format("{} (bubblewrap said: {})", cause, said.empty() ? "nothing" : said));
}

Task<Status> BubblewrapSandbox::probe() {
  // A program that cannot exist in the empty root: reaching "no such file" means that all containment was set up.
  SandboxSpec spec;
  spec.argv = {"/probe"};
  spec.limits.processes = 1;
  spec.limits.wall_time = Millis(10'000);
  LB_CO_TRY(process, co_await start(std::move(spec), {}));
  process->close_input();
  auto run = co_await process->wait({}, {});
  if (run.ok()) co_return Ok{};
  if (run.error().message.find("execvp /probe: No such file") != std::string::npos) co_return Ok{};
  co_return std::move(run).error();
}

}  // namespace librebird::bubblewrap
