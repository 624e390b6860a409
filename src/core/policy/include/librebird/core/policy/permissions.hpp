#pragma once

// Who may do what: pure functions of a principal and the thing asked for. One place for every edge.

#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/tool.hpp>

#include <string>

namespace librebird::policy {

struct Decision {
  bool allowed = false;
  std::string reason;  // if not: why, and what would allow it

  explicit operator bool() const { return allowed; }
};

// May this principal call this tool? Device tools act on the machine of `serve`: owner and admins only.
[[nodiscard]] Decision may_call_tool(const Principal& principal, const ToolSpec& tool);
// May this principal chat (send, edit, cancel)? Guests may only read.
[[nodiscard]] Decision may_chat(const Principal& principal);
// May this principal see which skills the workspace has?
[[nodiscard]] Decision may_see_skills(const Principal& principal);
// May this principal install, change or remove skills and their settings? Admins and owners.
[[nodiscard]] Decision may_manage_skills(const Principal& principal);
// May this principal read process-wide figures (/metrics)?
[[nodiscard]] Decision may_operate(const Principal& principal);

}  // namespace librebird::policy
