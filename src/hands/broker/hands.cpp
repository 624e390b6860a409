#include <librebird/hands/hands.hpp>

#include "admission.hpp"
#include "approvals.hpp"
#include "audit_notes.hpp"
#include "call_runner.hpp"
#include "device_runner.hpp"
#include "outcome.hpp"
#include "plugins.hpp"
#include "progress.hpp"
#include "quotas.hpp"
#include "secret_stage.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/metrics.hpp>
#include <librebird/base/utf8.hpp>
#include <librebird/core/policy/permissions.hpp>
#include <librebird/core/ports/sandbox.hpp>
#include <librebird/core/ports/tool_runtime.hpp>
#include <librebird/hands/egress/fence.hpp>
#include <librebird/hands/oauth/connections.hpp>
#include <librebird/hands/skills/skill_registry.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <map>

namespace librebird {
namespace {

using hands::error_json;
using hands::failed;
using hands::Outcome;

AuditOutcome audit_outcome(ToolStatus status) {
  switch (status) {
    case ToolStatus::ok: return AuditOutcome::ok;
    case ToolStatus::error: return AuditOutcome::error;
    case ToolStatus::denied: return AuditOutcome::denied;
    case ToolStatus::interrupted: return AuditOutcome::interrupted;
  }
  return AuditOutcome::error;
}

// What a person is to do about a server that does not let them in.
std::string turned_away(const SkillManifest& skill) {
  if (!skill.url.starts_with("https://")) {
    return fmt::format(
        "The server of the skill {} lets in only who it knows, and over plain http no token is sent: its "
        "address must be https.",
        skill.display_name);
  }
  return fmt::format(
      "The server of the skill {} does not know you, or not any more: connect first, in the settings, "
      "with `librebird skill connect {}`, or POST /api/v1/skills/{}/connection. If it gives out tokens by "
      "hand, set the skill's secret access_token instead.",
      skill.display_name, skill.name, skill.name);
}

// The same failure, told as somebody can mend it.
Outcome refused_as(const Outcome& outcome, const std::string& told, std::string detail) {
  Outcome refused = failed(told, std::move(detail));
  refused.used = outcome.used;
  return refused;
}

class Broker final : public HandsService {
 public:
  explicit Broker(HandsParts parts)
      : clock_(parts.clock),
        audit_(parts.audit),
        executor_(parts.loop.executor()),
        admission_(executor_, parts.clock, limits_of(parts.config)),
        approvals_(executor_, parts.clock, parts.ids, parts.approvals, parts.audit,
                   hands::approval_options(parts.config)),
        quotas_(parts.clock, parts.quotas, hands::quota_limits(parts.config)),
        fence_(executor_, parts.http),
        device_(executor_),
        secrets_(parts.secrets, parts.audit),
        connections_(parts.secrets == nullptr ? nullptr
                                              : std::make_unique<hands::oauth::Connections>(
                                                    executor_, parts.http, parts.clock, random_, *parts.secrets)),
        plugins_(hands::load_plugins(parts.config, executor_, parts.clock, parts.tool_directory)),
        calls_(executor_, clock_, plugins_, fence_, parts.data_directory, pool_limits_of(parts.config),
               std::move(parts.on_worker_event)),
        skills_(registry_parts(parts)) {
    // A tool that ends without reading its input must not end us.
    std::signal(SIGPIPE, SIG_IGN);
  }

  Task<Result<ToolResult>> execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) override;
  Task<Result<std::vector<ToolSpec>>> list_tools(Principal principal, std::optional<std::int64_t> seen) override;
  Task<Result<HandsHealth>> health() override;
  SkillService* skills() override { return &skills_; }
  Task<void> close() override { co_await calls_.close(); }

  Task<Result<Approval>> decide(Principal principal, std::string approval_id, ApprovalDecision decision) override {
    return approvals_.decide(std::move(principal), std::move(approval_id), decision);
  }
  Task<Result<std::vector<Approval>>> list_approvals(Principal principal, bool open_only, int limit) override {
    return approvals_.list(std::move(principal), open_only, limit);
  }
  Task<Result<ToolMode>> get_mode(Principal principal, std::string conversation_id) override {
    return approvals_.get_mode(std::move(principal), std::move(conversation_id));
  }
  Task<Result<ToolMode>> set_mode(Principal principal, std::string conversation_id,
                                  std::optional<ApprovalMode> mode) override {
    return approvals_.set_mode(std::move(principal), std::move(conversation_id), mode);
  }
  Task<Result<std::vector<Grant>>> list_grants(Principal principal) override {
    return approvals_.list_grants(std::move(principal));
  }
  Task<Status> revoke_grant(Principal principal, std::string id) override {
    return approvals_.revoke_grant(std::move(principal), std::move(id));
  }

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

