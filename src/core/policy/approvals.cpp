#include <librebird/core/policy/approvals.hpp>

#include <algorithm>
#include <array>

namespace librebird::policy {
namespace {

constexpr std::string_view kHowToAllow =
    "To allow it, answer the question in the chat or with `librebird approval decide`, allow it for good with "
    "\"always\", or set the mode to auto.";

std::string text_of(std::string_view text) { return std::string(text); }

bool host_covered(const std::string& host, const std::string& program, std::span<const Grant> grants) {
  return std::ranges::any_of(grants, [&](const Grant& grant) {
    return grant.program == program && (grant.host == host || (grant.host == "*" && !host.empty()));
  });
}

}  // namespace

ApprovalMode effective_mode(std::optional<ApprovalMode> workspace, std::optional<ApprovalMode> conversation,
                            ApprovalMode fallback) {
  const ApprovalMode base = workspace.value_or(fallback);
  if (base == ApprovalMode::read_only) return base;
  return conversation.value_or(base);
}

bool is_harmless(const ToolUse& use) { return !use.writes && !use.spends && !use.network && !use.device; }

std::string describe(const ToolUse& use) {
  std::vector<std::string> parts;
  if (!use.program.empty()) parts.push_back("runs " + use.program);
  if (use.device) parts.emplace_back("acts on this machine's desktop");
  if (use.writes && !use.device) parts.emplace_back("changes something");
  if (use.spends) parts.emplace_back("costs money");
  if (use.network || !use.hosts.empty()) {
    std::string hosts;
    for (const std::string& host : use.hosts) {
      hosts += (hosts.empty() ? "" : ", ") + (host == "*" ? "any public host" : host);
    }
    parts.push_back("reaches " + (hosts.empty() ? "the network" : hosts));
  }
  std::string out;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (i > 0) out += i + 1 == parts.size() ? " and " : ", ";
    out += parts[i];
  }
  return out.empty() ? "only computes" : out;
}

ToolDecision decide_tool(ApprovalMode mode, std::string_view tool, const ToolUse& use, std::span<const Grant> grants) {
  if (is_harmless(use) || mode == ApprovalMode::automatic) return {Verdict::allow, {}};
  const std::string does = text_of(tool) + " " + describe(use);
  if (mode == ApprovalMode::read_only) {
    return {Verdict::deny, "Blocked: " + does +
                               ", and the mode here is read_only. To allow it, set the mode to ask or auto (an admin "
                               "does that for the workspace, its user for a conversation)."};
  }
  if (covered(use, grants)) return {Verdict::allow, {}};
  return {Verdict::ask, does + ", and the mode here is ask."};
}

bool covered(const ToolUse& use, std::span<const Grant> grants) {
  if (!use.only_once.empty()) return false;
  if (use.hosts.empty()) return host_covered("", use.program, grants);
  return std::ranges::all_of(use.hosts,
                             [&](const std::string& host) { return host_covered(host, use.program, grants); });
}

std::vector<Grant> grants_of(const Approval& approval) {
  if (!approval.use.only_once.empty()) return {};
  std::vector<std::string> hosts = approval.use.hosts;
  if (hosts.empty()) hosts.emplace_back();
  std::vector<Grant> grants;
  for (std::string& host : hosts) {
    grants.push_back({"", approval.principal.user_id, approval.principal.workspace_id, approval.skill,
                      approval.call.name, std::move(host), approval.use.program, 0});
  }
  return grants;
}

std::string refusal(const Approval& approval) {
  const std::string what = approval.call.name + " " + describe(approval.use);
  switch (approval.state) {
    case ApprovalState::expired:
      return "Blocked: " + what + ", and nobody answered the question in time, which counts as no. " +
             text_of(kHowToAllow);
    case ApprovalState::withdrawn:
      return "Blocked: " + what + ", and the question was withdrawn before it was answered. " + text_of(kHowToAllow);
    default:
      return "Blocked: the user was asked and said no to this call (" + what +
             "). Do not call it again unless the user asks for it; then they can answer yes.";
  }
}

std::string nobody_to_ask(std::string_view tool, const ToolUse& use) {
  return "Blocked: " + text_of(tool) + " " + describe(use) +
         ", which needs a person's approval, and there is nobody to ask on this way in. To allow it, call it in the "
         "web client's chat and answer \"always\" there, ask for the mode auto with this request (`--yes` on the "
         "command line, the header `Librebird-Tool-Mode: auto` over /v1), or set the workspace's mode to auto.";
}

Decision may_decide(const Principal& principal, const Approval& approval) {
  if (Decision answer = may(principal, Permission::answer_approvals); !answer) return answer;
  if (principal.user_id == approval.principal.user_id && principal.workspace_id == approval.principal.workspace_id) {
    return {true, {}};
  }
  return {false, "Only the user whose call it is may answer this question."};
}

std::string why_not_always(std::string_view program) {
  // Each of these runs whatever its arguments or its input say.
  static constexpr std::array<std::string_view, 47> kRunners{
      "sh",    "bash",  "dash",   "zsh",       "fish",  "ksh",      "csh",  "tcsh",   "ash",     "busybox",
      "env",   "sudo",  "su",     "doas",      "xargs", "nohup",    "nice", "setsid", "timeout", "time",
      "watch", "exec",  "eval",   "command",   "find",  "parallel", "ssh",  "python", "perl",    "ruby",
      "node",  "deno",  "bun",    "php",       "lua",   "luajit",   "awk",  "gawk",   "mawk",    "nawk",
      "sed",   "tclsh", "expect", "osascript", "make",  "npx",      "pwsh"};
  if (program.empty()) return "The call names no program.";
  const std::size_t slash = program.rfind('/');
  if (slash != std::string_view::npos) {
    const bool fixed = program.starts_with("/usr/") || program.starts_with("/bin/") || program.starts_with("/sbin/");
    if (!fixed || program.find("/../") != std::string_view::npos) {
      return "The program lies where tools can write, so tomorrow it may be another one.";
    }
  }
  std::string name(slash == std::string_view::npos ? program : program.substr(slash + 1));
  // "python3.11" is python.
  while (!name.empty() && (name.back() == '.' || (name.back() >= '0' && name.back() <= '9'))) name.pop_back();
  if (name.empty() || std::ranges::find(kRunners, name) != kRunners.end()) {
    return "This program runs whatever it is told, so an answer for it would be an answer for everything.";
  }
  return {};
}

}  // namespace librebird::policy
