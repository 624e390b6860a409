#include <librebird/core/ports/retention_store.hpp>

#include "audit_chain.hpp"
#include "factories.hpp"
#include "membership.hpp"
#include "rows.hpp"

#include <fmt/format.h>

#include <map>

namespace librebird::storage {
namespace {

using policy::Permission;

// Of `conversations c`, the days being `open` and `archived`, and the moment a parameter.
#define LB_PAST_RULES(open, archived, now)                                                       \
  "((c.archived = 0 AND " open " > 0 AND c.updated_at < " now " - " open                         \
  " * 86400000) OR (c.archived <> 0 AND " archived " > 0 AND c.updated_at < " now " - " archived \
  " * 86400000)) AND NOT EXISTS (SELECT 1 FROM turns t WHERE t.conversation_id = c.id AND t.finished_at IS NULL)"

Status check(std::int64_t days, std::string_view what) {
  if (days >= 0 && days <= kMostRetentionDays) return Ok{};
  return {Code::invalid_argument,
          fmt::format("{} must be from 0 (kept for ever) to {} days.", what, kMostRetentionDays)};
}

Status check(const RetentionRules& rules) {
  LB_CHECK(check(rules.conversation_days, "conversation_days"));
  return check(rules.archived_days, "archived_days");
}

std::string words_of(const RetentionRules& rules) {
  const auto days = [](std::int64_t number) {
    return number == 0 ? std::string("for ever") : fmt::format("{} days", number);
  };
  return fmt::format("conversations are kept {}, archived ones {}", days(rules.conversation_days),
                     days(rules.archived_days));
}

class SqlRetentionStore final : public RetentionStore {
 public:
  explicit SqlRetentionStore(Context context) : context_(context) {}

  Task<Result<RetentionRules>> get(Principal principal) override {
    auto work = [&](Connection& db) -> Result<RetentionRules> {
      LB_TRY(me, actor(db, principal, Permission::see_members));
      auto rules = [](const Row& row) { return RetentionRules{row.integer(0), row.integer(1)}; };
      LB_TRY(found, db.one("SELECT conversation_days, archived_days FROM workspace_retention WHERE workspace_id = $1",
                           rules, me.workspace_id));
      return found.value_or(RetentionRules{});
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Status> set(Principal principal, RetentionRules rules) override {
    LB_CO_CHECK(check(rules));
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Status {
      LB_TRY(me, actor(db, principal, Permission::manage_workspace));
      LB_CHECK(
          db.execute("INSERT INTO workspace_retention (workspace_id, conversation_days, archived_days, updated_at) "
                     "VALUES ($1, $2, $3, $4) ON CONFLICT (workspace_id) DO UPDATE SET conversation_days = "
                     "excluded.conversation_days, archived_days = excluded.archived_days, updated_at = "
                     "excluded.updated_at",
                     me.workspace_id, rules.conversation_days, rules.archived_days, now));
      return note(db, context_.audit, me, "retention", words_of(rules));
    };
    co_return co_await context_.database.write(kService, work);
  }

  Task<Result<std::int64_t>> count(Principal principal, RetentionRules rules) override {
    LB_CO_CHECK(check(rules));
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<std::int64_t> {
      LB_TRY(me, actor(db, principal, Permission::manage_workspace));
      auto number = [](const Row& row) { return row.integer(0); };
      LB_TRY(counted, db.one("SELECT COUNT(*) FROM conversations c WHERE c.workspace_id = $1 AND " LB_PAST_RULES(
                                 "CAST($2 AS BIGINT)", "CAST($3 AS BIGINT)", "CAST($4 AS BIGINT)"),
                             number, me.workspace_id, rules.conversation_days, rules.archived_days, now));
      return counted.value_or(0);
    };
    co_return co_await context_.database.read(kService, work);
  }

  Task<Result<std::vector<Conversation>>> sweep(int limit) override {
    const UnixMillis now = context_.clock.unix_now();
    auto work = [&](Connection& db) -> Result<std::vector<Conversation>> {
      LB_TRY(rows, db.all("SELECT " LB_CONVERSATION_COLUMNS
                          " FROM workspace_retention r JOIN conversations c ON c.workspace_id = r.workspace_id "
                          "WHERE " LB_PAST_RULES("r.conversation_days", "r.archived_days",
                                                 "CAST($1 AS BIGINT)") " ORDER BY c.updated_at, c.id LIMIT $2",
                          conversation_row, now, bounded(limit)));
      std::vector<Conversation> removed;
      std::map<std::string, std::int64_t> by_workspace;
      for (ConversationRow& row : rows) {
        LB_TRY(conversation, with_people(db, std::move(row)));
        LB_CHECK(remove_conversation(db, context_, conversation));
        ++by_workspace[conversation.workspace_id];
        removed.push_back(std::move(conversation));
      }
      for (const auto& [workspace, number] : by_workspace) {
        Principal nobody;
        nobody.workspace_id = workspace;
        nobody.role = Role::owner;
        LB_CHECK(note(db, context_.audit, nobody, "retention",
                      fmt::format("{} conversations were deleted because of their age", number)));
      }
      return removed;
    };
    co_return co_await context_.database.write(kService, work);
  }

 private:
  Context context_;
};

}  // namespace

std::unique_ptr<RetentionStore> make_retention_store(Context context) {
  return std::make_unique<SqlRetentionStore>(context);
}

}  // namespace librebird::storage
