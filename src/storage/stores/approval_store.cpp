#include <librebird/core/ports/approval_stores.hpp>

#include "approval_codec.hpp"
#include "factories.hpp"
#include "rows.hpp"

#include <algorithm>

namespace librebird::storage {
namespace {

Result<ApprovalMode> mode_row(const Row& row) {
  const auto mode = approval_mode_from_string(row.text(0));
  if (!mode) return {Code::data_loss, "A stored mode of tools cannot be read: restore the database from a backup."};
  return *mode;
}

Result<std::optional<ApprovalMode>> workspace_mode(Connection& db, const Principal& principal) {
  return db.one("SELECT mode FROM workspace_tool_modes WHERE workspace_id = $1", mode_row, principal.workspace_id);
}

Result<std::optional<ApprovalMode>> conversation_mode(Connection& db, const Principal& principal,
                                                      const std::string& conversation_id) {
  if (conversation_id.empty()) return std::optional<ApprovalMode>();
  return db.one(
      "SELECT m.mode FROM conversation_tool_modes m JOIN conversations c ON c.id = m.conversation_id "
      "WHERE m.conversation_id = $1 AND c.workspace_id = $2 AND c.user_id = $3",
      mode_row, conversation_id, principal.workspace_id, principal.user_id);
}

class SqlApprovalStore final : public ApprovalStore {
 public:
  explicit SqlApprovalStore(Context context) : context_(context) {}

