#include "call_runner.hpp"

#include "conversation.hpp"
#include "local_time.hpp"
#include "network_stage.hpp"
#include "skill_plan.hpp"
#include "workers.hpp"

#include <fmt/format.h>

#include <librebird/base/random.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <initializer_list>
#include <utility>

namespace librebird::hands {
namespace {

// What every program is started with; no secrets, nothing of ours.
std::vector<std::string> environment(bool work, bool network) {
  std::vector<std::string> variables = {"PATH=/usr/local/bin:/usr/bin:/bin", work ? "HOME=/work" : "HOME=/tmp",
                                        "LANG=C.UTF-8"};
  if (std::string zone = zone_name(); !zone.empty()) variables.push_back("TZ=" + zone);
  if (!network) return variables;
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"}) {
    variables.push_back(fmt::format("{}=http://127.0.0.1:3128", name));
  }
  variables.emplace_back("NO_PROXY=");
  for (const char* name : {"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"}) {
    variables.push_back(fmt::format("{}=/run/egress/ca.pem", name));
  }
  return variables;
}

// Makes the folders below `root` that are not there, for us alone. What is there must be a folder, not a link.
Result<std::string> own_folder(std::string root, std::initializer_list<std::string_view> names) {
  for (const std::string_view name : names) {
    root.append("/").append(name);
    struct stat info{};
    const bool made = ::mkdir(root.c_str(), 0700) == 0;
    if (!made && (errno != EEXIST || ::lstat(root.c_str(), &info) != 0 || !S_ISDIR(info.st_mode))) {
      return make_error(Code::internal,
                        "A folder for the tool's files cannot be made; check the data folder's permissions and space.");
    }
  }
  return root;
}

// What becomes part of a path.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() <= 100 &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") ==
             std::string_view::npos;
}

protocol::CallMessage message_of(std::string id, std::string tool, std::string arguments_json,
                                 std::string settings_json) {
  const LocalTime time = local_time();
  protocol::CallMessage call{.id = std::move(id), .tool = std::move(tool), .arguments_json = std::move(arguments_json)};
  if (!settings_json.empty()) call.settings_json = std::move(settings_json);
  call.now = time.now;
  call.zone_name = time.name;
  call.zone_abbreviation = time.abbreviation;
  call.zone_offset_seconds = time.offset;
  return call;
}

// What a program that serves all of a skill's tools needs: as much as the tool that needs most.
ToolSpec whole_skill(const SkillManifest& skill) {
  ToolSpec all;
  all.name = skill.name;
  all.skill = skill.name;
  for (const ToolSpec& tool : skill.tools) {
    all.work = std::max(all.work, tool.work);
    all.network.insert(all.network.end(), tool.network.begin(), tool.network.end());
    all.host_files.insert(all.host_files.end(), tool.host_files.begin(), tool.host_files.end());
  }
  for (auto* list : {&all.network, &all.host_files}) {
    std::ranges::sort(*list);
    list->erase(std::ranges::unique(*list).begin(), list->end());
  }
  return all;
}

Outcome refused(const Error& error) {
  return error.code == Code::cancelled ? Outcome{ToolStatus::interrupted, {}, "cancelled"}
                                       : failed(error.message, error.message);
}

}  // namespace

CallRunner::CallRunner(Executor executor, const Clock& clock, Plugins& plugins, egress::Fence& fence,
                       std::string data_directory, PoolLimits pool, std::function<void(WorkerEvent)> on_worker_event)
    : executor_(executor),
      plugins_(plugins),
      fence_(fence),
      data_directory_(std::move(data_directory)),
      pool_(executor, clock, pool, [this](SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) {
        return make(std::move(spec), std::move(hosts), std::move(stop));
      }) {
  tzset();
  const auto maker = [this](SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) {
    return make(std::move(spec), std::move(hosts), std::move(stop));
  };
  workers_ = std::make_unique<Workers>(executor, clock, WorkerLimits{}, maker, std::move(on_worker_event));
}

CallRunner::~CallRunner() = default;

Task<void> CallRunner::close() { co_await workers_->close(); }

