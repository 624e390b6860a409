#include "docker_sandbox.hpp"

#include "diagnose.hpp"
#include "docker_process.hpp"
#include "hand_over.hpp"
#include "owner.hpp"
#include "seccomp_profile.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/random.hpp>

#include <fmt/format.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <span>

namespace librebird::docker {
namespace {

constexpr std::int64_t kOpenFiles = 256;
constexpr const char* kFolder = "librebird-docker-";

std::string random_text() {
  std::array<std::byte, 16> bytes{};
  SystemRandom().fill(bytes);
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned>(byte));
  return text;
}

// The real limit is the control group's; this one, which counts all processes of a user on the machine, only keeps
// Podman from asking for more than it may have (it then refuses to run anything).
std::int64_t most_processes() {
  constexpr rlim_t kPlenty = 16384;
  rlimit limit{};
  const bool known = getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_max != RLIM_INFINITY;
  return static_cast<std::int64_t>(known ? std::min(limit.rlim_max, kPlenty) : kPlenty);
}

bool is_missing(const Error& error) { return error.code == Code::not_found; }

// Of platforms that were killed.
void remove_old_folders(const std::filesystem::path& temporary) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(temporary, error)) {
    const std::string name = entry.path().filename().native();
    if (!name.starts_with(kFolder)) continue;
    const int pid = std::atoi(name.c_str() + std::string_view(kFolder).size());
    struct stat status{};
    if (pid <= 0 || lstat(entry.path().c_str(), &status) != 0 || status.st_uid != geteuid()) continue;
    if (::kill(pid, 0) == 0 || errno != ESRCH) continue;
    std::error_code ignored;
    std::filesystem::remove_all(entry.path(), ignored);
  }
}

// An engine would make an empty folder of what is missing.
Status sources_exist(const SandboxSpec& spec) {
  for (const SandboxMount& mount : spec.mounts) {
    if (access(mount.host_path.c_str(), F_OK) == 0) continue;
    return make_error(Code::failed_precondition,
                      fmt::format("What should be at {} inside is not there outside ({}), so the tool did not run.",
                                  mount.path, mount.host_path));
  }
  if (spec.egress_directory.empty() || access((spec.egress_directory + "/fence.sock").c_str(), F_OK) == 0) {
    return Ok{};
  }
  return make_error(Code::failed_precondition, "The network fence's socket is not there, so the tool did not run.");
}

}  // namespace

DockerSandbox::DockerSandbox(Executor executor, Settings settings)
    : executor_(executor), settings_(std::move(settings)), looked_(executor) {}

DockerSandbox::~DockerSandbox() {
  std::error_code ignored;
  if (!profile_folder_.empty()) std::filesystem::remove_all(profile_folder_, ignored);
}

Task<Result<EngineFacts>> DockerSandbox::connect(std::stop_token stop) {
  while (looking_ && !stop.stop_requested()) co_await looked_.wait(stop);
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool was stopped before it began.");
  if (facts_) co_return *facts_;
  looking_ = true;
  auto facts = co_await look(stop);
  looking_ = false;
  looked_.notify_all();
  co_return facts;
}

Task<Result<EngineFacts>> DockerSandbox::look(std::stop_token stop) {
  if (settings_.tool.empty()) co_return tool_missing();
  Error worst = make_error(Code::not_found, "");
  std::string at;
  for (const std::string& socket : settings_.sockets) {
    auto engine = std::make_unique<Engine>(executor_, socket);
    auto facts = co_await engine->facts(stop);
    if (!facts && facts.error().code == Code::cancelled) co_return std::move(facts).error();
    if (!facts) {
      // One that is there and closed to us says more than one that is not there.
      if (at.empty() && !is_missing(facts.error())) {
        worst = facts.error();
        at = socket;
      }
      continue;
    }
    LB_CO_CHECK(capable(*facts));
    const std::string& wanted = settings_.runtime;
    if (!wanted.empty() && std::ranges::find(facts->runtimes, wanted) == facts->runtimes.end()) {
      co_return runtime_missing(wanted, *facts);
    }
    engine_ = std::move(engine);
    facts_ = *facts;
    if (const Status swept = co_await sweep(); !swept) {
      log::warn("old containers could not be looked for", {{"cause", swept.error().message}});
    }
    co_return *facts;
  }
  co_return unreachable(at, settings_.configured, settings_.sockets, worst);
}

