#include <librebird/cli/retention.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

#include "terminal.hpp"

namespace librebird::cli {
namespace {

void print(const RetentionRules& rules, std::int64_t past, const RetentionCommand& command) {
  if (command.json) {
    JsonWriter line;
    line.begin_object().field("conversation_days", rules.conversation_days);
    line.field("archived_days", rules.archived_days).field("conversations_past", past);
    line.field("set", !command.dry_run).end_object();
    fmt::print("{}\n", line.text());
    return;
  }
  const auto row = [](std::string_view what, std::int64_t days) {
    fmt::print("{:<25}{}\n", what, days == 0 ? "kept for ever" : fmt::format("{} days after the last message", days));
  };
  row("conversations", rules.conversation_days);
  row("archived conversations", rules.archived_days);
  fmt::print("{} conversations {} past this{}.\n", past, command.dry_run ? "would be" : "are",
             !command.dry_run && past > 0 ? "; a running server deletes them within an hour" : "");
}

}  // namespace

Task<int> run_retention(Operator op, RetentionStore& retention, RetentionCommand command) {
  const auto owner = co_await op.workspaces.owner_of(command.workspace);
  if (!owner) co_return fail(owner.error());
  auto rules = co_await retention.get(*owner);
  if (!rules) co_return fail(rules.error());
  rules->conversation_days = command.conversation_days.value_or(rules->conversation_days);
  rules->archived_days = command.archived_days.value_or(rules->archived_days);
  const auto past = co_await retention.count(*owner, *rules);
  if (!past) co_return fail(past.error());
  if (!command.dry_run && (command.conversation_days || command.archived_days)) {
    if (const Status set = co_await retention.set(*owner, *rules); !set) co_return fail(set.error());
  }
  print(*rules, *past, command);
  co_return 0;
}

}  // namespace librebird::cli
