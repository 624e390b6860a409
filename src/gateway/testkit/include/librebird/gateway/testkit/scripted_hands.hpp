#pragma once

// Hands that run nothing and remember what was decided. Loop only.

#include <librebird/core/ports/hands_service.hpp>

#include <string>
#include <utility>
#include <vector>

namespace librebird::gateway::testkit {

class ScriptedHands final : public HandsService {
 public:
  Task<Result<ToolResult>> execute_tool(ToolRequest, ToolObserver, std::stop_token) override {
    co_return make_error(Code::unavailable, "no tools");
  }
  Task<Result<std::vector<ToolSpec>>> list_tools(Principal, std::optional<std::int64_t>) override {
    co_return std::vector<ToolSpec>{};
  }
  Task<Result<HandsHealth>> health() override { co_return HandsHealth{}; }
  Task<Result<Approval>> decide(Principal principal, std::string id, ApprovalDecision decision) override {
    if (id == "absent") co_return make_error(Code::not_found, "There is no approval with this id.");
    decided.emplace_back(id, decision);
    Approval approval;
    approval.id = std::move(id);
    approval.principal = std::move(principal);
    approval.state = decision == ApprovalDecision::deny ? ApprovalState::denied : ApprovalState::granted;
    approval.decision = decision;
    co_return approval;
  }
  Task<Result<std::vector<Approval>>> list_approvals(Principal, bool, int) override {
    co_return std::vector<Approval>{};
  }
  Task<Result<ToolMode>> get_mode(Principal, std::string) override { co_return ToolMode{}; }
  Task<Result<ToolMode>> set_mode(Principal, std::string, std::optional<ApprovalMode>) override {
    co_return ToolMode{};
  }
  Task<Result<std::vector<Grant>>> list_grants(Principal) override { co_return std::vector<Grant>{}; }
  Task<Status> revoke_grant(Principal, std::string) override { co_return Ok{}; }

  std::vector<std::pair<std::string, ApprovalDecision>> decided;
};

}  // namespace librebird::gateway::testkit
