#include <librebird/hands/hands.hpp>

#include "admission.hpp"
#include "arguments.hpp"
#include "device_runner.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>
#include <librebird/base/utf8.hpp>
#include <librebird/core/policy/permissions.hpp>
#include <librebird/core/ports/sandbox.hpp>
#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/egress/fence.hpp>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <map>

namespace librebird {
namespace {

namespace json = boost::json;

struct KnownTool {
  ToolSpec spec;
  std::string runtime;
  hands::ArgumentChecker arguments;
};

// What running came to, before it is audited.
struct Outcome {
  ToolStatus status = ToolStatus::ok;
  std::string content_json;
  std::string detail;  // for the audit row; no arguments
};

std::string error_json(std::string_view message) { return json::serialize(json::object{{"error", message}}); }

Outcome failed(std::string_view message, std::string detail) {
  return {ToolStatus::error, error_json(message), std::move(detail)};
}

// A tool's answer, ours to bound and to check: valid UTF-8, valid JSON. A soft failure is an object with "error".
Outcome checked(std::string text) {
  if (!is_utf8(text)) text = to_valid_utf8(text);
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 128;
  const json::value value = json::parse(text, error, {}, options);
  if (error) return failed("The tool's answer was not valid JSON.", "answer was not JSON");
  const bool soft =
      value.is_object() && value.as_object().contains("error") && !value.as_object().at("error").is_null();
  return {soft ? ToolStatus::error : ToolStatus::ok, std::move(text), soft ? "tool reported an error" : ""};
}

Outcome explain_end(const SandboxRun& run, const SandboxLimits& limits) {
  switch (run.end) {
    case SandboxEnd::timed_out:
      return failed(
          fmt::format("The tool was stopped: it took longer than {} seconds.", limits.wall_time.count() / 1000),
          "timed out");
    case SandboxEnd::output_limit:
      return failed(fmt::format("The tool was stopped: it wrote more than {} bytes.", limits.output_bytes),
                    "output limit");
    case SandboxEnd::out_of_memory: return failed("The tool was stopped: it used too much memory.", "out of memory");
    default: return failed("The tool was stopped.", "stopped");
  }
}

AuditOutcome audit_outcome(ToolStatus status) {
  switch (status) {
    case ToolStatus::ok: return AuditOutcome::ok;
    case ToolStatus::error: return AuditOutcome::error;
    case ToolStatus::denied: return AuditOutcome::denied;
    case ToolStatus::interrupted: return AuditOutcome::interrupted;
  }
  return AuditOutcome::error;
}

class Broker final : public HandsService {
 public:
  explicit Broker(HandsParts parts)
      : clock_(parts.clock),
        audit_(parts.audit),
        data_directory_(std::move(parts.data_directory)),
        executor_(parts.loop.executor()),
        admission_(executor_, parts.clock, limits_of(parts.config)),
        fence_(executor_, parts.http),
        device_(executor_),
        sandbox_name_(parts.config.text("hands.sandbox")) {
    // A tool that ends without reading its input must not end us.
    std::signal(SIGPIPE, SIG_IGN);
    create_sandbox(parts.config);
    create_runtimes(parts.config, parts.tool_directory);
    for (SkillManifest& skill : parts.skills) add_skill(std::move(skill));
  }

  Task<Result<ToolResult>> execute_tool(ToolRequest request, OutputSink on_output, std::stop_token stop) override;
  Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal) override;
  Task<Result<HandsHealth>> health() override;

 private:
  static hands::AdmissionLimits limits_of(const Config& config) {
    hands::AdmissionLimits limits;
    const auto at_least_one = [&config](const char* name) {
      return static_cast<std::size_t>(std::max<std::int64_t>(1, config.integer(name)));
    };
    limits.running = at_least_one("hands.max_running");
    limits.per_user = at_least_one("hands.max_calls_per_user");
    limits.per_user_per_minute = static_cast<double>(at_least_one("hands.calls_per_user_per_minute"));
    return limits;
  }

  void create_sandbox(const Config& config) {
    const std::vector<SandboxPlugin> plugins = sandbox_plugins();
    if (sandbox_name_.empty() && !plugins.empty()) sandbox_name_ = plugins.front().manifest.name;
    broken_ =
        make_error(Code::failed_precondition,
                   fmt::format("There is no sandbox named {}; set hands.sandbox to one that exists.", sandbox_name_));
    for (const SandboxPlugin& plugin : plugins) {
      if (plugin.manifest.name != sandbox_name_) continue;
      auto made = plugin.create({config, executor_, clock_});
      if (made) {
        sandbox_ = std::move(made).value();
      } else {
        broken_ = made.error();
      }
    }
  }

  void create_runtimes(const Config& config, const std::string& tool_directory) {
    for (const RuntimePlugin& plugin : runtime_plugins()) {
      auto made = plugin.create({config, tool_directory});
      if (made) {
        runtimes_[plugin.manifest.name] = std::move(made).value();
      } else {
        log::error("a tool runtime is unusable", {{"runtime", plugin.manifest.name}, {"cause", made.error().message}});
      }
    }
  }

