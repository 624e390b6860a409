#include "tool_runner.hpp"

#include "context.hpp"

#include <librebird/base/async/sync.hpp>
#include <librebird/base/metrics.hpp>
#include <librebird/base/utf8.hpp>

#include <fmt/format.h>
#include <boost/json/monotonic_resource.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <functional>

namespace librebird::brain::loop {
namespace {

constexpr int kHandsAttempts = 3;
constexpr std::size_t kArgumentsLimit = 1024 * 1024;

bool is_json_object(std::string_view text) {
  unsigned char buffer[2048];
  boost::json::monotonic_resource memory(buffer);
  boost::json::error_code failure;
  const boost::json::value value = boost::json::parse({text.data(), text.size()}, failure, &memory);
  return !failure && value.is_object();
}

ToolResult failed(const ToolCall& call, std::string_view why, ToolStatus status = ToolStatus::error) {
  return {call.id, status, error_json(why), Millis{0}};
}

void count(ToolStatus status) {
  static metrics::Counter& ok =
      metrics::counter("librebird_brain_tool_calls_total", "Tool calls of turns, by outcome", {{"status", "ok"}});
  static metrics::Counter& error =
      metrics::counter("librebird_brain_tool_calls_total", "Tool calls of turns, by outcome", {{"status", "error"}});
  (status == ToolStatus::ok ? ok : error).add();
}

}  // namespace

Millis backoff(Millis first, int attempt, std::string_view seed) {
  const std::int64_t whole = first.count() << std::min(attempt - 2, 6);
  const std::uint64_t noise =
      std::hash<std::string_view>{}(seed) * 0x9E3779B97F4A7C15ULL + static_cast<std::uint64_t>(attempt);
  return Millis(whole / 2 + static_cast<std::int64_t>((noise >> 16) % static_cast<std::uint64_t>(whole / 2 + 1)));
}

const ToolSpec* ToolRunner::find(std::string_view name) const {
  const auto found = std::ranges::find(tools_, name, &ToolSpec::name);
  return found == tools_.end() ? nullptr : &*found;
}

ToolResult ToolRunner::interrupted(const ToolCall& call) {
  return failed(call,
                "Interrupted: Libre Bird stopped while this call may have been running. It is unknown whether it took "
                "effect. Check the state before calling it again, and tell the user.",
                ToolStatus::interrupted);
}

std::optional<ToolResult> ToolRunner::refuse(const ToolCall& call) const {
  if (find(call.name) == nullptr) {
    std::string known;
    for (const ToolSpec& tool : tools_) {
      if (known.size() > 2000) break;
      known += (known.empty() ? "" : ", ") + tool.name;
    }
    return failed(call, fmt::format("There is no tool named \"{}\". The tools are: {}.", utf8_prefix(call.name, 100),
                                    known.empty() ? "none" : known));
  }
  if (call.arguments_json.size() > kArgumentsLimit) return failed(call, "The arguments are larger than 1 MiB.");
  if (!is_json_object(call.arguments_json)) {
    return failed(call, "The arguments are not a JSON object. Call the tool again with valid JSON.");
  }
  return std::nullopt;
}

Task<Result<ToolResult>> ToolRunner::run(ToolCall call, bool resumed, std::stop_token stop) {
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The turn was stopped.");
  if (auto refused = refuse(call)) {
    count(refused->status);
    co_return std::move(*refused);
  }
  const std::string id = call.id;
  auto result = co_await execute(std::move(call), resumed, stop);
  if (!result) co_return result;
  result->call_id = id;
  if (!is_utf8(result->content_json)) result->content_json = to_valid_utf8(result->content_json);
  count(result->status);
  co_return result;
}

Task<Result<ToolResult>> ToolRunner::ask_hands(const ToolCall& call, bool resumed, std::stop_token stop) {
  ToolRequest request{
      call,   request_.principal, request_.conversation_id, request_.turn_id, request_.trace_parent, request_.tool_mode,
      resumed};
  std::optional<Approval> open;
  ToolObserver observer = observer_;
  if (observer_.approval) {
    observer.approval = [this, &open](const Approval& approval) {
      open.reset();
      if (approval.state == ApprovalState::open) open = approval;
      observer_.approval(approval);
    };
  }
  auto result = co_await hands_.execute_tool(std::move(request), std::move(observer), stop);
  // Hands that were lost do not say that their question is gone with them.
  if (open) {
    open->state = ApprovalState::withdrawn;
    observer_.approval(*open);
  }
  co_return result;
}

Task<Result<ToolResult>> ToolRunner::execute(ToolCall call, bool resumed, std::stop_token stop) {
  const SteadyTime begin = clock_.steady_now();
  for (int attempt = 1;; ++attempt) {
    auto result = co_await ask_hands(call, resumed, stop);
    if (result) co_return result;
    const Error& error = result.error();
    if (stop.stop_requested() || error.code == Code::cancelled) {
      co_return make_error(Code::cancelled, "The tool call was stopped.");
    }
    if (error.code == Code::already_exists) co_return interrupted(call);
    const bool again = error.code == Code::unavailable || error.code == Code::resource_exhausted;
    if (!again || attempt == kHandsAttempts) {
      if (const ToolSpec* tool = find(call.name); resumed && (tool == nullptr || !tool->idempotent)) {
        co_return interrupted(call);
      }
      ToolResult told = failed(call, fmt::format("The tool could not be run: {}", error.message));
      told.duration = std::chrono::duration_cast<Millis>(clock_.steady_now() - begin);
      co_return told;
    }
    if (!co_await sleep_for(backoff(options_.retry_delay, attempt + 1, call.id), stop)) {
      co_return make_error(Code::cancelled, "The tool call was stopped.");
    }
  }
}

}  // namespace librebird::brain::loop
