#pragma once

// A person's say in what tools do: the modes, the questions that were put, the standing answers ("always"), and what a
// tool used. Values; no thread rule.

#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/tool.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

// How much tools may do without being asked about.
enum class ApprovalMode {
  read_only,  // what writes, spends or leaves the machine is refused
  ask,        // a person is asked about it
  automatic,  // nobody is asked ("auto")
};

[[nodiscard]] std::string_view to_string(ApprovalMode mode);
[[nodiscard]] std::optional<ApprovalMode> approval_mode_from_string(std::string_view name);

// What a call would do that somebody may want to be asked about.
struct ToolUse {
  bool writes = false;   // changes something outside of its own scratch
  bool spends = false;   // costs money
  bool network = false;  // talks to hosts
  bool device = false;   // acts on this machine's desktop
  // The hosts it would reach, as far as its declaration and arguments name them; "*": any.
  std::vector<std::string> hosts;
  // Of command-like tools: the exact program that would run. A standing answer holds for that program only.
  std::string program;
  // Why no standing answer can be given for this call (shell text, an interpreter); empty: it can.
  std::string only_once;

  friend bool operator==(const ToolUse&, const ToolUse&) = default;
};

enum class ApprovalState { open, granted, denied, expired, withdrawn };

[[nodiscard]] std::string_view to_string(ApprovalState state);
[[nodiscard]] std::optional<ApprovalState> approval_state_from_string(std::string_view name);

enum class ApprovalDecision { once, always, deny };

[[nodiscard]] std::string_view to_string(ApprovalDecision decision);
[[nodiscard]] std::optional<ApprovalDecision> approval_decision_from_string(std::string_view name);

// A question about one call, and what became of it. Kept after it was answered.
struct Approval {
  std::string id;
  Principal principal;          // whose call it is; only this user may answer
  std::string conversation_id;  // may be empty
  std::string turn_id;          // may be empty
  ToolCall call;                // with the exact arguments that will run
  std::string skill;
  ToolUse use;
  std::string reason;           // why it is asked
  ApprovalState state = ApprovalState::open;
  std::optional<ApprovalDecision> decision;
  std::string decided_by;       // the credential that answered
  UnixMillis created_at = 0;
  UnixMillis expires_at = 0;    // unanswered by then: denied
  std::optional<UnixMillis> decided_at;

  friend bool operator==(const Approval&, const Approval&) = default;
};

// A standing "always": this user's calls of this skill's tool, to this host, with this program.
struct Grant {
  std::string id;
  std::string user_id;
  std::string workspace_id;
  std::string skill;
  std::string tool;
  std::string host;     // "": calls that reach none; "*": any
  std::string program;  // "": calls that run none
  UnixMillis created_at = 0;

  friend bool operator==(const Grant&, const Grant&) = default;
};

// The mode of a workspace and of one of its conversations, and what follows from both.
struct ToolMode {
  std::optional<ApprovalMode> workspace;     // none: the configured one
  std::optional<ApprovalMode> conversation;  // none: as the workspace
  ApprovalMode effective = ApprovalMode::ask;

  friend bool operator==(const ToolMode&, const ToolMode&) = default;
};

// What a tool says while it works.
struct ToolProgress {
  std::string call_id;
  std::optional<double> fraction;  // 0 to 1
  std::string message;

  friend bool operator==(const ToolProgress&, const ToolProgress&) = default;
};

// What calls of tools cost this machine; what quotas bound.
struct ToolUsage {
  std::int64_t calls = 0;
  std::int64_t cpu_ms = 0;
  std::int64_t wall_ms = 0;
  std::int64_t bytes = 0;  // output and network, both ways

  friend bool operator==(const ToolUsage&, const ToolUsage&) = default;
  ToolUsage& operator+=(const ToolUsage& more) {
    calls += more.calls;
    cpu_ms += more.cpu_ms;
    wall_ms += more.wall_ms;
    bytes += more.bytes;
    return *this;
  }
};

enum class QuotaScope { user, workspace };
enum class QuotaWindow { hour, day };

[[nodiscard]] std::string_view to_string(QuotaScope scope);
[[nodiscard]] std::string_view to_string(QuotaWindow window);
[[nodiscard]] constexpr std::int64_t length_ms(QuotaWindow window) {
  return window == QuotaWindow::hour ? 3'600'000 : 86'400'000;
}
// The window (UTC) in which `now` lies begins at this time.
[[nodiscard]] constexpr UnixMillis window_start(QuotaWindow window, UnixMillis now) {
  return now - now % length_ms(window);
}

}  // namespace librebird
