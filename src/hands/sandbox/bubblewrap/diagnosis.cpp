#include "diagnosis.hpp"

#include "control_group.hpp"

#include <fmt/format.h>

#include <unistd.h>

#include <cstdlib>
#include <fstream>

namespace librebird::bubblewrap {
namespace {

std::string first_line(const char* path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line, '\n');
  while (!line.empty() && (line.back() == '\0' || line.back() == '\n')) line.pop_back();
  return line;
}

bool has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// Images are layers: an engine's root file system is an overlay.
bool has_layered_root() {
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    if (has(line, " / / ") && has(line, " - overlay ")) return true;
  }
  return false;
}

std::string container_kind() {
  if (const char* named = std::getenv("container"); named != nullptr && *named != '\0') return named;
  if (access("/var/run/secrets/kubernetes.io", F_OK) == 0) return "kubernetes";
  if (std::string told = first_line("/run/systemd/container"); !told.empty()) return told;
  if (access("/run/.containerenv", F_OK) == 0 || has_layered_root()) return "of an engine";
  return {};
}

bool is_filtered() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("Seccomp:")) return line.ends_with('2');
  }
  return false;
}

// Container engines cover parts of /proc; the kernel then refuses a new one to those who are not root outside.
bool is_proc_masked() {
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    if (has(line, " /proc/kcore ") || has(line, " /proc/sys ") || has(line, " /proc/sysrq-trigger ")) return true;
  }
  return false;
}

constexpr std::string_view kKeep = " and put the same setting into a file in /etc/sysctl.d to keep it.";

std::string container_remedy(const Facts& facts) {
  if (facts.container == "kubernetes" || std::getenv("KUBERNETES_SERVICE_HOST") != nullptr) {
    return "Give the pod's container securityContext: seccompProfile: {type: Unconfined}, appArmorProfile: {type: "
           "Unconfined}, procMount: Unmasked, and hostUsers: false in the pod; or set hands.sandbox to another one.";
  }
  return "Start the container with: --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
         "--security-opt systempaths=unconfined (in a compose file: security_opt with the same three), or run Libre "
         "Bird "
         "outside a container.";
}

}  // namespace

Facts gather_facts() {
  Facts facts;
  facts.unprivileged_userns_clone = first_line("/proc/sys/kernel/unprivileged_userns_clone");
  facts.max_user_namespaces = first_line("/proc/sys/user/max_user_namespaces");
  facts.apparmor_restricts_userns = first_line("/proc/sys/kernel/apparmor_restrict_unprivileged_userns");
  facts.apparmor_profile = first_line("/proc/self/attr/current");
  facts.kernel = first_line("/proc/sys/kernel/osrelease");
  facts.container = container_kind();
  if (const char* interop = std::getenv("WSL_INTEROP")) facts.wsl_interop = interop;
  facts.root = getuid() == 0;
  facts.filtered = is_filtered();
  facts.masked_proc = is_proc_masked();
  const ControlGroups groups = ControlGroups::find();
  facts.group_pids = !groups.pids.empty();
  facts.group_memory = !groups.memory.empty();
  return facts;
}

std::string diagnose(const Facts& facts, std::string_view said) {
  if (has(said, "librebird-tool") && has(said, "cannot be run")) {
    return "bubblewrap cannot be run. Install it again: apt-get install --reinstall bubblewrap.";
  }
  const bool wsl = has(facts.kernel, "icrosoft") || !facts.wsl_interop.empty();
  const bool namespaces = has(said, "amespace") || has(said, "Operation not permitted") ||
                          has(said, "Permission denied") || has(said, "uid map") || has(said, "No space left") ||
                          has(said, "Invalid argument") || has(said, "Function not implemented");
  if (!namespaces) return {};
  if (wsl && !has(facts.kernel, "WSL2") && has(facts.kernel, "Microsoft")) {
    return "This is the first version of the Windows subsystem for Linux, which has no namespaces. In Windows run: wsl "
           "--set-version DISTRIBUTION 2, and start Libre Bird there.";
  }
  if (facts.unprivileged_userns_clone == "0" && !facts.root) {
    return fmt::format(
        "User namespaces are switched off (kernel.unprivileged_userns_clone=0). Run as root: sysctl -w "
        "kernel.unprivileged_userns_clone=1,{}",
        kKeep);
  }
  if (facts.max_user_namespaces == "0") {
    return fmt::format(
        "User namespaces are switched off (user.max_user_namespaces=0). Run as root: sysctl -w "
        "user.max_user_namespaces=15000,{}",
        kKeep);
  }
  if (facts.apparmor_restricts_userns == "1" && !facts.root && facts.container.empty()) {
    return "AppArmor forbids user namespaces to programs without a profile (as on Ubuntu 24.04). Give bubblewrap one; "
           "run as root: printf 'abi <abi/4.0>,\\ninclude <tunables/global>\\nprofile bwrap /usr/bin/bwrap "
           "flags=(unconfined) {\\n  userns,\\n}\\n' > /etc/apparmor.d/bwrap && apparmor_parser -r "
           "/etc/apparmor.d/bwrap.";
  }
  if (has(said, "No space left")) {
    return fmt::format(
        "All user namespaces are taken (user.max_user_namespaces={}). Run as root: sysctl -w "
        "user.max_user_namespaces=15000,{}",
        facts.max_user_namespaces, kKeep);
  }
  if (!facts.container.empty()) {
    std::string cause =
        fmt::format("Libre Bird runs in a container ({}) that does not allow it to make one. ", facts.container);
    if (facts.masked_proc && has(said, "proc"))
      cause = fmt::format("The container ({}) Libre Bird runs in covers parts of /proc, so no new one can be mounted. ",
                          facts.container);
    return cause + container_remedy(facts);
  }
  if (facts.filtered) {
    return "A system-call filter lies on Libre Bird and forbids user namespaces. With systemd, remove "
           "RestrictNamespaces=, SystemCallFilter= and PrivateUsers= from the unit; in a container, start it with "
           "--security-opt seccomp=unconfined.";
  }
  if (wsl) {
    return "The kernel of this Windows subsystem for Linux refuses namespaces. In Windows run: wsl --update, then wsl "
           "--shutdown, and start Libre Bird again.";
  }
  if (has(said, "Invalid argument") || has(said, "Function not implemented")) {
    return "The kernel was built without namespaces (CONFIG_USER_NS, CONFIG_PID_NS, CONFIG_NET_NS); install your "
           "distribution's usual kernel.";
  }
  return "This machine does not allow the namespaces that tools are contained in; allow unprivileged user namespaces "
         "to "
         "this user.";
}

std::vector<std::string> remarks(const Facts& facts) {
  std::vector<std::string> said;
  if (!facts.group_pids || !facts.group_memory) {
    said.push_back(fmt::format(
        "no control groups are delegated ({}{}{} missing), so tools are counted by Libre Bird itself; with systemd, "
        "add "
        "Delegate=yes and DelegateSubgroup=main to the unit{}",
        facts.group_pids ? "" : "pids", !facts.group_pids && !facts.group_memory ? ", " : "",
        facts.group_memory ? "" : "memory",
        facts.root ? "" : ", or start it with: systemd-run --user --scope -p Delegate=yes librebird serve"));
  }
  return said;
}

}  // namespace librebird::bubblewrap
