#include <librebird/cli/commands.hpp>

#include <librebird/base/async/scope.hpp>
#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

namespace librebird::cli {

Task<int> list_tools(Operator op, HandsService& hands, bool json) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  const auto tools = co_await hands.list_tools(*owner, std::nullopt);
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

namespace {

// A line from the terminal; empty at its end, or when nobody typed one in time.
std::string read_line(Millis limit) {
  std::string line;
  pollfd input{STDIN_FILENO, POLLIN, 0};
  char c = 0;
  while (line.size() < 100) {
    const int ready = ::poll(&input, 1, static_cast<int>(std::min<std::int64_t>(limit.count(), 86'400'000)));
    if (ready <= 0 || ::read(STDIN_FILENO, &c, 1) != 1) return {};
    if (c == '\n') break;
    line += c;
  }
  return line;
}

// What a model wrote must not move the cursor of who decides about it, nor turn its direction (U+202A to U+202E,
// U+2066 to U+2069).
std::string printable(std::string text) {
  std::ranges::replace_if(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  for (std::size_t at = 0; (at = text.find('\xE2', at)) != std::string::npos && at + 2 < text.size(); ++at) {
    const auto last = static_cast<unsigned char>(text[at + 2]);
    const bool embedding = text[at + 1] == '\x80' && last >= 0xAA && last <= 0xAE;
    const bool isolate = text[at + 1] == '\x81' && last >= 0xA6 && last <= 0xA9;
    if (embedding || isolate) text.replace(at, 3, "?");
  }
  return text;
}

ApprovalDecision ask_on_terminal(const Approval& question, Millis limit) {
  fmt::print(stderr, "{}\nArguments: {}\n", question.reason, printable(question.call.arguments_json));
  const bool always = question.use.only_once.empty();
  if (!always) fmt::print(stderr, "({})\n", question.use.only_once);
  fmt::print(stderr, "Run it? [y]es once{}, [N]o: ", always ? ", [a]lways for this" : "");
  std::fflush(stderr);
  const std::string line = read_line(limit);
  if (line == "y" || line == "yes" || line == "once") return ApprovalDecision::once;
  if (always && (line == "a" || line == "always")) return ApprovalDecision::always;
  return ApprovalDecision::deny;
}

// Nothing else happens in this process while it asks, so the loop may wait with it.
Task<void> answer(HandsService& hands, Approval question, Millis limit, bool yes) {
  const ApprovalDecision decision = yes ? ApprovalDecision::once : ask_on_terminal(question, limit);
  const auto decided = co_await hands.decide(question.principal, question.id, decision);
  if (!decided) fmt::print(stderr, "{}\n", decided.error().message);
}

}  // namespace

Task<int> call_tool(Operator op, HandsService& hands, std::string name, std::string arguments_json, bool yes) {
  const auto owner = co_await op.identities.ensure_owner();
  if (!owner) co_return fail(owner.error());
  ToolRequest request;
  request.call = ToolCall{op.ids.next(), std::move(name), std::move(arguments_json)};
  request.principal = *owner;
  Scope answers(co_await boost::asio::this_coro::executor);
  ToolObserver observer;
  observer.output = [](std::string_view text) { fmt::print(stderr, "{}", text); };
  const bool terminal = ::isatty(STDIN_FILENO) == 1 && ::isatty(STDERR_FILENO) == 1;
  if (yes || terminal) {
    observer.approval = [&](const Approval& approval) {
      if (approval.state != ApprovalState::open) return;
      const Millis left(std::max<std::int64_t>(0, approval.expires_at - op.clock.unix_now()));
      answers.spawn(answer(hands, approval, left, yes), "answer");
    };
  }
  const auto result = co_await hands.execute_tool(std::move(request), std::move(observer), std::stop_token());
  co_await answers.join();
  if (!result) co_return fail(result.error());
  fmt::print("{}\n", result->content_json);
  if (result->status != ToolStatus::ok) fmt::print(stderr, "status: {}\n", to_string(result->status));
  co_return result->status == ToolStatus::ok ? 0 : 1;
}

}  // namespace librebird::cli
