#include <librebird/rpc/hands_client.hpp>

#include "client_channel.hpp"
#include "codec.hpp"
#include "methods.hpp"
#include "skill_client.hpp"

#include <fmt/format.h>

namespace librebird {
namespace {

class HandsClient final : public HandsService {
 public:
  HandsClient(Loop& loop, RpcOptions options) : channel_(loop, std::move(options), "hands") {}

  Task<Result<ToolResult>> execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) override;

  Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal, std::optional<std::int64_t> seen) override {
    const rpc::ListToolsRequest request{std::move(principal), seen};
    LB_CO_TRY(bytes,
              co_await channel_.unary(rpc::kListTools, rpc::to_wire(request), channel_.options().call_timeout, {}));
    co_return rpc::tools_from_wire(bytes);
  }
  Task<Result<HandsHealth>> health() override {
    LB_CO_TRY(bytes, co_await channel_.unary(rpc::kHealth, "", channel_.options().call_timeout, {}));
    co_return rpc::health_from_wire(bytes);
  }
  Task<Result<Approval>> decide(Principal principal, std::string approval_id, ApprovalDecision decision) override {
    const rpc::DecideRequest request{std::move(principal), std::move(approval_id), decision};
    LB_CO_TRY(bytes, co_await ask(rpc::kDecideApproval, rpc::to_wire(request)));
    co_return rpc::approval_from_wire(bytes);
  }
  Task<Result<std::vector<Approval>>> list_approvals(Principal principal, bool open_only, int limit) override {
    const rpc::ListApprovalsRequest request{std::move(principal), open_only, limit};
    LB_CO_TRY(bytes, co_await ask(rpc::kListApprovals, rpc::to_wire(request)));
    co_return rpc::approvals_from_wire(bytes);
  }
  Task<Result<ToolMode>> get_mode(Principal principal, std::string conversation_id) override {
    const rpc::ModeRequest request{std::move(principal), std::move(conversation_id), std::nullopt};
    LB_CO_TRY(bytes, co_await ask(rpc::kGetToolMode, rpc::to_wire(request)));
    co_return rpc::tool_mode_from_wire(bytes);
  }
  Task<Result<ToolMode>> set_mode(Principal principal, std::string conversation_id,
                                  std::optional<ApprovalMode> mode) override {
    const rpc::ModeRequest request{std::move(principal), std::move(conversation_id), mode};
    LB_CO_TRY(bytes, co_await ask(rpc::kSetToolMode, rpc::to_wire(request)));
    co_return rpc::tool_mode_from_wire(bytes);
  }
  Task<Result<std::vector<Grant>>> list_grants(Principal principal) override {
    LB_CO_TRY(bytes, co_await ask(rpc::kListGrants, rpc::to_wire(principal)));
    co_return rpc::grants_from_wire(bytes);
  }
  Task<Status> revoke_grant(Principal principal, std::string id) override {
    const rpc::RevokeRequest request{std::move(principal), std::move(id)};
    LB_CO_CHECK(co_await ask(rpc::kRevokeGrant, rpc::to_wire(request)));
    co_return Ok{};
  }

  SkillService* skills() override { return &skills_; }

 private:
  Task<Result<std::string>> ask(const char* method, std::string request) {
    return channel_.unary(method, std::move(request), channel_.options().call_timeout, {});
  }

  rpc::ClientChannel channel_;
  rpc::SkillClient skills_{channel_};
};

Task<Result<ToolResult>> HandsClient::execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) {
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool call was stopped before it began.");
  const rpc::ToolStart start{std::move(request), static_cast<bool>(observer.approval)};
  LB_CO_TRY(call, channel_.open(rpc::kHandsExecuteTool, rpc::to_wire(start), channel_.options().tool_timeout));
  const rpc::AbandonGuard guard(call);
  call->send_done();
  const auto cancel = [&call] { call->cancel(); };
  const std::stop_callback on_stop(stop, cancel);
  std::optional<ToolResult> result;
  std::optional<Error> failure;
  while (auto bytes = co_await call->receive()) {
    if (failure) continue;
    auto event = rpc::tool_event_from_wire(*bytes);
    if (!event) {
      failure = event.error();
      call->cancel();
    } else if (const auto* delta = std::get_if<rpc::TextDelta>(&*event)) {
      if (observer.output) observer.output(delta->text);
    } else if (const auto* approval = std::get_if<Approval>(&*event)) {
      if (observer.approval) observer.approval(*approval);
    } else if (const auto* progress = std::get_if<ToolProgress>(&*event)) {
      if (observer.progress) observer.progress(*progress);
    } else if (auto* end = std::get_if<ToolResult>(&*event)) {
      result = std::move(*end);
    }
  }
  if (failure) co_return std::move(*failure);
  if (!call->status().ok()) co_return channel_.error_of(*call, stop);
  if (!result) {
    co_return make_error(Code::unavailable, fmt::format("No tool result from {}; try again.", channel_.peer()));
  }
  co_return std::move(*result);
}

}  // namespace

std::unique_ptr<HandsService> make_hands_client(Loop& loop, RpcOptions options) {
  if (options.address.empty()) options.address = kHandsAddress;
  return std::make_unique<HandsClient>(loop, std::move(options));
}

}  // namespace librebird