Task<Status> DockerSandbox::sweep() {
  Engine engine = *engine_;
  LB_CO_TRY(containers, co_await engine.list(kLabel));
  for (const ContainerFacts& container : containers) {
    const Owner owner = look_up(container.owner);
    if (owner == Owner::alive || (owner == Owner::elsewhere && container.running)) continue;
    log::warn("a container that was left behind is removed", {{"container", container.id}});
    LB_CO_CHECK(co_await engine.remove(container.id));
  }
  co_return Ok{};
}

Task<Result<ImageFacts>> DockerSandbox::empty_image(std::stop_token stop) {
  Engine engine = *engine_;
  const std::string name = fmt::format("{}:{}", kEmptyImage, kEmptyTag);
  auto found = co_await engine.image(name, stop);
  if (found || !is_missing(found.error())) co_return found;
  LB_CO_CHECK(co_await engine.import_image(kEmptyImage, kEmptyTag, empty_image_tar(), stop));
  co_return co_await engine.image(name, stop);
}

Task<Result<ImageFacts>> DockerSandbox::image_for(SandboxSpec& spec, std::stop_token stop) {
  if (spec.image.empty() && !spec.system) {
    auto empty = co_await empty_image(stop);
    if (empty) spec.image = fmt::format("{}:{}", kEmptyImage, kEmptyTag);
    co_return empty;
  }
  if (spec.image.empty()) spec.image = settings_.image;
  Engine engine = *engine_;
  auto found = co_await engine.image(spec.image, stop);
  if (!found && is_missing(found.error())) co_return image_missing(spec.image, settings_.image);
  if (found && found->has_volumes) {
    co_return make_error(Code::failed_precondition,
                         fmt::format("The image {} declares volumes, which would be writable without a limit; build it "
                                     "without VOLUME.",
                                     spec.image));
  }
  if (found && spec.argv.empty() && found->command.empty()) {
    co_return make_error(Code::failed_precondition,
                         fmt::format("The image {} does not say what to run; give the skill a command.", spec.image));
  }
  co_return found;
}

Result<std::string> DockerSandbox::seccomp_for(const EngineFacts& facts, bool network) {
  LB_TRY(profile, seccomp_profile(network));
  if (!facts.podman) return profile;
  // Podman wants the name of a file, and reads it when the container is made.
  const Error failed = make_error(Code::internal, "The system-call filter cannot be written; tools will not run.");
  if (profile_folder_.empty()) {
    std::error_code error;
    const std::filesystem::path temporary = std::filesystem::temp_directory_path(error);
    if (!error) remove_old_folders(temporary);
    std::string pattern = (temporary / fmt::format("{}{}-XXXXXX", kFolder, getpid())).native();
    if (error || ::mkdtemp(pattern.data()) == nullptr) return failed;
    profile_folder_ = pattern;
  }
  std::string path = profile_folder_ + (network ? "/network.json" : "/closed.json");
  if (access(path.c_str(), R_OK) != 0) {
    std::ofstream file(path);
    file << profile;
    file.close();
    if (!file) return failed;
  }
  return path;
}

Result<ContainerPlan> DockerSandbox::plan_for(const SandboxSpec& spec, const EngineFacts& facts) {
  LB_TRY(seccomp, seccomp_for(facts, !spec.egress_directory.empty() && spec.limits.processes > 1));
  ContainerPlan plan;
  plan.image = spec.image;
  plan.tool = settings_.tool;
  plan.owner = this_owner();
  plan.seccomp = std::move(seccomp);
  plan.runtime = settings_.runtime;
  plan.nofile = kOpenFiles;
  plan.nproc = most_processes();
  // Never root: our own user, whose files the work folder holds; and where we are root ourselves, nobody.
  const bool root = geteuid() == 0;
  plan.user = root ? fmt::format("{}:{}", kNobody, kNobody) : fmt::format("{}:{}", geteuid(), getegid());
  if (facts.rootless) plan.userns = "keep-id";
  return plan;
}

