#pragma once

// Whether a call runs, is asked about, or is refused: pure functions of the mode, what the call would do, and the
// standing answers of its user. A refusal says why and what would allow it.

#include <librebird/core/model/approval.hpp>
#include <librebird/core/policy/permissions.hpp>

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::policy {

enum class Verdict { allow, ask, deny };

struct ToolDecision {
  Verdict verdict = Verdict::deny;
  std::string reason;  // of ask and deny

  friend bool operator==(const ToolDecision&, const ToolDecision&) = default;
};

// The conversation's mode counts, except that nothing loosens a workspace that is read_only.
[[nodiscard]] ApprovalMode effective_mode(std::optional<ApprovalMode> workspace,
                                          std::optional<ApprovalMode> conversation, ApprovalMode fallback);

// Whether any mode would hold this call up.
[[nodiscard]] bool is_harmless(const ToolUse& use);
// "writes and reaches wttr.in": what it does, for a person.
[[nodiscard]] std::string describe(const ToolUse& use);

[[nodiscard]] ToolDecision decide_tool(ApprovalMode mode, std::string_view tool, const ToolUse& use,
                                       std::span<const Grant> grants);

// Whether the grants (of this user, skill and tool) cover every host and the program of the call.
[[nodiscard]] bool covered(const ToolUse& use, std::span<const Grant> grants);
// The grants that "always" stands for, without ids and times; empty when no standing answer can be given.
[[nodiscard]] std::vector<Grant> grants_of(const Approval& approval);

// What the model (and whoever reads the log) is told when a call is not run.
[[nodiscard]] std::string refusal(const Approval& approval);       // denied, expired or withdrawn
[[nodiscard]] std::string nobody_to_ask(std::string_view tool, const ToolUse& use);

// The user whose call it is, with the permission answer_approvals.
[[nodiscard]] Decision may_decide(const Principal& principal, const Approval& approval);

// Whether "always" may be tied to this program: one that runs whatever it is told (a shell, an interpreter, `env`),
// or one whose path the tool itself can write, cannot. Empty: yes; else the reason, for a person.
[[nodiscard]] std::string why_not_always(std::string_view program);

}  // namespace librebird::policy
