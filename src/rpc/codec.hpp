#pragma once

// Domain values <-> the bytes of the messages in proto/. Only the codecs know protobuf: brain_codec.cpp and
// hands_codec.cpp a service each, codec_values what both carry.
//
// Decoding never trusts: malformed bytes, missing parts and enum values this version does not know are
// invalid_argument. Encoding cannot fail. Pure; thread-safe.

#include <librebird/core/ports/brain_service.hpp>
#include <librebird/core/ports/hands_service.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace librebird::rpc {

// The messages of StreamChat.
struct Ack {
  int step_index = 0;
  std::optional<Error> error;
};
using ChatClientMessage = std::variant<ChatRequest, Ack>;
struct TextDelta {
  std::string text;
};
using ChatServerMessage = std::variant<TextDelta, ToolCall, ToolResult, TurnStep, ChatOutcome, Approval, ToolProgress>;
// The messages of Hands.ExecuteTool.
using ToolEvent = std::variant<TextDelta, ToolResult, Approval, ToolProgress>;
// Hands.ExecuteTool carries whether the caller can pass questions on.
struct ToolStart {
  ToolRequest request;
  bool can_ask = false;
};
// The requests about approvals.
struct DecideRequest {
  Principal principal;
  std::string approval_id;
  ApprovalDecision decision = ApprovalDecision::deny;
};
struct ListApprovalsRequest {
  Principal principal;
  bool open_only = false;
  int limit = 0;
};
struct ListToolsRequest {
  Principal principal;
  std::optional<std::int64_t> seen;
};
struct ModeRequest {
  Principal principal;
  std::string conversation_id;
  std::optional<ApprovalMode> mode;  // of SetToolMode
};
struct RevokeRequest {
  Principal principal;
  std::string id;
};

std::string to_wire(const Error& error);
// nullopt when malformed; an unknown code becomes `internal`: it is still an error.
std::optional<Error> error_from_wire(std::string_view bytes);

std::string to_wire(const ChatClientMessage& message);
Result<ChatClientMessage> chat_client_message_from_wire(std::string_view bytes);
std::string to_wire(const ChatServerMessage& message);
Result<ChatServerMessage> chat_server_message_from_wire(std::string_view bytes);
std::string to_wire(const ToolEvent& event);
Result<ToolEvent> tool_event_from_wire(std::string_view bytes);

std::string to_wire(const ToolStart& start);
Result<ToolStart> tool_start_from_wire(std::string_view bytes);
// Of the brain: nobody can be asked there.
std::string to_wire(const ToolRequest& request);
Result<ToolRequest> tool_request_from_wire(std::string_view bytes);
// ExecuteToolResponse, of the brain.
std::string tool_response_to_wire(const ToolResult& result);
Result<ToolResult> tool_response_from_wire(std::string_view bytes);

std::string to_wire(const MemoryQuery& query);
Result<MemoryQuery> memory_query_from_wire(std::string_view bytes);
std::string to_wire(const std::vector<MemoryItem>& items);
Result<std::vector<MemoryItem>> memory_items_from_wire(std::string_view bytes);

std::string to_wire(const ModelInfo& model);
Result<ModelInfo> model_from_wire(std::string_view bytes);
std::string to_wire(const std::vector<std::string>& models);
Result<std::vector<std::string>> models_from_wire(std::string_view bytes);

std::string to_wire(const ListToolsRequest& request);
Result<ListToolsRequest> list_tools_request_from_wire(std::string_view bytes);
std::string to_wire(const Principal& principal);  // ListGrantsRequest
Result<Principal> principal_from_wire(std::string_view bytes);
std::string to_wire(const std::vector<ToolSpec>& tools);
Result<std::vector<ToolSpec>> tools_from_wire(std::string_view bytes);
std::string to_wire(const HandsHealth& health);
Result<HandsHealth> health_from_wire(std::string_view bytes);

std::string to_wire(const DecideRequest& request);
Result<DecideRequest> decide_request_from_wire(std::string_view bytes);
std::string to_wire(const Approval& approval);  // DecideApprovalResponse
Result<Approval> approval_from_wire(std::string_view bytes);
std::string to_wire(const ListApprovalsRequest& request);
Result<ListApprovalsRequest> list_approvals_request_from_wire(std::string_view bytes);
std::string to_wire(const std::vector<Approval>& approvals);
Result<std::vector<Approval>> approvals_from_wire(std::string_view bytes);
std::string to_wire(const ModeRequest& request);  // GetToolMode and SetToolMode
Result<ModeRequest> mode_request_from_wire(std::string_view bytes);
std::string to_wire(const ToolMode& mode);
Result<ToolMode> tool_mode_from_wire(std::string_view bytes);
std::string to_wire(const std::vector<Grant>& grants);
Result<std::vector<Grant>> grants_from_wire(std::string_view bytes);
std::string to_wire(const RevokeRequest& request);
Result<RevokeRequest> revoke_request_from_wire(std::string_view bytes);

}  // namespace librebird::rpc