Task<Result<std::unique_ptr<SandboxProcess>>> DockerSandbox::start(SandboxSpec spec, std::stop_token stop) {
  LB_CO_CHECK(check_container(spec));
  if (stop.stop_requested()) co_return make_error(Code::cancelled, "The tool was stopped before it began.");
  LB_CO_CHECK(sources_exist(spec));
  LB_CO_TRY(facts, co_await connect(stop));
  auto image = co_await image_for(spec, stop);
  if (!image) {
    // The engine may have gone since we found it: the next call looks again.
    if (image.error().code != Code::failed_precondition) facts_.reset();
    co_return image.error().code == Code::unavailable
        ? unreachable(engine_->socket(), settings_.configured, settings_.sockets, image.error())
        : std::move(image).error();
  }
  LB_CO_TRY(plan, plan_for(spec, facts));
  if (geteuid() == 0) {
    for (const SandboxMount& mount : spec.mounts) {
      if (mount.writable) LB_CO_CHECK(hand_over(mount.host_path));
    }
  }
  co_return co_await run(std::move(spec), std::move(plan), std::move(facts), std::move(image).value(), stop);
}

Task<Result<std::unique_ptr<SandboxProcess>>> DockerSandbox::run(SandboxSpec spec, ContainerPlan plan,
                                                                 EngineFacts facts, ImageFacts image,
                                                                 std::stop_token stop) {
  Engine engine = *engine_;
  auto id = co_await engine.create(container_json(spec, plan), stop);
  if (!id) co_return not_contained(id.error());
  auto process = co_await begin(*id, spec, std::move(facts), std::move(image), stop);
  if (process) co_return std::move(process).value();
  // Made, but not begun: it does not remove itself.
  if (const Status removed = co_await engine.remove(*id); !removed) {
    log::warn("a container could not be removed", {{"container", *id}, {"cause", removed.error().message}});
  }
  co_return not_contained(process.error());
}

Task<Result<std::unique_ptr<SandboxProcess>>> DockerSandbox::begin(std::string id, SandboxSpec spec, EngineFacts facts,
                                                                   ImageFacts image, std::stop_token stop) {
  Engine engine = *engine_;
  const std::string runtime = settings_.runtime;
  if (!runtime.empty()) {
    // Podman 4.3 takes the wish and forgets it.
    LB_CO_TRY(given, co_await engine.runtime_of(id, facts.podman, stop));
    if (given != runtime) co_return runtime_ignored(runtime, given);
  }
  GuardSetup setup;
  setup.nonce = random_text();
  setup.argv = guarded_argv(spec, image);
  setup.environment = spec.environment;
  setup.work_directory = spec.work_directory == "/" && spec.argv.empty() && !image.work_directory.empty()
                             ? image.work_directory
                             : spec.work_directory;
  // An image that the skill named has variables of its own; our images have none.
  setup.inherit_environment = spec.image != settings_.image && !spec.image.starts_with(kEmptyImage);
  LB_CO_TRY(attached, co_await engine.attach(id, stop));
  LB_CO_CHECK(co_await engine.start(id, stop));
  attached->connection.queue(setup_frame(setup));
  co_return std::make_unique<DockerProcess>(executor_, std::move(engine), std::move(id), std::move(attached),
                                            spec.limits, setup.nonce);
}

Task<Status> DockerSandbox::probe() {
  // A program that cannot exist in the empty image: that it is missed there means that all containment was set up.
  SandboxSpec spec;
  spec.argv = {"/probe"};
  spec.limits.processes = 1;
  spec.limits.wall_time = Millis(10'000);
  LB_CO_TRY(process, co_await start(std::move(spec), {}));
  auto run = co_await process->wait({}, {});
  if (!run && run.error().message.find("could not be started") == std::string::npos) co_return std::move(run).error();
  // What most tools need beside it.
  Engine engine = *engine_;
  const auto image = co_await engine.image(settings_.image, {});
  if (!image && is_missing(image.error())) co_return image_missing(settings_.image, settings_.image);
  if (!image) co_return image.error();
  co_return Ok{};
}

}  // namespace librebird::docker
