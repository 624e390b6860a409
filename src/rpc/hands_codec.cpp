#include <hands.pb.h>

#include "codec.hpp"
#include "codec_values.hpp"

namespace librebird::rpc {

std::string to_wire(const ToolEvent& event) {
  v1::ExecuteToolEvent wire;
  if (const auto* delta = std::get_if<TextDelta>(&event)) wire.set_output(delta->text);
  if (const auto* result = std::get_if<ToolResult>(&event)) put(*result, *wire.mutable_result());
  if (const auto* approval = std::get_if<Approval>(&event)) put(*approval, *wire.mutable_approval());
  if (const auto* progress = std::get_if<ToolProgress>(&event)) put(*progress, *wire.mutable_progress());
  return bytes_of(wire);
}
Result<ToolEvent> tool_event_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ExecuteToolEvent>(bytes));
  switch (wire.kind_case()) {
    case v1::ExecuteToolEvent::kOutput: return ToolEvent(TextDelta{std::move(*wire.mutable_output())});
    case v1::ExecuteToolEvent::kResult: {
      LB_TRY(result, get(wire.result()));
      return ToolEvent(std::move(result));
    }
    case v1::ExecuteToolEvent::kApproval: {
      LB_TRY(approval, get(wire.approval()));
      return ToolEvent(std::move(approval));
    }
    case v1::ExecuteToolEvent::kProgress: return ToolEvent(get(wire.progress()));
    case v1::ExecuteToolEvent::KIND_NOT_SET: break;
  }
  return bad("an unknown kind");
}

std::string to_wire(const ToolStart& start) {
  v1::ExecuteToolRequest wire;
  put(start.request.call, *wire.mutable_call());
  put(start.request.principal, *wire.mutable_principal());
  wire.set_conversation_id(start.request.conversation_id);
  wire.set_turn_id(start.request.turn_id);
  wire.set_trace_parent(start.request.trace_parent);
  wire.set_mode(encode(kApprovalModes, start.request.mode));
  wire.set_resumed(start.request.resumed);
  wire.set_can_ask(start.can_ask);
  return bytes_of(wire);
}
Result<ToolStart> tool_start_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ExecuteToolRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  LB_TRY(mode, decode_optional(kApprovalModes, wire.mode(), "approval mode"));
  return ToolStart{{get(wire.call()), std::move(principal), wire.conversation_id(), wire.turn_id(), wire.trace_parent(),
                    mode, wire.resumed()},
                   wire.can_ask()};
}
std::string to_wire(const Principal& principal) {
  v1::ListGrantsRequest wire;
  put(principal, *wire.mutable_principal());
  return bytes_of(wire);
}
Result<Principal> principal_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListGrantsRequest>(bytes));
  return get(wire.principal());
}
std::string to_wire(const ListToolsRequest& request) {
  v1::ListToolsRequest wire;
  put(request.principal, *wire.mutable_principal());
  if (request.seen) wire.set_skill_revision(*request.seen);
  return bytes_of(wire);
}
Result<ListToolsRequest> list_tools_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListToolsRequest>(bytes));
  ListToolsRequest request;
  LB_TRY(principal, get(wire.principal()));
  request.principal = std::move(principal);
  if (wire.has_skill_revision()) request.seen = wire.skill_revision();
  return request;
}
std::string to_wire(const std::vector<ToolSpec>& tools) {
  v1::ListToolsResponse wire;
  for (const ToolSpec& tool : tools) put(tool, *wire.add_tools());
  return bytes_of(wire);
}
Result<std::vector<ToolSpec>> tools_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListToolsResponse>(bytes));
  std::vector<ToolSpec> tools;
  for (const v1::ToolSpec& item : wire.tools()) {
    LB_TRY(tool, get(item));
    tools.push_back(std::move(tool));
  }
  return tools;
}
std::string to_wire(const HandsHealth& health) {
  v1::HealthResponse wire;
  wire.set_ready(health.ready);
  wire.set_sandbox(health.sandbox);
  wire.set_detail(health.detail);
  return bytes_of(wire);
}
Result<HandsHealth> health_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::HealthResponse>(bytes));
  return HandsHealth{wire.ready(), wire.sandbox(), wire.detail()};
}

