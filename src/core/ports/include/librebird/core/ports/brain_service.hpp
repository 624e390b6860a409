#pragma once

// Port: the brain, as the gateway sees it; in this process or over gRPC (proto/brain.proto says the same).
// Stateless between calls: all it needs comes with the request. Thread rule: loop only.

#include <librebird/base/async/task.hpp>
#include <librebird/base/result.hpp>
#include <librebird/core/model/conversation.hpp>
#include <librebird/core/ports/hands_service.hpp>

#include <stop_token>
#include <string>
#include <vector>

namespace librebird {

struct ChatRequest {
  std::string turn_id;
  std::string conversation_id;
  Principal principal;
  std::string model;                     // "provider/name"; empty: the configured one
  std::vector<ChatMessage> history;      // oldest first; ends with the user message to answer
  std::vector<TurnStep> journal;         // steps of an interrupted attempt
  std::vector<ToolSpec> client_tools;    // if any: only these are offered, and calls of them end the turn
  std::optional<double> temperature;
  std::optional<std::int64_t> max_tokens;
  std::string tool_choice;
  std::string trace_parent;
  std::optional<ApprovalMode> tool_mode;  // asked for with this request instead of the conversation's
  bool can_ask = true;                    // somebody sees on_approval() and can answer
  std::optional<std::int64_t> skill_revision;  // for HandsService::list_tools()
};

// What the brain tells while it works. Called on the loop, in order.
class ChatObserver {
 public:
  virtual ~ChatObserver() = default;
  virtual void on_text(std::string_view text) = 0;
  // After the model answer that names the call was journaled; before it runs.
  virtual void on_tool_call(const ToolCall& call) = 0;
  virtual void on_tool_result(const ToolResult& result) = 0;
  // A question about a call was put (state open) or has ended (any other state).
  virtual void on_approval(const Approval& /*approval*/) {}
  virtual void on_tool_progress(const ToolProgress& /*progress*/) {}
  // Makes the step durable; the brain does not go on before this returned. An error ends the turn's attempt.
  virtual Task<Status> journal(TurnStep step) = 0;
};

struct ChatOutcome {
  FinishReason finish_reason = FinishReason::stop;
  TokenUsage usage;  // of all steps of this attempt
  // The answer that ended the turn. It is not journaled: the gateway stores it when it finishes the turn. With client
  // tools it carries the calls the client is to run.
  ModelAnswer final_answer;
};

struct MemoryQuery {
  Principal principal;
  std::string text;
  int limit = 5;
};

struct MemoryItem {
  std::string conversation_id;
  std::string message_id;
  std::string content;
  double score = 0;  // larger is nearer
  UnixMillis created_at = 0;
};

class BrainService {
 public:
  virtual ~BrainService() = default;
  // Errors are those of ChatProvider and HandsService; what was journaled until then stands. An error is retryable only
  // if the brain itself was lost on the way: what could be tried again with a model, the brain has tried.
  virtual Task<Result<ChatOutcome>> stream_chat(ChatRequest request, ChatObserver& observer, std::stop_token stop) = 0;
  virtual Task<Result<ToolResult>> execute_tool(ToolRequest request, std::stop_token stop) = 0;
  virtual Task<Result<std::vector<MemoryItem>>> get_memory(MemoryQuery query) = 0;
  // The model that answers when a request names none, for display.
  virtual Task<Result<ModelInfo>> default_model() = 0;
  // All models a request may name, as "provider/name".
  virtual Task<Result<std::vector<std::string>>> list_models(std::stop_token stop) = 0;
};

}  // namespace librebird
