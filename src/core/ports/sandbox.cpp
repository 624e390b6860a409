#include <librebird/core/ports/sandbox.hpp>

#include <algorithm>

namespace librebird {
namespace {

bool has_nul(const std::string& text) { return text.find('\0') != std::string::npos; }

// No "..": what is mounted or run must be where it says.
bool is_plain_path(const std::string& path) {
  return path.size() >= 2 && path[0] == '/' && !has_nul(path) && path.find("/../") == std::string::npos &&
         !path.ends_with("/..");
}

Error wrong(std::string message) { return make_error(Code::invalid_argument, std::move(message)); }

}  // namespace

Status check(const SandboxSpec& spec) {
  // An image may say by itself what to run.
  if (spec.image.empty() && (spec.argv.empty() || !is_plain_path(spec.argv[0]))) {
    return wrong("A sandboxed program must be named by its absolute path inside.");
  }
  if (std::ranges::any_of(spec.argv, has_nul) || std::ranges::any_of(spec.environment, has_nul)) {
    return wrong("Arguments and environment must not hold NUL bytes.");
  }
  // What sets up the sandbox may get this environment, too: nothing that would change that program itself.
  for (const std::string& variable : spec.environment) {
    if (variable.find('=') == std::string::npos || variable.starts_with('=') || variable.starts_with("LD_")) {
      return wrong("An environment entry must be NAME=value, and not of the loader (LD_*).");
    }
  }
  for (const SandboxMount& mount : spec.mounts) {
    if (!is_plain_path(mount.host_path) || !is_plain_path(mount.path)) {
      return wrong("The mount " + mount.path + " is not an absolute path.");
    }
  }
  if (!spec.egress_directory.empty() && !is_plain_path(spec.egress_directory)) {
    return wrong("The egress folder must be an absolute path.");
  }
  if (!spec.work_directory.starts_with('/') || has_nul(spec.work_directory)) {
    return wrong("The work directory must be an absolute path.");
  }
  return Ok{};
}

}  // namespace librebird