  Task<Result<Standing>> standing(Principal principal, std::string conversation_id, std::string skill,
                                  ToolCall call) override {
    auto work = [&](Connection& db) -> Result<Standing> {
      Standing standing;
      LB_TRY(workspace, workspace_mode(db, principal));
      standing.workspace = workspace;
      LB_TRY(conversation, conversation_mode(db, principal, conversation_id));
      standing.conversation = conversation;
      LB_TRY(grants, db.all("SELECT " LB_GRANT_COLUMNS
                            " FROM tool_grants WHERE workspace_id = $1 AND user_id = $2 AND skill = $3 AND tool = $4",
                            grant_row, principal.workspace_id, principal.user_id, skill, call.name));
      standing.grants = std::move(grants);
      LB_TRY(asked, db.one("SELECT " LB_APPROVAL_COLUMNS
                           " FROM approvals WHERE call_id = $1 AND workspace_id = $2 AND user_id = $3 "
                           "ORDER BY id DESC LIMIT 1",
                           approval_row, call.id, principal.workspace_id, principal.user_id));
      standing.asked = std::move(asked);
      auto count = [](const Row& row) { return row.integer(0); };
      LB_TRY(open, db.one("SELECT COUNT(*) FROM approvals WHERE workspace_id = $1 AND user_id = $2 AND state = 'open' "
                          "AND expires_at > $3",
                          count, principal.workspace_id, principal.user_id, context_.clock.unix_now()));
      standing.open = static_cast<std::size_t>(open.value_or(0));
      return standing;
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<ToolMode>> get_mode(Principal principal, std::string conversation_id) override {
    auto work = [&](Connection& db) -> Result<ToolMode> {
      ToolMode mode;
      if (!conversation_id.empty()) LB_CHECK(get_conversation(db, principal, conversation_id));
      LB_TRY(workspace, workspace_mode(db, principal));
      mode.workspace = workspace;
      LB_TRY(conversation, conversation_mode(db, principal, conversation_id));
      mode.conversation = conversation;
      return mode;
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Status> set_workspace_mode(Principal principal, std::optional<ApprovalMode> mode) override {
    auto work = [&](Connection& db) -> Status {
      if (!mode) {
        LB_CHECK(db.execute("DELETE FROM workspace_tool_modes WHERE workspace_id = $1", principal.workspace_id));
        return Ok{};
      }
      LB_CHECK(
          db.execute("INSERT INTO workspace_tool_modes (workspace_id, mode, set_by, set_at) "
                     "VALUES ($1, $2, $3, $4) ON CONFLICT (workspace_id) DO UPDATE SET mode = excluded.mode, "
                     "set_by = excluded.set_by, set_at = excluded.set_at",
                     principal.workspace_id, to_string(*mode), principal.user_id, context_.clock.unix_now()));
      return Ok{};
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> set_conversation_mode(Principal principal, std::string conversation_id,
                                     std::optional<ApprovalMode> mode) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(own_conversation(db, principal, conversation_id, "Setting a conversation's mode"));
      if (!mode) {
        LB_CHECK(db.execute("DELETE FROM conversation_tool_modes WHERE conversation_id = $1", conversation_id));
        return Ok{};
      }
      LB_CHECK(
          db.execute("INSERT INTO conversation_tool_modes (conversation_id, mode, set_by, set_at) "
                     "VALUES ($1, $2, $3, $4) ON CONFLICT (conversation_id) DO UPDATE SET mode = excluded.mode, "
                     "set_by = excluded.set_by, set_at = excluded.set_at",
                     conversation_id, to_string(*mode), principal.user_id, context_.clock.unix_now()));
      return Ok{};
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> add(Approval approval) override {
    approval.call.arguments_json = clean_text(std::move(approval.call.arguments_json));
    approval.reason = clean_text(std::move(approval.reason));
    const std::string use = encode_use(approval.use);
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(db.execute("INSERT INTO approvals (" LB_APPROVAL_COLUMNS
                          ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 'open', NULL, '', $14, "
                          "$15, NULL)",
                          approval.id, approval.principal.workspace_id, approval.principal.user_id,
                          to_string(approval.principal.role), approval.principal.credential_id,
                          approval.conversation_id, approval.turn_id, approval.call.id, approval.skill,
                          approval.call.name, approval.call.arguments_json, use, approval.reason, approval.created_at,
                          approval.expires_at));
      return Ok{};
    };
    co_return co_await context_.database.write(as(approval.principal), work);
  }

  Task<Result<Approval>> get(Principal principal, std::string id) override {
    auto work = [&](Connection& db) -> Result<Approval> { return owned(db, principal, id); };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<Approval>> decide(Principal principal, std::string id, ApprovalDecision decision,
                                std::vector<Grant> grants) override {
    const UnixMillis now = context_.clock.unix_now();
    for (Grant& grant : grants) grant.id = context_.ids.next();
    auto work = [&](Connection& db) -> Result<Approval> {
      LB_TRY(before, owned(db, principal, id));
      if (before.state != ApprovalState::open) {
        return {Code::failed_precondition,
                "This question is " + std::string(to_string(before.state)) + " already; nothing was changed."};
      }
      if (before.expires_at <= now) {
        return {Code::failed_precondition,
                "The time to answer this question is over, which counts as no. Ask for it again."};
      }
      const ApprovalState state = decision == ApprovalDecision::deny ? ApprovalState::denied : ApprovalState::granted;
      LB_CHECK(
          db.execute("UPDATE approvals SET state = $2, decision = $3, decided_by = $4, decided_at = $5 "
                     "WHERE id = $1 AND state = 'open'",
                     id, to_string(state), to_string(decision), principal.credential_id, now));
      for (const Grant& grant : grants) {
        LB_CHECK(db.execute("INSERT INTO tool_grants (" LB_GRANT_COLUMNS
                            ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
                            grant.id, principal.user_id, principal.workspace_id, grant.skill, grant.tool, grant.host,
                            grant.program, now));
      }
      return owned(db, principal, id);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Result<Approval>> close(std::string id, ApprovalState state) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<Approval> {
      LB_CHECK(db.execute("UPDATE approvals SET state = $2, decided_at = $3 WHERE id = $1 AND state = 'open'", id,
                          to_string(state), now));
      return found(db.one("SELECT " LB_APPROVAL_COLUMNS " FROM approvals WHERE id = $1", approval_row, id), "approval");
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::vector<Approval>>> list(Principal principal, bool open_only, int limit) override {
    const int bounded = std::clamp(limit, 1, 1000);
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<std::vector<Approval>> {
      if (open_only) {
        return db.all("SELECT " LB_APPROVAL_COLUMNS
                      " FROM approvals WHERE workspace_id = $1 AND user_id = $2 AND state = 'open' AND expires_at > $3 "
                      "ORDER BY id DESC LIMIT $4",
                      approval_row, principal.workspace_id, principal.user_id, now, bounded);
      }
      return db.all("SELECT " LB_APPROVAL_COLUMNS
                    " FROM approvals WHERE workspace_id = $1 AND user_id = $2 ORDER BY id DESC LIMIT $3",
                    approval_row, principal.workspace_id, principal.user_id, bounded);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Result<std::vector<Grant>>> list_grants(Principal principal) override {
    auto work = [&](Connection& db) {
      return db.all("SELECT " LB_GRANT_COLUMNS
                    " FROM tool_grants WHERE workspace_id = $1 AND user_id = $2 ORDER BY tool, host, program",
                    grant_row, principal.workspace_id, principal.user_id);
    };
    co_return co_await context_.database.read(as(principal), work);
  }

  Task<Status> revoke_grant(Principal principal, std::string id) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(gone, db.execute("DELETE FROM tool_grants WHERE id = $1 AND workspace_id = $2 AND user_id = $3", id,
                              principal.workspace_id, principal.user_id));
      if (gone == 0) return not_found("grant");
      return Ok{};
    };
    co_return co_await context_.database.write(as(principal), work);
  }

 private:
  static Result<Approval> owned(Connection& db, const Principal& principal, const std::string& id) {
    return found(
        db.one("SELECT " LB_APPROVAL_COLUMNS " FROM approvals WHERE id = $1 AND workspace_id = $2 AND user_id = $3",
               approval_row, id, principal.workspace_id, principal.user_id),
        "approval");
  }
  Context context_;
};

}  // namespace

std::unique_ptr<ApprovalStore> make_approval_store(Context context) {
  return std::make_unique<SqlApprovalStore>(context);
}

}  // namespace librebird::storage