  void add_skill(SkillManifest skill) {
    for (ToolSpec& tool : skill.tools) {
      auto arguments = hands::ArgumentChecker::create(tool.parameters_json);
      if (!arguments) {
        log::error("a tool is left out", {{"tool", tool.name}, {"cause", arguments.error().message}});
        continue;
      }
      const std::string name = tool.name;
      tools_.insert_or_assign(name, KnownTool{std::move(tool), skill.runtime, std::move(arguments).value()});
    }
  }

  Task<Outcome> run(const KnownTool& tool, ToolRequest request, OutputSink on_output, std::stop_token stop);
  Task<Outcome> run_sandboxed(const KnownTool& tool, ToolRequest request, OutputSink on_output, std::stop_token stop);
  Result<std::string> work_folder(const std::string& workspace_id);
  static void count(const std::string& tool, ToolStatus status, double seconds);

  const Clock& clock_;
  AuditStore& audit_;
  std::string data_directory_;
  Executor executor_;
  hands::Admission admission_;
  egress::Fence fence_;
  hands::DeviceRunner device_;
  std::string sandbox_name_;
  Error broken_;
  std::unique_ptr<Sandbox> sandbox_;
  std::map<std::string, std::unique_ptr<ToolRuntime>> runtimes_;
  std::map<std::string, KnownTool, std::less<>> tools_;
  bool probed_ = false;
};

Task<Result<ToolResult>> Broker::execute_tool(ToolRequest request, OutputSink on_output, std::stop_token stop) {
  const SteadyTime began = std::chrono::steady_clock::now();
  ToolResult result;
  result.call_id = request.call.id;
  const auto known = tools_.find(request.call.name);
  if (known == tools_.end()) {
    result.status = ToolStatus::error;
    result.content_json = error_json("Unknown tool: " + to_valid_utf8(request.call.name.substr(0, 100)));
    count("unknown", result.status, 0);
    co_return result;
  }
  const KnownTool& tool = known->second;
  auto arguments = tool.arguments.check(request.call.arguments_json);
  if (!arguments) {
    result.status = ToolStatus::error;
    result.content_json = error_json(arguments.error().message);
    count(tool.spec.name, result.status, 0);
    co_return result;
  }
  request.call.arguments_json = std::move(arguments).value();

  AuditEntry entry;
  entry.call_id = request.call.id;
  entry.principal = request.principal;
  entry.conversation_id = request.conversation_id;
  entry.turn_id = request.turn_id;
  entry.tool = tool.spec.name;
  entry.arguments_sha256 = sha256_hex(request.call.arguments_json);
  entry.created_at = clock_.unix_now();
  if (const policy::Decision decision = policy::may_call_tool(request.principal, tool.spec); !decision) {
    entry.outcome = AuditOutcome::denied;
    entry.detail = decision.reason;
    LB_CO_CHECK(co_await audit_.begin(std::move(entry), true));
    result.status = ToolStatus::denied;
    result.content_json = error_json(decision.reason);
    count(tool.spec.name, result.status, 0);
    co_return result;
  }
  LB_CO_TRY(place, co_await admission_.enter(request.principal.user_id, stop));
  LB_CO_TRY(audit_id, co_await audit_.begin(std::move(entry), tool.spec.idempotent));

  Outcome outcome = co_await run(tool, std::move(request), std::move(on_output), stop);
  const auto spent = std::chrono::steady_clock::now() - began;
  result.duration = std::chrono::duration_cast<Millis>(spent);
  result.status = outcome.status;
  result.content_json = std::move(outcome.content_json);
  count(tool.spec.name, result.status, std::chrono::duration<double>(spent).count());
  auto finished = co_await audit_.finish(std::move(audit_id), audit_outcome(result.status), std::move(outcome.detail),
                                         result.duration);
  if (!finished)
    log::error("an audit row cannot be finished", {{"call_id", result.call_id}, {"cause", finished.error().message}});
  if (result.status == ToolStatus::interrupted) co_return make_error(Code::cancelled, "The tool was stopped.");
  co_return result;
}

Task<Outcome> Broker::run(const KnownTool& tool, ToolRequest request, OutputSink on_output, std::stop_token stop) {
  if (tool.spec.runs_on == RunsOn::sandbox) {
    co_return co_await run_sandboxed(tool, std::move(request), std::move(on_output), stop);
  }
  auto answer = co_await device_.run(tool.spec, std::move(request.call.arguments_json), stop);
  if (stop.stop_requested()) co_return Outcome{ToolStatus::interrupted, {}, "cancelled"};
  if (!answer) co_return failed(answer.error().message, answer.error().message);
  co_return checked(std::move(answer).value());
}

Task<Outcome> Broker::run_sandboxed(const KnownTool& tool, ToolRequest request, OutputSink on_output,
                                    std::stop_token stop) {
  if (!sandbox_) co_return failed(broken_.message, broken_.message);
  const auto runtime = runtimes_.find(tool.runtime);
  if (runtime == runtimes_.end()) {
    co_return failed(fmt::format("The tool {} needs the runtime {}, which is not there.", tool.spec.name, tool.runtime),
                     "no runtime");
  }
  auto spec = runtime->second->plan(tool.spec, request.call);
  if (!spec) co_return failed(spec.error().message, spec.error().message);
  if (tool.spec.work != WorkFolder::none) {
    auto folder = work_folder(request.principal.workspace_id);
    if (!folder) co_return failed(folder.error().message, folder.error().message);
    spec->mounts.push_back({std::move(folder).value(), "/work", tool.spec.work == WorkFolder::write});
  }
  std::unique_ptr<egress::Call> call;
  if (!tool.spec.network.empty()) {
    auto opened = fence_.open(tool.spec.network);
    if (!opened) co_return failed(opened.error().message, opened.error().message);
    call = std::move(opened).value();
    spec->egress_socket = call->socket_path();
  }
  const SandboxLimits limits = spec->limits;
  auto run = co_await sandbox_->run(std::move(spec).value(), std::move(on_output), stop);
  std::string decisions;
  if (call) {
    co_await call->close();
    decisions = call->decisions();
  }
  Outcome outcome;
  if (!run) {
    outcome = run.error().code == Code::cancelled ? Outcome{ToolStatus::interrupted, {}, "cancelled"}
                                                  : failed(run.error().message, run.error().message);
  } else if (run->end == SandboxEnd::cancelled) {
    outcome = {ToolStatus::interrupted, {}, "cancelled"};
  } else if (run->end != SandboxEnd::exited && run->end != SandboxEnd::signalled) {
    outcome = explain_end(*run, limits);
  } else {
    auto parsed = runtime->second->parse_result(tool.spec, *run);
    outcome = parsed ? checked(std::move(parsed).value()) : failed(parsed.error().message, parsed.error().message);
  }
  if (!decisions.empty()) outcome.detail += (outcome.detail.empty() ? "" : "; ") + decisions;
  co_return outcome;
}

Result<std::string> Broker::work_folder(const std::string& workspace_id) {
  // The id becomes part of a path.
  if (!is_uuid(workspace_id)) return make_error(Code::invalid_argument, "The workspace's id is malformed.");
  const std::string parent = data_directory_ + "/work";
  std::string folder = parent + "/" + workspace_id;
  for (const std::string& path : {parent, folder}) {
    struct stat info{};
    const bool made = ::mkdir(path.c_str(), 0700) == 0;
    if (!made && (errno != EEXIST || ::lstat(path.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))) {
      return make_error(Code::internal,
                        "The workspace's work folder cannot be made; check the data folder's permissions and space.");
    }
  }
  return folder;
}

void Broker::count(const std::string& tool, ToolStatus status, double seconds) {
  metrics::counter("librebird_tool_calls_total", "Tool calls",
                   {{"tool", tool}, {"status", std::string(to_string(status))}})
      .add();
  static metrics::Histogram& duration =
      metrics::histogram("librebird_tool_call_seconds", "Time from a tool call to its result");
  duration.observe(seconds);
}

Task<Result<std::vector<ToolSpec>>> Broker::list_tools(Principal principal) {
  std::vector<ToolSpec> tools;
  for (const auto& [name, tool] : tools_) {
    if (policy::may_call_tool(principal, tool.spec)) tools.push_back(tool.spec);
  }
  co_return tools;
}

Task<Result<HandsHealth>> Broker::health() {
  HandsHealth health;
  health.sandbox = sandbox_name_;
  if (!sandbox_) {
    health.detail = broken_.message;
    co_return health;
  }
  // Containment that worked once is not tried again: each call says by itself if it stopped working.
  if (!probed_) {
    if (auto probed = co_await sandbox_->probe(); !probed) {
      health.detail = probed.error().message;
      co_return health;
    }
    probed_ = true;
  }
  health.ready = true;
  co_return health;
}

}  // namespace

std::vector<ConfigKey> hands_config() {
  std::vector<ConfigKey> keys = {
      {.name = "hands.sandbox",
       .type = ConfigType::text,
       .default_value = std::string(),
       .help = "The sandbox that contains tools; empty: the first there is."},
      {.name = "hands.max_running",
       .type = ConfigType::integer,
       .default_value = std::int64_t{8},
       .help = "Tools running at once on this machine; more wait."},
      {.name = "hands.max_calls_per_user",
       .type = ConfigType::integer,
       .default_value = std::int64_t{32},
       .help = "Tool calls of one user at once, running or waiting."},
      {.name = "hands.calls_per_user_per_minute",
       .type = ConfigType::integer,
       .default_value = std::int64_t{6000},
       .help = "Tool calls of one user in a minute."},
  };
  for (const SandboxPlugin& plugin : sandbox_plugins())
    keys.insert(keys.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
  for (const RuntimePlugin& plugin : runtime_plugins())
    keys.insert(keys.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
  return keys;
}

std::unique_ptr<HandsService> make_hands(HandsParts parts) { return std::make_unique<Broker>(std::move(parts)); }

}  // namespace librebird