std::string to_wire(const DecideRequest& request) {
  v1::DecideApprovalRequest wire;
  put(request.principal, *wire.mutable_principal());
  wire.set_approval_id(request.approval_id);
  wire.set_decision(encode(kApprovalDecisions, request.decision));
  return bytes_of(wire);
}
Result<DecideRequest> decide_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::DecideApprovalRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  LB_TRY(decision, decode(kApprovalDecisions, wire.decision(), "decision"));
  return DecideRequest{std::move(principal), wire.approval_id(), decision};
}
std::string to_wire(const Approval& approval) {
  v1::DecideApprovalResponse wire;
  put(approval, *wire.mutable_approval());
  return bytes_of(wire);
}
Result<Approval> approval_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::DecideApprovalResponse>(bytes));
  return get(wire.approval());
}
std::string to_wire(const ListApprovalsRequest& request) {
  v1::ListApprovalsRequest wire;
  put(request.principal, *wire.mutable_principal());
  wire.set_open_only(request.open_only);
  wire.set_limit(request.limit);
  return bytes_of(wire);
}
Result<ListApprovalsRequest> list_approvals_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListApprovalsRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  return ListApprovalsRequest{std::move(principal), wire.open_only(), wire.limit()};
}
std::string to_wire(const std::vector<Approval>& approvals) {
  v1::ListApprovalsResponse wire;
  for (const Approval& approval : approvals) put(approval, *wire.add_approvals());
  return bytes_of(wire);
}
Result<std::vector<Approval>> approvals_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListApprovalsResponse>(bytes));
  std::vector<Approval> approvals;
  for (const v1::Approval& item : wire.approvals()) {
    LB_TRY(approval, get(item));
    approvals.push_back(std::move(approval));
  }
  return approvals;
}
// The two requests have the same first fields.
std::string to_wire(const ModeRequest& request) {
  v1::SetToolModeRequest wire;
  put(request.principal, *wire.mutable_principal());
  wire.set_conversation_id(request.conversation_id);
  wire.set_mode(encode(kApprovalModes, request.mode));
  return bytes_of(wire);
}
Result<ModeRequest> mode_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::SetToolModeRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  LB_TRY(mode, decode_optional(kApprovalModes, wire.mode(), "approval mode"));
  return ModeRequest{std::move(principal), wire.conversation_id(), mode};
}
std::string to_wire(const ToolMode& mode) {
  v1::ToolModeResponse wire;
  wire.set_workspace(encode(kApprovalModes, mode.workspace));
  wire.set_conversation(encode(kApprovalModes, mode.conversation));
  wire.set_effective(encode(kApprovalModes, mode.effective));
  return bytes_of(wire);
}
Result<ToolMode> tool_mode_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ToolModeResponse>(bytes));
  LB_TRY(workspace, decode_optional(kApprovalModes, wire.workspace(), "approval mode"));
  LB_TRY(conversation, decode_optional(kApprovalModes, wire.conversation(), "approval mode"));
  LB_TRY(effective, decode(kApprovalModes, wire.effective(), "approval mode"));
  return ToolMode{workspace, conversation, effective};
}
std::string to_wire(const std::vector<Grant>& grants) {
  v1::ListGrantsResponse wire;
  for (const Grant& grant : grants) {
    v1::Grant& to = *wire.add_grants();
    to.set_id(grant.id);
    to.set_user_id(grant.user_id);
    to.set_workspace_id(grant.workspace_id);
    to.set_skill(grant.skill);
    to.set_tool(grant.tool);
    to.set_host(grant.host);
    to.set_program(grant.program);
    to.set_created_at_unix_ms(grant.created_at);
  }
  return bytes_of(wire);
}
Result<std::vector<Grant>> grants_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::ListGrantsResponse>(bytes));
  std::vector<Grant> grants;
  for (const v1::Grant& item : wire.grants()) {
    grants.push_back({item.id(), item.user_id(), item.workspace_id(), item.skill(), item.tool(), item.host(),
                      item.program(), item.created_at_unix_ms()});
  }
  return grants;
}
std::string to_wire(const RevokeRequest& request) {
  v1::RevokeGrantRequest wire;
  put(request.principal, *wire.mutable_principal());
  wire.set_id(request.id);
  return bytes_of(wire);
}
Result<RevokeRequest> revoke_request_from_wire(std::string_view bytes) {
  LB_TRY(wire, parse<v1::RevokeGrantRequest>(bytes));
  LB_TRY(principal, get(wire.principal()));
  return RevokeRequest{std::move(principal), wire.id()};
}

}  // namespace librebird::rpc