  hands::RegistryParts registry_parts(HandsParts& parts) {
    return {.executor = executor_,
            .ids = parts.ids,
            .store = parts.skill_store,
            .secrets = parts.secrets,
            .audit = &parts.audit,
            .official = std::move(parts.skills),
            .data_directory = parts.data_directory,
            .sandbox = [this] { return plugins_.usable_sandbox(); },
            .runtime = [this](const SkillManifest& skill) { return plugins_.runtime_of(skill); },
            .fence = fence_,
            .connections = connections_.get()};
  }

  static hands::PoolLimits pool_limits_of(const Config& config) {
    hands::PoolLimits limits;
    limits.programs = static_cast<std::size_t>(std::max<std::int64_t>(0, config.integer("hands.warm_programs")));
    limits.memory_bytes = std::max<std::int64_t>(0, config.integer("hands.warm_memory_mb")) << 20;
    return limits;
  }

  Task<Result<ToolResult>> admitted(std::shared_ptr<const hands::ToolSet> tools, const hands::InstalledTool& tool,
                                    ToolRequest request, AuditEntry entry, ToolObserver observer, ToolUsage& used,
                                    std::stop_token stop);
  Task<Result<ToolResult>> deny(AuditEntry entry, std::string reason);
  // As run_once, in the caller's connection to the server of the skill, if there is one. A server that does not take it
  // is asked again, once, with a renewed one.
  Task<Outcome> run_guarded(std::shared_ptr<const hands::ToolSet> tools, const hands::InstalledTool& tool,
                            AuditEntry call, ToolRequest request, ToolObserver observer, std::stop_token stop);
  // With the caller's secrets kept out of all that the call says.
  Task<Outcome> run_once(std::shared_ptr<const hands::ToolSet> tools, const hands::InstalledTool& tool, AuditEntry call,
                         ToolRequest request, ToolObserver observer, std::stop_token stop);
  Task<Outcome> run(std::shared_ptr<const hands::ToolSet> tools, const hands::InstalledTool& tool,
                    const hands::CallSecrets& secrets, ToolRequest request, ToolObserver observer,
                    std::stop_token stop);
  static void count(const std::string& tool, ToolStatus status, double seconds);

  const Clock& clock_;
  AuditStore& audit_;
  Executor executor_;
  hands::Admission admission_;
  hands::Approvals approvals_;
  hands::Quotas quotas_;
  egress::Fence fence_;
  hands::DeviceRunner device_;
  SystemRandom random_;
  hands::SecretStage secrets_;
  std::unique_ptr<hands::oauth::Connections> connections_;  // null: no secrets are kept
  hands::Plugins plugins_;
  hands::CallRunner calls_;
  hands::SkillRegistry skills_;
  bool probed_ = false;
};

Task<Result<ToolResult>> Broker::execute_tool(ToolRequest request, ToolObserver observer, std::stop_token stop) {
  ToolResult result;
  result.call_id = request.call.id;
  // Held until the end: what changes meanwhile is for the next call.
  LB_CO_TRY(tools, co_await skills_.tools(request.principal));
  const hands::InstalledTool* known = tools->find(request.call.name);
  if (known == nullptr) {
    result.status = ToolStatus::error;
    result.content_json = error_json("Unknown tool: " + to_valid_utf8(request.call.name.substr(0, 100)));
    count("unknown", result.status, 0);
    co_return result;
  }
  const hands::InstalledTool& tool = *known;
  auto arguments = tool.arguments->check(request.call.arguments_json);
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
    co_return co_await deny(std::move(entry), decision.reason);
  }
  // Before anybody is asked: it could not run anyway.
  if (!tool.set_up.empty()) co_return co_await deny(std::move(entry), tool.set_up);
  const Principal principal = request.principal;
  if (const Status room = co_await quotas_.enter(principal); !room) {
    if (room.error().code != Code::resource_exhausted) co_return room.error();
    co_return co_await deny(std::move(entry), room.error().message);
  }
  ToolUsage used;
  auto answered =
      co_await admitted(tools, tool, std::move(request), std::move(entry), std::move(observer), used, std::move(stop));
  co_await quotas_.leave(principal, used);
  co_return answered;
}

