#pragma once

// Port: the hands, as the brain, the gateway and the command line see them; in this process or over gRPC
// (proto/hands.proto says the same). Every tool call of anybody goes through execute_tool. Thread rule: loop only.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/model/tool.hpp>
#include <librebird/core/ports/skill_service.hpp>

#include <functional>
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
};

// What a tool writes to its standard error while it runs; bounded by the output limit.
using OutputSink = std::function<void(std::string_view text)>;

struct HandsHealth {
  bool ready = false;
  std::string sandbox;  // plug-in in use
  std::string detail;   // what is missing, or could be better, and how to mend it
};

class HandsService {
 public:
  virtual ~HandsService() = default;
  // A tool that ran, failed, was denied or timed out is a ToolResult: the model is told. An Error means the hands
  // could not take the call at all: already_exists (this call id ran before and its tool is not idempotent),
  // unavailable, cancelled (the tool was killed).
  virtual Task<Result<ToolResult>> execute_tool(ToolRequest request, OutputSink on_output, std::stop_token stop) = 0;
  // The tools this principal may call, sorted by name.
  virtual Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal) = 0;
  virtual Task<Result<HandsHealth>> health() = 0;
  // The workspace's skills; null where this service does not manage them. Lives as long as the service.
  virtual SkillService* skills() { return nullptr; }
  // Ends what stays between calls: programs kept ready, workers. After the calls have ended, before it dies.
  virtual Task<void> close() { co_return; }
};

}  // namespace librebird