Task<Outcome> CallRunner::run(const ToolSpec& tool, std::shared_ptr<const SkillManifest> skill,
                              std::string settings_json, const CallSecrets& secrets, ToolRequest request,
                              CallObserver observer, std::stop_token stop) {
  if (skill->worker) {
    co_return co_await ask_worker(*skill, std::move(settings_json), secrets, std::move(request), std::move(observer),
                                  stop);
  }
  auto spec = plan(tool, *skill, request.principal);
  if (!spec) co_return refused(spec.error());
  apply_skill(*skill, settings_json, *spec);
  const SandboxLimits limits = spec->limits;
  auto warm = co_await pool_.take(std::move(spec).value(), tool.network, stop);
  if (!warm) co_return refused(warm.error());
  Outcome outcome;
  const Status bound =
      warm->network ? warm->network->bind(network_policy(tool.network, secrets, limits.wall_time)) : Status(Ok{});
  if (bound) {
    outcome = co_await converse(tool, *warm->process, limits, std::move(request.call.arguments_json),
                                with_placeholders(settings_json, secrets.leases), std::move(observer), stop);
  } else {
    outcome = refused(bound.error());
  }
  if (warm->network) {
    co_await warm->network->close();
    note_traffic(*warm->network, outcome);
  }
  co_return outcome;
}

Task<Outcome> CallRunner::ask_worker(const SkillManifest& skill, std::string settings_json, const CallSecrets& secrets,
                                     ToolRequest request, CallObserver observer, std::stop_token stop) {
  const ToolSpec all = whole_skill(skill);
  auto spec = plan(all, skill, request.principal);
  if (!spec) co_return refused(spec.error());
  apply_skill(skill, settings_json, *spec);
  WorkerCall call;
  call.workspace_id = std::move(request.principal.workspace_id);
  call.user_id = std::move(request.principal.user_id);
  call.skill = skill.name;
  call.spec = std::move(spec).value();
  call.hosts = all.network;
  call.message =
      message_of({}, std::move(request.call.name), std::move(request.call.arguments_json), std::move(settings_json));
  co_return co_await workers_->call(std::move(call), std::move(observer), stop);
}

Task<Result<Warm>> CallRunner::make(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token stop) {
  LB_CO_TRY(sandbox, plugins_.usable_sandbox());
  std::unique_ptr<egress::Call> network;
  if (!hosts.empty()) {
    // Refuses everything until a call binds it to its own policy.
    LB_CO_TRY(opened, fence_.open_idle());
    network = std::move(opened);
    spec.egress_directory = network->directory();
  }
  auto process = co_await sandbox->start(std::move(spec), stop);
  if (process) co_return Warm{std::move(process).value(), std::move(network)};
  if (network) co_await network->close();
  co_return process.error();
}

Result<SandboxSpec> CallRunner::plan(const ToolSpec& tool, const SkillManifest& skill, const Principal& principal) {
  LB_TRY(runtime, plugins_.runtime_of(skill));
  LB_TRY(spec, runtime->plan(skill, tool));
  if ((tool.work != WorkFolder::none || !spec.user_folder.empty()) && !is_uuid(principal.workspace_id))
    return make_error(Code::invalid_argument, "The workspace's id is malformed.");
  if (!spec.user_folder.empty() && (!is_uuid(principal.user_id) || !is_plain_name(skill.name)))
    return make_error(Code::invalid_argument, "The user's id or the skill's name is malformed.");
  if (tool.work != WorkFolder::none) {
    LB_TRY(folder, own_folder(data_directory_, {"work", principal.workspace_id}));
    spec.mounts.push_back({std::move(folder), "/work", tool.work == WorkFolder::write});
  }
  if (!spec.user_folder.empty()) {
    LB_TRY(folder, own_folder(data_directory_, {"skill-data", principal.workspace_id, principal.user_id, skill.name}));
    spec.mounts.push_back({std::move(folder), spec.user_folder, true});
  }
  for (std::string& variable : environment(tool.work != WorkFolder::none, !tool.network.empty()))
    spec.environment.push_back(std::move(variable));
  return spec;
}

Task<Outcome> CallRunner::converse(const ToolSpec& tool, SandboxProcess& process, SandboxLimits limits,
                                   std::string arguments_json, std::string settings_json, CallObserver observer,
                                   std::stop_token stop) {
  const protocol::CallMessage call = message_of("c1", tool.name, std::move(arguments_json), std::move(settings_json));
  // If it has ended already, how it ended is the answer.
  const Status sent = process.write(protocol::encode_call(call));
  if (!sent && sent.error().code != Code::unavailable) co_return refused(sent.error());
  process.close_input();
  Conversation conversation("c1", limits, std::move(observer));
  co_return co_await conversation.hold(process, tool.name, stop);
}

}  // namespace librebird::hands
