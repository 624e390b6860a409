#include <librebird/core/ports/usage_store.hpp>

#include <fmt/format.h>

#include "factories.hpp"
#include "membership.hpp"
#include "rows.hpp"
#include "usage_rows.hpp"

namespace librebird::storage {
namespace {

using policy::Permission;

Result<UsageTotals> all_of(Connection& db, std::string_view of, const Principal& who, UnixMillis now) {
  LB_TRY(totals, totals_of(db, of, who, now));
  LB_TRY(bytes, bytes_of(db, of, who));
  totals.bytes = bytes;
  return totals;
}

Result<std::vector<LimitUse>> all_lines(Connection& db, const HoldingLimits& holding, const Principal& who,
                                        UnixMillis now) {
  LB_TRY(used, all_of(db, holding.of, who, now));
  std::vector<LimitUse> lines = lines_of(holding, used, now);
  if (holding.limits.bytes > 0) {
    lines.push_back(
        {std::string(holding.of), "bytes", used.bytes, holding.limits.bytes, std::string(holding.raised_by), 0});
  }
  return lines;
}

Status put_limits(Connection& db, std::string_view set_for, std::string_view workspace_id, std::string_view user_id,
                  const std::optional<UsageLimits>& limits) {
  LB_CHECK(db.execute("DELETE FROM usage_limits WHERE set_for = $1 AND workspace_id = $2 AND user_id = $3", set_for,
                      workspace_id, user_id));
  if (!limits) return Ok{};
  LB_CHECK(
      db.execute("INSERT INTO usage_limits (set_for, workspace_id, user_id, messages_a_day, tokens_a_day, "
                 "tokens_a_month, cost_a_month, bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                 set_for, workspace_id, user_id, limits->messages_a_day, limits->tokens_a_day, limits->tokens_a_month,
                 limits->cost_a_month, limits->bytes));
  return Ok{};
}

std::string words_of(const std::optional<UsageLimits>& limits) {
  if (!limits) return "limits: as configured";
  return fmt::format("limits: {} messages and {} tokens a day, {} tokens and {} cost a month, {} bytes",
                     limits->messages_a_day, limits->tokens_a_day, limits->tokens_a_month, limits->cost_a_month,
                     limits->bytes);
}

std::optional<UsageLimits> unless_empty(UsageLimits limits) {
  return limits == UsageLimits{} ? std::nullopt : std::optional<UsageLimits>(limits);
}

class SqlUsageStore final : public UsageStore {
 public:
  explicit SqlUsageStore(Context context) : context_(context) {}

  Task<Status> begin(Principal principal, std::string id, UsageRules rules) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_TRY(holding, limits_that_hold(db, principal, rules));
      return count_usage(db, principal, id, holding, now);
    };
    co_return co_await context_.database.write(as(principal), work);
  }

  Task<Status> end(std::string id, Spent spent) override {
    auto work = [&](Connection& db) -> Status {
      LB_CHECK(db.execute("UPDATE usage_entries SET tokens = tokens + $2, cost = cost + $3 WHERE id = $1", id,
                          spent.tokens, spent.cost));
      return Ok{};
    };
    co_return co_await context_.database.write(kServiceParallel, work);
  }

  Task<Status> may_store(Principal principal, UsageRules rules, std::int64_t bytes) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(holding, limits_that_hold(db, principal, rules));
      return check_room(db, principal, holding, bytes);
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<UsageReport>> mine(Principal principal, UsageRules rules) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<UsageReport> {
      LB_TRY(me, actor(db, principal, Permission::use_account));
      return report(db, "member", me, rules, now);
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<WorkspaceUsage>> of_workspace(Principal principal, UsageRules rules) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<WorkspaceUsage> {
      LB_TRY(me, actor(db, principal, Permission::manage_members));
      WorkspaceUsage out;
      LB_TRY(whole, report(db, "workspace", me, rules, now));
      std::erase_if(whole.lines, [](const LimitUse& line) { return line.of != "workspace"; });
      out.report = std::move(whole);
      LB_TRY(own, stored_limits(db, "workspace", me.workspace_id, ""));
      out.own = own.value_or(UsageLimits{});
      LB_TRY(members, db.all("SELECT " LB_MEMBERS " WHERE m.workspace_id = $1 ORDER BY m.joined_at, m.user_id",
                             member_row, me.workspace_id));
      for (Member& each : members) {
        Principal who = me;
        who.user_id = each.user_id;
        LB_TRY(used, all_of(db, "member", who, now));
        LB_TRY(limits, stored_limits(db, "workspace", me.workspace_id, each.user_id));
        out.members.push_back(
            {std::move(each.user_id), std::move(each.display_name), used, limits.value_or(UsageLimits{})});
      }
      return out;
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Status> limit_workspace(Principal principal, UsageLimits limits) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(me, actor(db, principal, Permission::manage_workspace));
      LB_CHECK(put_limits(db, "workspace", me.workspace_id, "", unless_empty(limits)));
      return note(db, context_.audit, me, "workspace", words_of(limits));
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> limit_member(Principal principal, std::string user_id, UsageLimits limits) override {
    auto work = [&](Connection& db) -> Status {
      LB_TRY(me, actor(db, principal, Permission::manage_members));
      LB_TRY(target, member(db, me.workspace_id, user_id));
      if (target.role >= me.role) {
        return {Code::permission_denied,
                "Nobody limits somebody who stands as high, or himself; ask the owner of the workspace."};
      }
      LB_CHECK(put_limits(db, "workspace", me.workspace_id, user_id, unless_empty(limits)));
      return note(db, context_.audit, me, user_id, words_of(limits));
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Status> set_operator_limits(Principal principal, std::string workspace_id, std::string user_id,
                                   std::optional<UsageLimits> limits) override {
    if (workspace_id.empty() == user_id.empty()) {
      co_return make_error(Code::invalid_argument, "Name a user or a workspace, and not both.");
    }
    auto work = [&](Connection& db) -> Status {
      auto number = [](const Row& row) { return row.integer(0); };
      LB_CHECK(user_id.empty()
                   ? found(db.one("SELECT 1 FROM workspaces WHERE id = $1", number, workspace_id), "workspace")
                   : found(db.one("SELECT 1 FROM users WHERE id = $1", number, user_id), "user"));
      LB_CHECK(put_limits(db, "operator", workspace_id, user_id, limits));
      return note(db, context_.audit, principal, user_id.empty() ? workspace_id : user_id, words_of(limits));
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::optional<UsageLimits>>> operator_limits(std::string workspace_id, std::string user_id) override {
    auto work = [&](Connection& db) { return stored_limits(db, "operator", workspace_id, user_id); };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::int64_t>> prune() override {
    const UnixMillis before = usage_times(context_.clock.unix_now()).month;
    auto work = [&](Connection& db) { return db.execute("DELETE FROM usage_entries WHERE at < $1", before); };
    co_return co_await context_.database.write(kServiceParallel, work);
  }

 private:
  static Result<UsageReport> report(Connection& db, std::string_view of, const Principal& who, const UsageRules& rules,
                                    UnixMillis now) {
    UsageReport out;
    LB_TRY(used, all_of(db, of, who, now));
    out.used = used;
    LB_TRY(holding, limits_that_hold(db, who, rules));
    for (const HoldingLimits& each : holding) {
      LB_TRY(lines, all_lines(db, each, who, now));
      out.lines.insert(out.lines.end(), lines.begin(), lines.end());
    }
    return out;
  }

  Context context_;
};

}  // namespace

std::unique_ptr<UsageStore> make_usage_store(Context context) { return std::make_unique<SqlUsageStore>(context); }

}  // namespace librebird::storage
