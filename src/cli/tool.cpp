#include <librebird/cli/commands.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

namespace librebird::cli {

Task<int> list_tools(Operator op, HandsService& hands, bool json) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto tools = co_await hands.list_tools(*owner);
  if (!tools) co_return fail(tools.error());
  if (!json) {
    for (const ToolSpec& tool : *tools) fmt::print("{:<24} {}\n", tool.name, tool.description);
    co_return 0;
  }
  JsonWriter out;
  out.begin_array();
  for (const ToolSpec& tool : *tools) {
    out.begin_object().field("name", tool.name).field("skill", tool.skill).field("description", tool.description);
    out.raw_field("parameters", tool.parameters_json);
    out.field("runs_on", tool.runs_on == RunsOn::device ? "device" : "sandbox").key("network").begin_array();
    for (const std::string& host : tool.network) out.value(host);
    out.end_array().field("idempotent", tool.idempotent).field("writes", tool.writes).end_object();
  }
  out.end_array();
  fmt::print("{}\n", out.text());
  co_return 0;
}

Task<int> call_tool(Operator op, HandsService& hands, std::string name, std::string arguments_json) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  ToolRequest request;
  request.call = ToolCall{op.ids.next(), std::move(name), std::move(arguments_json)};
  request.principal = *owner;
  const auto on_output = [](std::string_view text) { fmt::print(stderr, "{}", text); };
  const auto result =
      co_await hands.execute_tool(std::move(request), ToolObserver{on_output, {}, {}}, std::stop_token());
  if (!result) co_return fail(result.error());
  fmt::print("{}\n", result->content_json);
  if (result->status != ToolStatus::ok) fmt::print(stderr, "status: {}\n", to_string(result->status));
  co_return result->status == ToolStatus::ok ? 0 : 1;
}

}  // namespace librebird::cli