Task<Result<ToolResult>> Broker::deny(AuditEntry entry, std::string reason) {
  ToolResult result;
  result.call_id = entry.call_id;
  result.status = ToolStatus::denied;
  result.content_json = error_json(reason);
  count(entry.tool, result.status, 0);
  entry.outcome = AuditOutcome::denied;
  entry.detail = std::move(reason);
  LB_CO_CHECK(co_await audit_.begin(std::move(entry), true));
  co_return result;
}

// Within its quota: asks who is to be asked, waits for a place, runs.
Task<Result<ToolResult>> Broker::admitted(std::shared_ptr<const hands::ToolSet> tools, const hands::InstalledTool& tool,
                                          ToolRequest request, AuditEntry entry, ToolObserver observer, ToolUsage& used,
                                          std::stop_token stop) {
  LB_CO_TRY(passed, co_await approvals_.pass(tool.spec, request, observer, stop));
  if (!passed) co_return co_await deny(std::move(entry), passed.reason);
  const SteadyTime began = std::chrono::steady_clock::now();
  LB_CO_TRY(place, co_await admission_.enter(request.principal.user_id, stop));
  LB_CO_TRY(audit_id, co_await audit_.begin(entry, tool.spec.idempotent));

  ToolResult result;
  result.call_id = request.call.id;
  used.calls = 1;
  Outcome outcome =
      co_await run_guarded(std::move(tools), tool, std::move(entry), std::move(request), std::move(observer), stop);
  const auto spent = std::chrono::steady_clock::now() - began;
  result.duration = std::chrono::duration_cast<Millis>(spent);
  used += outcome.used;
  used.wall_ms = result.duration.count();
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

Task<Outcome> Broker::run_guarded(std::shared_ptr<const hands::ToolSet> tools, const hands::InstalledTool& tool,
                                  AuditEntry call, ToolRequest request, ToolObserver observer, std::stop_token stop) {
  if (!tool.skill || tool.skill->url.empty()) {
    co_return co_await run_once(std::move(tools), tool, std::move(call), std::move(request), std::move(observer), stop);
  }
  const hands::oauth::McpServer server{tool.skill->name, tool.skill->url, {}};
  if (connections_) {
    const Status fresh = co_await connections_->freshen(request.principal, server, stop);
    if (!fresh) co_return failed(fresh.error().message, fresh.error().message);
  }
  const UnixMillis lent_at = clock_.unix_now();
  Outcome outcome = co_await run_once(tools, tool, call, request, observer, stop);
  if (connections_ && !outcome.challenge.empty() && outcome.status == ToolStatus::error) {
    const std::string more = co_await connections_->step_up(request.principal, server, outcome.challenge);
    if (!more.empty()) co_return refused_as(outcome, more, "the server asks for a scope the connection has not");
  }
  if (!outcome.turned_away || outcome.status != ToolStatus::error) co_return outcome;
  if (connections_ && co_await connections_->renew(request.principal, server, lent_at, stop)) {
    const ToolUsage before = outcome.used;
    outcome = co_await run_once(tools, tool, call, request, std::move(observer), stop);
    outcome.used += before;
    if (!outcome.turned_away || outcome.status != ToolStatus::error) co_return outcome;
  }
  co_return refused_as(outcome, turned_away(*tool.skill), "the server does not know who asks");
}

Task<Outcome> Broker::run_once(std::shared_ptr<const hands::ToolSet> tools, const hands::InstalledTool& tool,
                               AuditEntry call, ToolRequest request, ToolObserver observer, std::stop_token stop) {
  auto secrets = co_await secrets_.begin(request.principal, tool.skill.get());
  if (!secrets) co_return failed(secrets.error().message, secrets.error().message);
  if (observer.output) observer.output = secrets->guard->wrap(std::move(observer.output));
  if (observer.progress) {
    observer.progress = [guard = secrets->guard, told = std::move(observer.progress)](ToolProgress progress) {
      progress.message = guard->text(std::move(progress.message));
      told(progress);
    };
  }
  Outcome outcome = co_await run(std::move(tools), tool, *secrets, std::move(request), std::move(observer), stop);
  co_await secrets_.end(*secrets, outcome, call);
  if (!outcome.egress.empty()) {
    co_await hands::note_about(audit_, AuditKind::egress, call, std::move(outcome.egress));
  }
  co_return outcome;
}

Task<Outcome> Broker::run(std::shared_ptr<const hands::ToolSet> tools, const hands::InstalledTool& tool,
                          const hands::CallSecrets& secrets, ToolRequest request, ToolObserver observer,
                          std::stop_token stop) {
  if (!tool.skill) {
    auto text = co_await skills_.read_skill(std::move(tools), std::move(request.call.arguments_json));
    if (!text) co_return failed(text.error().message, text.error().message);
    co_return hands::checked_answer(std::move(text).value());
  }
  if (tool.spec.runs_on == RunsOn::sandbox) {
    hands::CallObserver seen;
    seen.output = std::move(observer.output);
    if (observer.progress) {
      seen.progress = hands::paced_progress(clock_, request.call.id, std::move(observer.progress));
    }
    co_return co_await calls_.run(tool.spec, tool.skill, tool.settings_json, secrets, std::move(request),
                                  std::move(seen), stop);
  }
  auto answer = co_await device_.run(tool.spec, std::move(request.call.arguments_json), stop);
  if (stop.stop_requested()) co_return Outcome{ToolStatus::interrupted, {}, "cancelled"};
  if (!answer) co_return failed(answer.error().message, answer.error().message);
  co_return hands::checked_answer(std::move(answer).value());
}

void Broker::count(const std::string& tool, ToolStatus status, double seconds) {
  metrics::counter("librebird_tool_calls_total", "Tool calls",
                   {{"tool", tool}, {"status", std::string(to_string(status))}})
      .add();
  static metrics::Histogram& duration =
      metrics::histogram("librebird_tool_call_seconds", "Time from a tool call to its result");
  duration.observe(seconds);
}

Task<Result<std::vector<ToolSpec>>> Broker::list_tools(Principal principal, std::optional<std::int64_t> seen) {
  std::vector<ToolSpec> tools;
  LB_CO_TRY(set, co_await skills_.tools(principal, seen));
  for (const auto& [name, tool] : set->tools()) {
    if (policy::may_call_tool(principal, tool.spec)) tools.push_back(tool.spec);
  }
  co_return tools;
}

Task<Result<HandsHealth>> Broker::health() {
  HandsHealth health;
  health.sandbox = plugins_.sandbox_name;
  const auto sandbox = plugins_.usable_sandbox();
  if (!sandbox) {
    health.detail = sandbox.error().message;
    co_return health;
  }
  // Containment that worked once is not tried again: each call says by itself if it stopped working.
  if (!probed_) {
    if (auto probed = co_await (*sandbox)->probe(); !probed) {
      health.detail = probed.error().message;
      co_return health;
    }
    probed_ = true;
  }
  health.ready = true;
  for (const std::string& remark : (*sandbox)->remarks()) health.detail += (health.detail.empty() ? "" : "; ") + remark;
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
      {.name = "hands.warm_programs",
       .type = ConfigType::integer,
       .default_value = std::int64_t{16},
       .help = "Sandboxes kept ready for the tools in use, each for one call; 0: none."},
      {.name = "hands.warm_memory_mb",
       .type = ConfigType::integer,
       .default_value = std::int64_t{256},
       .help = "Memory these may take together."},
  };
  for (const std::vector<ConfigKey>& part : {hands::approval_config(), hands::quota_config()})
    keys.insert(keys.end(), part.begin(), part.end());
  for (const SandboxPlugin& plugin : sandbox_plugins())
    keys.insert(keys.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
  for (const RuntimePlugin& plugin : runtime_plugins())
    keys.insert(keys.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
  return keys;
}

std::unique_ptr<HandsService> make_hands(HandsParts parts) { return std::make_unique<Broker>(std::move(parts)); }

}  // namespace librebird
