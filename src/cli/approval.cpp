#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

namespace librebird::cli {
namespace {

std::string joined(const std::vector<std::string>& list) {
  std::string out;
  for (const std::string& item : list) out += (out.empty() ? "" : ", ") + item;
  return out;
}

std::string name_of(const std::optional<ApprovalMode>& mode) {
  return mode ? std::string(to_string(*mode)) : std::string("not set");
}

void print(const ToolMode& mode, bool conversation) {
  fmt::print("workspace:    {}\n", name_of(mode.workspace));
  if (conversation) fmt::print("conversation: {}\n", name_of(mode.conversation));
  fmt::print("effective:    {}\n", to_string(mode.effective));
}

}  // namespace

Task<int> list_approvals(Operator op, HandsService& hands, bool all, bool json) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto approvals = co_await hands.list_approvals(*owner, !all, 200);
  if (!approvals) co_return fail(approvals.error());
  for (const Approval& approval : *approvals) {
    if (!json) {
      fmt::print("{}  {:<9} until {}  {} {}\n    {}\n", approval.id, to_string(approval.state),
                 to_rfc3339(approval.expires_at), approval.call.name, approval.call.arguments_json, approval.reason);
      continue;
    }
    JsonWriter out;
    out.begin_object().field("id", approval.id).field("state", to_string(approval.state));
    out.field("tool", approval.call.name).field("skill", approval.skill);
    out.field("arguments", approval.call.arguments_json).field("reason", approval.reason);
    out.field("hosts", joined(approval.use.hosts)).field("program", approval.use.program);
    out.field("only_once", approval.use.only_once).field("conversation_id", approval.conversation_id);
    out.field("expires_at", to_rfc3339(approval.expires_at)).end_object();
    fmt::print("{}\n", out.text());
  }
  if (approvals->empty() && !json) fmt::print("No question waits for an answer.\n");
  co_return 0;
}

Task<int> decide_approval(Operator op, HandsService& hands, std::string id, std::string decision) {
  const auto known = approval_decision_from_string(decision);
  if (!known) co_return fail(make_error(Code::invalid_argument, "The decision must be once, always or deny."));
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto approval = co_await hands.decide(*owner, std::move(id), *known);
  if (!approval) co_return fail(approval.error());
  fmt::print("{} is {}.\n", approval->call.name, to_string(approval->state));
  co_return 0;
}

Task<int> list_grants(Operator op, HandsService& hands, bool json) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto grants = co_await hands.list_grants(*owner);
  if (!grants) co_return fail(grants.error());
  for (const Grant& grant : *grants) {
    if (json) {
      JsonWriter out;
      out.begin_object().field("id", grant.id).field("skill", grant.skill).field("tool", grant.tool);
      out.field("host", grant.host).field("program", grant.program);
      out.field("created_at", to_rfc3339(grant.created_at)).end_object();
      fmt::print("{}\n", out.text());
    } else {
      fmt::print("{}  {}/{} {} {}\n", grant.id, grant.skill, grant.tool, grant.host, grant.program);
    }
  }
  if (grants->empty() && !json) fmt::print("There are no standing answers.\n");
  co_return 0;
}

Task<int> revoke_grant(Operator op, HandsService& hands, std::string id) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const Status revoked = co_await hands.revoke_grant(*owner, std::move(id));
  if (!revoked) co_return fail(revoked.error());
  fmt::print("Revoked.\n");
  co_return 0;
}

Task<int> get_tool_policy(Operator op, HandsService& hands, std::string conversation_id) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const bool conversation = !conversation_id.empty();
  const auto mode = co_await hands.get_mode(*owner, std::move(conversation_id));
  if (!mode) co_return fail(mode.error());
  print(*mode, conversation);
  co_return 0;
}

Task<int> set_tool_policy(Operator op, HandsService& hands, std::string conversation_id, std::string mode) {
  std::optional<ApprovalMode> wanted = approval_mode_from_string(mode);
  if (!wanted && mode != "default") {
    co_return fail(make_error(Code::invalid_argument, "The mode must be read_only, ask, auto or default."));
  }
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const bool conversation = !conversation_id.empty();
  const auto now = co_await hands.set_mode(*owner, std::move(conversation_id), wanted);
  if (!now) co_return fail(now.error());
  print(*now, conversation);
  co_return 0;
}

}  // namespace librebird::cli
