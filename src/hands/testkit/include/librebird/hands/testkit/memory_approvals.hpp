#pragma once

// Stand-ins for tests of the hands: approvals and quotas in memory. Loop only.

#include <librebird/core/ports/approval_stores.hpp>

#include <algorithm>
#include <map>
#include <string>
#include <tuple>
#include <vector>

namespace librebird::testkit {

class MemoryApprovalStore final : public ApprovalStore {
 public:
  explicit MemoryApprovalStore(const Clock& clock) : clock_(clock) {}

  Task<Result<Standing>> standing(Principal principal, std::string conversation_id, std::string skill,
                                  ToolCall call) override {
    if (broken) co_return make_error(Code::unavailable, "The disk is full.");
    Standing standing;
    standing.workspace = workspace;
    if (const auto found = conversations.find(conversation_id); found != conversations.end()) {
      standing.conversation = found->second;
    }
    for (const Grant& grant : grants) {
      if (grant.user_id == principal.user_id && grant.skill == skill && grant.tool == call.name) {
        standing.grants.push_back(grant);
      }
    }
    for (const Approval& approval : approvals) {
      if (approval.principal.user_id != principal.user_id) continue;
      if (approval.call.id == call.id) standing.asked = approval;
      if (approval.state == ApprovalState::open) ++standing.open;
    }
    co_return standing;
  }
  Task<Result<ToolMode>> get_mode(Principal, std::string conversation_id) override {
    ToolMode mode;
    mode.workspace = workspace;
    if (const auto found = conversations.find(conversation_id); found != conversations.end()) {
      mode.conversation = found->second;
    }
    co_return mode;
  }
  Task<Status> set_workspace_mode(Principal, std::optional<ApprovalMode> mode) override {
    workspace = mode;
    co_return Ok{};
  }
  Task<Status> set_conversation_mode(Principal, std::string id, std::optional<ApprovalMode> mode) override {
    conversations.erase(id);
    if (mode) conversations[id] = *mode;
    co_return Ok{};
  }
  Task<Status> add(Approval approval) override {
    if (broken) co_return make_error(Code::unavailable, "The disk is full.");
    approvals.push_back(std::move(approval));
    co_return Ok{};
  }
  Task<Result<Approval>> get(Principal principal, std::string id) override {
    const Approval* found = find(id);
    if (found == nullptr || found->principal.user_id != principal.user_id) {
      co_return make_error(Code::not_found, "There is no approval with this id.");
    }
    co_return *found;
  }
  Task<Result<Approval>> decide(Principal principal, std::string id, ApprovalDecision decision,
                                std::vector<Grant> more) override {
    Approval* found = find(id);
    if (found == nullptr) co_return make_error(Code::not_found, "There is no approval with this id.");
    if (found->state != ApprovalState::open || found->expires_at <= clock_.unix_now()) {
      co_return make_error(Code::failed_precondition, "It is over.");
    }
    found->state = decision == ApprovalDecision::deny ? ApprovalState::denied : ApprovalState::granted;
    found->decision = decision;
    found->decided_by = principal.credential_id;
    found->decided_at = clock_.unix_now();
    for (Grant& grant : more) {
      grant.id = "g" + std::to_string(grants.size());
      grants.push_back(std::move(grant));
    }
    co_return *found;
  }
  Task<Result<Approval>> close(std::string id, ApprovalState state) override {
    Approval* found = find(id);
    if (found == nullptr) co_return make_error(Code::not_found, "There is no approval with this id.");
    if (found->state == ApprovalState::open) found->state = state;
    co_return *found;
  }
  Task<Result<std::vector<Approval>>> list(Principal, bool open_only, int) override {
    std::vector<Approval> out;
    for (const Approval& approval : approvals) {
      if (!open_only || approval.state == ApprovalState::open) out.insert(out.begin(), approval);
    }
    co_return out;
  }
  Task<Result<std::vector<Grant>>> list_grants(Principal) override { co_return grants; }
  Task<Status> revoke_grant(Principal, std::string id) override {
    if (std::erase_if(grants, [&](const Grant& grant) { return grant.id == id; }) == 0) {
      co_return Error{Code::not_found, "There is no grant with this id."};
    }
    co_return Ok{};
  }

  std::optional<ApprovalMode> workspace;
  std::map<std::string, ApprovalMode> conversations;
  std::vector<Approval> approvals;
  std::vector<Grant> grants;
  bool broken = false;

 private:
  Approval* find(const std::string& id) {
    const auto found = std::ranges::find(approvals, id, &Approval::id);
    return found == approvals.end() ? nullptr : &*found;
  }
  const Clock& clock_;
};

class MemoryQuotaStore final : public QuotaStore {
 public:
  Task<Result<std::vector<QuotaUse>>> read(std::vector<QuotaUse> of) override {
    ++reads;
    for (QuotaUse& use : of) use.used = rows[key(use)];
    co_return of;
  }
  Task<Result<std::vector<QuotaUse>>> add(std::vector<QuotaUse> more) override {
    ++writes;
    if (broken) co_return make_error(Code::unavailable, "The disk is full.");
    for (QuotaUse& use : more) use.used = rows[key(use)] += use.used;
    co_return more;
  }

  using Key = std::tuple<QuotaScope, std::string, QuotaWindow, UnixMillis>;
  static Key key(const QuotaUse& use) { return {use.scope, use.subject, use.window, use.start}; }
  std::map<Key, ToolUsage> rows;
  int reads = 0;
  int writes = 0;
  bool broken = false;
};

}  // namespace librebird::testkit
