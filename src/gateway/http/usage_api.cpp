// What is used, the limits, and how long conversations are kept.
#include <librebird/gateway/body.hpp>
#include <librebird/gateway/views.hpp>

#include "api.hpp"

namespace librebird::gateway {
namespace {

using gateway::write;

constexpr std::int64_t kMost = 1'000'000'000'000'000;

void write(JsonWriter& json, const UsageTotals& used) {
  json.begin_object().field("messages_today", used.messages_today).field("tokens_today", used.tokens_today);
  json.field("tokens_this_month", used.tokens_this_month).field("cost_this_month", used.cost_this_month);
  json.field("bytes", used.bytes).end_object();
}

void write(JsonWriter& json, const UsageLimits& limits) {
  json.begin_object().field("messages_a_day", limits.messages_a_day).field("tokens_a_day", limits.tokens_a_day);
  json.field("tokens_a_month", limits.tokens_a_month).field("cost_a_month", limits.cost_a_month);
  json.field("bytes", limits.bytes).end_object();
}

void write_report(JsonWriter& json, const UsageReport& report) {
  json.key("used");
  write(json, report.used);
  json.key("limits").begin_array();
  for (const LimitUse& line : report.lines) write(json, line);
  json.end_array();
}

JsonWriter& write(JsonWriter& json, const RetentionRules& rules) {
  return json.field("conversation_days", rules.conversation_days).field("archived_days", rules.archived_days);
}

Result<UsageLimits> read_limits(const Call& call) {
  LB_TRY(body, Body::parse(call.request().body));
  UsageLimits limits;
  const auto read = [&body](std::string_view name, std::int64_t& into) -> Status {
    LB_TRY(value, body.optional_integer(name, 0, kMost));
    into = value.value_or(0);
    return Ok{};
  };
  LB_CHECK(read("messages_a_day", limits.messages_a_day));
  LB_CHECK(read("tokens_a_day", limits.tokens_a_day));
  LB_CHECK(read("tokens_a_month", limits.tokens_a_month));
  LB_CHECK(read("cost_a_month", limits.cost_a_month));
  LB_CHECK(read("bytes", limits.bytes));
  LB_CHECK(body.done());
  return limits;
}

net::Response limits_response(const UsageLimits& limits) {
  JsonWriter json;
  write(json, limits);
  return json_response(200, std::move(json).take());
}

}  // namespace

Task<Answer> Api::my_usage(Call& call) {
  LB_CO_TRY(report, co_await services_.usage.mine(call.caller.principal, options_.intake.limits));
  JsonWriter json;
  json.begin_object();
  write_report(json, report);
  json.end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::workspace_usage(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  LB_CO_TRY(usage, co_await services_.usage.of_workspace(call.caller.principal, options_.intake.limits));
  JsonWriter json;
  json.begin_object();
  write_report(json, usage.report);
  json.key("own_limits");
  write(json, usage.own);
  json.key("members").begin_array();
  for (const MemberUsage& member : usage.members) {
    json.begin_object().field("user_id", member.user_id).field("display_name", member.display_name).key("used");
    write(json, member.used);
    json.key("limits");
    write(json, member.limits);
    json.end_object();
  }
  json.end_array().end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::limit_workspace(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  LB_CO_TRY(limits, read_limits(call));
  LB_CO_CHECK(co_await services_.usage.limit_workspace(call.caller.principal, limits));
  co_return limits_response(limits);
}

Task<Answer> Api::limit_member(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  LB_CO_TRY(limits, read_limits(call));
  LB_CO_CHECK(co_await services_.usage.limit_member(call.caller.principal, call.parameters[1], limits));
  co_return limits_response(limits);
}

Task<Answer> Api::get_retention(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  LB_CO_TRY(rules, co_await services_.retention.get(call.caller.principal));
  JsonWriter json;
  write(json.begin_object(), rules).end_object();
  co_return json_response(200, std::move(json).take());
}

Task<Answer> Api::set_retention(Call& call) {
  LB_CO_CHECK(names_this_workspace(call));
  LB_CO_TRY(body, Body::parse(call.request().body));
  LB_CO_TRY(conversations, body.optional_integer("conversation_days", 0, kMostRetentionDays));
  LB_CO_TRY(archived, body.optional_integer("archived_days", 0, kMostRetentionDays));
  LB_CO_TRY(dry_run, body.optional_flag("dry_run"));
  LB_CO_CHECK(body.done());
  const RetentionRules rules{conversations.value_or(0), archived.value_or(0)};
  LB_CO_TRY(past, co_await services_.retention.count(call.caller.principal, rules));
  if (!dry_run.value_or(false)) LB_CO_CHECK(co_await services_.retention.set(call.caller.principal, rules));
  JsonWriter json;
  write(json.begin_object(), rules).field("conversations_past", past).end_object();
  co_return json_response(200, std::move(json).take());
}

}  // namespace librebird::gateway
