#include "call_runner.hpp"

#include "conversation.hpp"
#include "local_time.hpp"

#include <fmt/format.h>

#include <librebird/base/random.hpp>

#include <sys/stat.h>

#include <cerrno>
#include <ctime>
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

}  // namespace

CallRunner::CallRunner(Executor executor, Plugins& plugins, egress::Fence& fence, std::string data_directory)
    : executor_(executor), plugins_(plugins), fence_(fence), data_directory_(std::move(data_directory)) {
  tzset();
}

Task<Outcome> CallRunner::run(const ToolSpec& tool, std::shared_ptr<const SkillManifest> skill, ToolRequest request,
                              CallObserver observer, std::stop_token stop) {
  auto spec = plan(tool, *skill, request.principal.workspace_id);
  if (!spec) co_return failed(spec.error().message, spec.error().message);
  std::unique_ptr<egress::Call> network;
  if (!tool.network.empty()) {
    auto opened = fence_.open(tool.network);
    if (!opened) co_return failed(opened.error().message, opened.error().message);
    network = std::move(opened).value();
    spec->egress_directory = network->directory();
  }
  Outcome outcome = co_await converse(tool, std::move(spec).value(), std::move(request.call.arguments_json),
                                      std::move(observer), stop);
  if (network) {
    co_await network->close();
    const std::string decisions = network->decisions();
    if (!decisions.empty()) outcome.detail += (outcome.detail.empty() ? "" : "; ") + decisions;
  }
  co_return outcome;
}

Result<SandboxSpec> CallRunner::plan(const ToolSpec& tool, const SkillManifest& skill,
                                     const std::string& workspace_id) {
  LB_TRY(runtime, plugins_.runtime_of(skill));
  LB_TRY(spec, runtime->plan(skill, tool));
  if (tool.work != WorkFolder::none) {
    LB_TRY(folder, work_folder(workspace_id));
    spec.mounts.push_back({std::move(folder), "/work", tool.work == WorkFolder::write});
  }
  for (std::string& variable : environment(tool.work != WorkFolder::none, !tool.network.empty()))
    spec.environment.push_back(std::move(variable));
  return spec;
}

Task<Outcome> CallRunner::converse(const ToolSpec& tool, SandboxSpec spec, std::string arguments_json,
                                   CallObserver observer, std::stop_token stop) {
  const auto refused = [](const Error& error) {
    return error.code == Code::cancelled ? Outcome{ToolStatus::interrupted, {}, "cancelled"}
                                         : failed(error.message, error.message);
  };
  const auto sandbox = plugins_.usable_sandbox();
  if (!sandbox) co_return refused(sandbox.error());
  const SandboxLimits limits = spec.limits;
  auto process = co_await (*sandbox)->start(std::move(spec), stop);
  if (!process) co_return refused(process.error());

  const LocalTime time = local_time();
  protocol::CallMessage call{.id = "c1", .tool = tool.name, .arguments_json = std::move(arguments_json)};
  call.now = time.now;
  call.zone_name = time.name;
  call.zone_abbreviation = time.abbreviation;
  call.zone_offset_seconds = time.offset;
  // If it has ended already, how it ended is the answer.
  const Status sent = (*process)->write(protocol::encode_call(call));
  if (!sent && sent.error().code != Code::unavailable) co_return refused(sent.error());
  (*process)->close_input();
  Conversation conversation("c1", limits, std::move(observer));
  co_return co_await conversation.hold(**process, tool.name, stop);
}

Result<std::string> CallRunner::work_folder(const std::string& workspace_id) {
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

}  // namespace librebird::hands
