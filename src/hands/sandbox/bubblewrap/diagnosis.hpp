#pragma once

// Why this machine cannot contain tools, and what to do about it: from facts that were gathered before. Pure, so that
// every known kind of machine is a test.

#include <string>
#include <string_view>
#include <vector>

namespace librebird::bubblewrap {

// What the system says about itself. Empty: it does not say.
struct Facts {
  std::string unprivileged_userns_clone;       // /proc/sys/kernel/unprivileged_userns_clone
  std::string max_user_namespaces;             // /proc/sys/user/max_user_namespaces
  std::string apparmor_restricts_userns;       // /proc/sys/kernel/apparmor_restrict_unprivileged_userns
  std::string apparmor_profile;                // /proc/self/attr/current
  std::string kernel;                          // /proc/sys/kernel/osrelease
  std::string container;                       // what kind, if we are in one
  std::string wsl_interop;                     // set if this is the Windows subsystem
  bool root = false;
  bool filtered = false;                       // somebody's system-call filter lies on us
  bool masked_proc = false;                    // parts of /proc are covered: a fresh one cannot be mounted
  bool group_pids = false, group_memory = false;  // control groups we may use
};

Facts gather_facts();

// The cause of bubblewrap's failure and the remedy, in sentences. `said`: its error output. Empty if nothing is known.
std::string diagnose(const Facts& facts, std::string_view said);

// What works and could be better; for the log and the doctor.
std::vector<std::string> remarks(const Facts& facts);

}  // namespace librebird::bubblewrap
