#include <librebird/core/policy/permissions.hpp>

namespace librebird::policy {
namespace {

Decision require(const Principal& principal, Role least, std::string_view what) {
  if (principal.user_id.empty() || principal.workspace_id.empty()) {
    return {false, "Nobody is signed in; sign in first."};
  }
  if (principal.role >= least) return {true, {}};
  return {false, std::string(what) + " needs the role " + std::string(to_string(least)) + " or above; yours is " +
                     std::string(to_string(principal.role)) + ". Ask an owner of the workspace."};
}

}  // namespace

Decision may_call_tool(const Principal& principal, const ToolSpec& tool) {
  const Role least = tool.runs_on == RunsOn::device ? Role::admin : Role::member;
  return require(principal, least, "The tool " + tool.name);
}

Decision may_chat(const Principal& principal) { return require(principal, Role::member, "Sending messages"); }

Decision may_see_skills(const Principal& principal) { return require(principal, Role::member, "Seeing skills"); }

Decision may_manage_skills(const Principal& principal) { return require(principal, Role::admin, "Changing skills"); }

Decision may_operate(const Principal& principal) { return require(principal, Role::owner, "Reading metrics"); }

}  // namespace librebird::policy
