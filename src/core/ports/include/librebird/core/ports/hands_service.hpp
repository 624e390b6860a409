#pragma once

// Port: the hands, as the brain, the gateway and the command line see them; in this process or over gRPC
// (proto/hands.proto says the same). Every tool call of anybody goes through execute_tool. Thread rule: loop only.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/approval.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/tool.hpp>
#include <librebird/core/ports/skill_service.hpp>

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

struct ToolRequest {
  ToolCall call;
  Principal principal;
  std::string conversation_id;  // may be empty (command line)
  std::string turn_id;          // may be empty
  std::string trace_parent;
  // Asked for with this very call instead of the conversation's; a read_only workspace stays read_only.
  std::optional<ApprovalMode> mode;
  // Whoever asked first was lost on the way. A call whose question nobody has answered is asked about again, one that
  // was approved and never began runs; of anything else that is not idempotent nobody knows: already_exists.
  bool resumed = false;
};

using OutputSink = std::function<void(std::string_view text)>;

// What a call tells while it runs. Each may be empty. Called on the loop; must not block.
struct ToolObserver {
  // What the tool writes to its standard error; bounded by the output limit.
  OutputSink output;
  std::function<void(const ToolProgress& progress)> progress;
  // A question was put (state open), or has ended (any other state). Empty: there is nobody to ask, so what would need
  // asking is refused.
  std::function<void(const Approval& approval)> approval;
};

struct HandsHealth {
  bool ready = false;
  std::string sandbox;  // plug-in in use
  std::string detail;  // what is missing, or could be better, and how to mend it
};

class HandsService {
 public:
  virtual ~HandsService() = default;
  // A tool that ran, failed, was denied or timed out is a ToolResult: the model is told. An Error means the hands
  // could not take the call at all: already_exists (this call id ran before and its tool is not idempotent),
  // unavailable, cancelled (the tool was killed).
  // A call that needs a person's say waits for decide(), its expiry, or its stop.
  virtual Task<Result<ToolResult>> execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) = 0;
  // The tools this principal may call, sorted by name. `seen`: the workspace's SkillStore::revision(), if the caller
  // has just read it; else it is read.
  virtual Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal, std::optional<std::int64_t> seen) = 0;
  virtual Task<Result<HandsHealth>> health() = 0;
  // The workspace's skills; null where this service does not manage them. Lives as long as the service.
  virtual SkillService* skills() { return nullptr; }

  // Answers a question. "always" also keeps a standing answer for this tool and its host. Errors: not_found (no such
  // question of this user), permission_denied, failed_precondition (answered, withdrawn or over; "always" where none
  // can be given).
  virtual Task<Result<Approval>> decide(Principal principal, std::string approval_id, ApprovalDecision decision) = 0;
  // Newest first. `open_only`: those that wait for an answer.
  virtual Task<Result<std::vector<Approval>>> list_approvals(Principal principal, bool open_only, int limit) = 0;
  // `conversation_id` empty: the workspace's. nullopt: as if none had been set. Errors: permission_denied, not_found.
  virtual Task<Result<ToolMode>> get_mode(Principal principal, std::string conversation_id) = 0;
  virtual Task<Result<ToolMode>> set_mode(Principal principal, std::string conversation_id,
                                          std::optional<ApprovalMode> mode) = 0;
  virtual Task<Result<std::vector<Grant>>> list_grants(Principal principal) = 0;
  virtual Task<Status> revoke_grant(Principal principal, std::string id) = 0;

  // Ends what stays between calls: programs kept ready, workers. After the calls have ended, before it dies.
  virtual Task<void> close() { co_return; }
};

}  // namespace librebird
