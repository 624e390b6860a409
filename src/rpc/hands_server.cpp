#include <librebird/rpc/hands_server.hpp>

#include "codec.hpp"
#include "methods.hpp"
#include "server_host.hpp"
#include "server_messages.hpp"
#include "skill_client.hpp"

namespace librebird {

using rpc::ServerCall;

class HandsServer::Impl {
 public:
  Impl(Loop& loop, HandsService& service, RpcOptions options)
      : service_(service), host_(loop, std::move(options), "hands") {
    add(rpc::kHandsExecuteTool, &Impl::execute_tool);
    add(rpc::kListTools, &Impl::list_tools);
    add(rpc::kHealth, &Impl::health);
    add(rpc::kDecideApproval, &Impl::decide);
    add(rpc::kListApprovals, &Impl::list_approvals);
    add(rpc::kGetToolMode, &Impl::get_mode);
    add(rpc::kSetToolMode, &Impl::set_mode);
    add(rpc::kListGrants, &Impl::list_grants);
    add(rpc::kRevokeGrant, &Impl::revoke_grant);
    add(rpc::kManageSkills, &Impl::manage_skills);
  }
  rpc::ServerHost& host() { return host_; }

 private:
  using Method = Task<Status> (Impl::*)(std::shared_ptr<ServerCall>);

  void add(const char* name, Method method) {
    host_.handle(name, [this, method](std::shared_ptr<ServerCall> call) { return (this->*method)(std::move(call)); });
  }

  Task<Status> execute_tool(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(start, rpc::tool_start_from_wire(bytes));
    call->set_text_encoder(
        [](std::string text) { return rpc::to_wire(rpc::ToolEvent(rpc::TextDelta{std::move(text)})); });
    ToolObserver observer;
    observer.output = [call](std::string_view text) { call->send_text(text); };
    // A caller that is gone stops the call by itself.
    observer.progress = [call](const ToolProgress& progress) { call->send(rpc::to_wire(rpc::ToolEvent(progress))); };
    if (start.can_ask) {
      observer.approval = [call](const Approval& approval) { call->send(rpc::to_wire(rpc::ToolEvent(approval))); };
    }
    LB_CO_TRY(result, co_await service_.execute_tool(std::move(start.request), std::move(observer), call->token()));
    co_return rpc::send_message(*call, rpc::to_wire(rpc::ToolEvent(std::move(result))));
  }
  Task<Status> list_tools(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(request, rpc::list_tools_request_from_wire(bytes));
    LB_CO_TRY(tools, co_await service_.list_tools(std::move(request.principal), request.seen));
    co_return rpc::send_message(*call, rpc::to_wire(tools));
  }
  Task<Status> health(std::shared_ptr<ServerCall> call) {
    LB_CO_CHECK(co_await rpc::receive_request(call));
    LB_CO_TRY(health, co_await service_.health());
    co_return rpc::send_message(*call, rpc::to_wire(health));
  }
  Task<Status> decide(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(request, rpc::decide_request_from_wire(bytes));
    LB_CO_TRY(approval,
              co_await service_.decide(std::move(request.principal), std::move(request.approval_id), request.decision));
    co_return rpc::send_message(*call, rpc::to_wire(approval));
  }
  Task<Status> list_approvals(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(request, rpc::list_approvals_request_from_wire(bytes));
    LB_CO_TRY(approvals,
              co_await service_.list_approvals(std::move(request.principal), request.open_only, request.limit));
    co_return rpc::send_message(*call, rpc::to_wire(approvals));
  }
  Task<Status> get_mode(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(request, rpc::mode_request_from_wire(bytes));
    LB_CO_TRY(mode, co_await service_.get_mode(std::move(request.principal), std::move(request.conversation_id)));
    co_return rpc::send_message(*call, rpc::to_wire(mode));
  }
  Task<Status> set_mode(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(request, rpc::mode_request_from_wire(bytes));
    LB_CO_TRY(mode, co_await service_.set_mode(std::move(request.principal), std::move(request.conversation_id),
                                               request.mode));
    co_return rpc::send_message(*call, rpc::to_wire(mode));
  }
  Task<Status> list_grants(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(principal, rpc::principal_from_wire(bytes));
    LB_CO_TRY(grants, co_await service_.list_grants(std::move(principal)));
    co_return rpc::send_message(*call, rpc::to_wire(grants));
  }
  Task<Status> revoke_grant(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(request, rpc::revoke_request_from_wire(bytes));
    LB_CO_CHECK(co_await service_.revoke_grant(std::move(request.principal), std::move(request.id)));
    co_return rpc::send_message(*call, std::string());
  }

  Task<Status> manage_skills(std::shared_ptr<ServerCall> call) {
    LB_CO_TRY(bytes, co_await rpc::receive_request(call));
    LB_CO_TRY(request, rpc::skill_call_from_wire(bytes));
    SkillService* skills = service_.skills();
    if (skills == nullptr) co_return make_error(Code::failed_precondition, "These hands keep no skills.");
    LB_CO_TRY(answer, co_await rpc::answer_skill_call(*skills, std::move(request), call->token()));
    co_return rpc::send_message(*call, rpc::to_wire(answer));
  }

  HandsService& service_;
  rpc::ServerHost host_;
};

namespace {

RpcOptions with_default(RpcOptions options) {
  if (options.address.empty()) options.address = kHandsAddress;
  return options;
}

}  // namespace

HandsServer::HandsServer(Loop& loop, HandsService& service, RpcOptions options)
    : impl_(std::make_unique<Impl>(loop, service, with_default(std::move(options)))) {}
HandsServer::~HandsServer() = default;
Status HandsServer::start() { return impl_->host().start(); }
Task<void> HandsServer::stop() { return impl_->host().stop(); }
int HandsServer::port() const { return impl_->host().port(); }

}  // namespace librebird
