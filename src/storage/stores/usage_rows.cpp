#include "usage_rows.hpp"

#include <fmt/format.h>

#include "rows.hpp"

namespace librebird::storage {
namespace {

UsageLimits limits_row(const Row& row) {
  return {row.integer(0), row.integer(1), row.integer(2), row.integer(3), row.integer(4)};
}

void add(std::vector<HoldingLimits>& holding, std::string_view of, std::string_view raised_by,
         const UsageLimits& limits) {
  if (limits != UsageLimits{}) holding.push_back({of, raised_by, limits});
}

std::string_view words_of(std::string_view what) {
  if (what == "messages_a_day") return "messages of today (UTC)";
  if (what == "tokens_a_day") return "tokens of today (UTC)";
  if (what == "tokens_a_month") return "tokens of this month (UTC)";
  if (what == "cost_a_month") return "millionths of the currency of this month (UTC)";
  return "bytes in conversations";
}

std::string_view whose(std::string_view of) {
  if (of == "user") return "You have";
  if (of == "member") return "You, as a member of this workspace, have";
  return "This workspace has";
}

#define LB_USAGE_TOTALS                                                                                  \
  "SELECT CAST(COALESCE(SUM(CASE WHEN at >= $1 THEN 1 ELSE 0 END), 0) AS BIGINT), "                      \
  "CAST(COALESCE(SUM(CASE WHEN at >= $1 THEN tokens ELSE 0 END), 0) AS BIGINT), "                        \
  "CAST(COALESCE(SUM(tokens), 0) AS BIGINT), CAST(COALESCE(SUM(cost), 0) AS BIGINT) FROM usage_entries " \
  "WHERE at >= $2 AND "

}  // namespace

Result<std::optional<UsageLimits>> stored_limits(Connection& db, std::string_view set_for,
                                                 std::string_view workspace_id, std::string_view user_id) {
  return db.one(
      "SELECT messages_a_day, tokens_a_day, tokens_a_month, cost_a_month, bytes FROM usage_limits "
      "WHERE set_for = $1 AND workspace_id = $2 AND user_id = $3",
      limits_row, set_for, workspace_id, user_id);
}

Result<std::vector<HoldingLimits>> limits_that_hold(Connection& db, const Principal& principal, const UsageRules& rules,
                                                    bool stored) {
  UsageLimits user = rules.user;
  UsageLimits workspace = rules.workspace;
  UsageLimits own;
  UsageLimits member;
  auto visit = [&](const Row& row) {
    const bool by_operator = row.text(5) == "operator";
    const bool of_user = !row.text(6).empty();
    (by_operator ? (of_user ? user : workspace) : (of_user ? member : own)) = limits_row(row);
  };
  if (stored) {
    LB_CHECK(
        db.each("SELECT messages_a_day, tokens_a_day, tokens_a_month, cost_a_month, bytes, set_for, user_id FROM "
                "usage_limits WHERE (set_for = 'operator' AND workspace_id = '' AND user_id = $2) OR "
                "(workspace_id = $1 AND user_id = '') OR "
                "(set_for = 'workspace' AND workspace_id = $1 AND user_id = $2)",
                visit, principal.workspace_id, principal.user_id));
  }
  std::vector<HoldingLimits> holding;
  add(holding, "user", "operator", user);
  add(holding, "workspace", "operator", workspace);
  add(holding, "workspace", "admin", own);
  add(holding, "member", "admin", member);
  return holding;
}

Result<UsageTotals> totals_of(Connection& db, std::string_view of, const Principal& principal, UnixMillis now) {
  const UsageTimes times = usage_times(now);
  auto map = [](const Row& row) {
    return UsageTotals{row.integer(0), row.integer(1), row.integer(2), row.integer(3), 0};
  };
  const auto read = [&]() -> Result<std::optional<UsageTotals>> {
    if (of == "user") return db.one(LB_USAGE_TOTALS "user_id = $3", map, times.day, times.month, principal.user_id);
    if (of == "workspace") {
      return db.one(LB_USAGE_TOTALS "workspace_id = $3", map, times.day, times.month, principal.workspace_id);
    }
    return db.one(LB_USAGE_TOTALS "workspace_id = $3 AND user_id = $4", map, times.day, times.month,
                  principal.workspace_id, principal.user_id);
  };
  LB_TRY(totals, read());
  return totals.value_or(UsageTotals{});
}

Result<std::int64_t> bytes_of(Connection& db, std::string_view of, const Principal& who) {
  auto number = [](const Row& row) { return row.integer(0); };
  const auto read = [&]() -> Result<std::optional<std::int64_t>> {
#define LB_BYTES "SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM conversations WHERE "
    if (of == "user") return db.one(LB_BYTES "user_id = $1", number, who.user_id);
    if (of == "workspace") return db.one(LB_BYTES "workspace_id = $1", number, who.workspace_id);
    return db.one(LB_BYTES "workspace_id = $1 AND user_id = $2", number, who.workspace_id, who.user_id);
#undef LB_BYTES
  };
  LB_TRY(bytes, read());
  return bytes.value_or(0);
}

std::vector<LimitUse> lines_of(const HoldingLimits& holding, const UsageTotals& used, UnixMillis now) {
  const UsageTimes times = usage_times(now);
  const UsageLimits& limits = holding.limits;
  std::vector<LimitUse> lines;
  const auto line = [&](std::string_view what, std::int64_t is, std::int64_t limit, UnixMillis resets_at) {
    if (limit <= 0) return;
    lines.push_back({std::string(holding.of), std::string(what), is, limit, std::string(holding.raised_by), resets_at});
  };
  line("messages_a_day", used.messages_today, limits.messages_a_day, times.next_day);
  line("tokens_a_day", used.tokens_today, limits.tokens_a_day, times.next_day);
  line("tokens_a_month", used.tokens_this_month, limits.tokens_a_month, times.next_month);
  line("cost_a_month", used.cost_this_month, limits.cost_a_month, times.next_month);
  return lines;
}

Error limit_reached(LimitUse line, UnixMillis now) {
  const std::string_view raiser =
      line.raised_by == "operator" ? "The operator of this installation" : "An admin of the workspace";
  // What was refused is not used.
  if (line.what == "messages_a_day") line.used = std::min(line.used, line.limit);
  if (line.resets_at == 0) {
    Error error = make_error(
        Code::too_large, fmt::format("{} used {} of {} {}: delete conversations to make room. {} can raise the limit.",
                                     whose(line.of), line.used, line.limit, words_of(line.what), raiser));
    error.limit = std::make_shared<const LimitUse>(std::move(line));
    return error;
  }
  Error error = make_error(
      Code::resource_exhausted,
      fmt::format("{} used {} of {} {}; the count starts anew at {}. {} can raise the limit.", whose(line.of),
                  line.used, line.limit, words_of(line.what), to_rfc3339(line.resets_at), raiser));
  error.retryable = false;  // not by a client on its own
  error.retry_after = Millis(line.resets_at - now);
  error.limit = std::make_shared<const LimitUse>(std::move(line));
  return error;
}

Status count_usage(Connection& db, const Principal& principal, std::string_view id,
                   const std::vector<HoldingLimits>& holding, UnixMillis now) {
  LB_CHECK(db.post("INSERT INTO usage_entries (id, workspace_id, user_id, at) VALUES ($1, $2, $3, $4)", id,
                   principal.workspace_id, principal.user_id, now));
  for (const HoldingLimits& each : holding) {
    // Writes of a workspace wait for each other; those of a user in several do so here.
    if (each.of == "user") {
      LB_CHECK(
          db.execute("INSERT INTO usage_gates (user_id, passed) VALUES ($1, 1) ON CONFLICT (user_id) DO UPDATE "
                     "SET passed = usage_gates.passed + 1",
                     principal.user_id));
    }
    LB_TRY(used, totals_of(db, each.of, principal, now));
    for (const LimitUse& line : lines_of(each, used, now)) {
      // Of the messages this one is counted already; tokens and money are spent afterwards.
      const bool passed = line.what == "messages_a_day" ? line.used > line.limit : line.used >= line.limit;
      if (passed) return limit_reached(line, now);
    }
  }
  return Ok{};
}

Status check_room(Connection& db, const Principal& principal, const std::vector<HoldingLimits>& holding,
                  std::int64_t more) {
  for (const HoldingLimits& each : holding) {
    if (each.limits.bytes <= 0) continue;
    const AsPlatform platform(db);  // a limit of the workspace counts what others keep
    LB_TRY(used, bytes_of(db, each.of, principal));
    if (used + more > each.limits.bytes) {
      return limit_reached({std::string(each.of), "bytes", used, each.limits.bytes, std::string(each.raised_by), 0}, 0);
    }
  }
  return Ok{};
}

}  // namespace librebird::storage
