#include <librebird/cli/limits.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

#include "find_account.hpp"
#include "terminal.hpp"

namespace librebird::cli {
namespace {

bool changes(const LimitsCommand& command) {
  return command.messages_a_day || command.tokens_a_day || command.tokens_a_month || command.cost_a_month ||
         command.bytes;
}

void print(const UsageLimits& limits, bool configured, bool json) {
  if (json) {
    JsonWriter line;
    line.begin_object().field("messages_a_day", limits.messages_a_day).field("tokens_a_day", limits.tokens_a_day);
    line.field("tokens_a_month", limits.tokens_a_month).field("cost_a_month", limits.cost_a_month);
    line.field("bytes", limits.bytes).field("configured", configured).end_object();
    fmt::print("{}\n", line.text());
    return;
  }
  const auto row = [](std::string_view what, std::int64_t limit) {
    fmt::print("{:<22}{}\n", what, limit == 0 ? "no limit" : fmt::format("{}", limit));
  };
  row("messages a day", limits.messages_a_day);
  row("tokens a day", limits.tokens_a_day);
  row("tokens a month", limits.tokens_a_month);
  row("cost a month", limits.cost_a_month);
  row("bytes kept", limits.bytes);
  fmt::print("({}; costs are millionths of the currency of limits.prices)\n",
             configured ? "as configured" : "set by the operator");
}

}  // namespace

Task<int> run_limits(Operator op, UsageStore& usage, UsageRules configured, LimitsCommand command) {
  auto principal = co_await op.identities.ensure_owner();
  if (!principal) co_return fail(principal.error());
  std::string user;
  if (command.workspace.empty()) {
    const auto account = co_await find_account(op, command.user);
    if (!account) co_return fail(account.error());
    user = account->account.user.id;
  } else {
    // Its audit log is the one that has to say it.
    principal = co_await op.workspaces.owner_of(command.workspace);
    if (!principal) co_return fail(principal.error());
  }
  const auto stored = co_await usage.operator_limits(command.workspace, user);
  if (!stored) co_return fail(stored.error());
  const UsageLimits& otherwise = user.empty() ? configured.workspace : configured.user;
  UsageLimits limits = stored->value_or(otherwise);
  bool as_configured = !stored->has_value();
  if (command.as_configured || changes(command)) {
    if (command.as_configured) limits = otherwise;
    limits.messages_a_day = command.messages_a_day.value_or(limits.messages_a_day);
    limits.tokens_a_day = command.tokens_a_day.value_or(limits.tokens_a_day);
    limits.tokens_a_month = command.tokens_a_month.value_or(limits.tokens_a_month);
    limits.cost_a_month = command.cost_a_month.value_or(limits.cost_a_month);
    limits.bytes = command.bytes.value_or(limits.bytes);
    as_configured = !changes(command);
    const Status set = co_await usage.set_operator_limits(
        *principal, command.workspace, user, as_configured ? std::nullopt : std::optional<UsageLimits>(limits));
    if (!set) co_return fail(set.error());
  }
  print(limits, as_configured, command.json);
  co_return 0;
}

}  // namespace librebird::cli
