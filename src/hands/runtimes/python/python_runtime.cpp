// The plug-in `python` of kind runtime: skills in Python, run by our runner (sdk/python) in an interpreter that knows
// the skill, its own dependencies and the standard library, and nothing else of this machine.
#include "package_index.hpp"

#include <librebird/base/log.hpp>
#include <librebird/base/utf8.hpp>
#include <librebird/core/ports/tool_runtime.hpp>

#include <fmt/format.h>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

namespace librebird::plugins {
namespace {

namespace json = boost::json;

constexpr const char* kInterpreterKey = "hands.python.interpreter";
constexpr const char* kKitKey = "hands.python.kit";
constexpr const char* kIndexKey = "hands.python.index_url";
constexpr const char* kHostsKey = "hands.python.index_hosts";
constexpr const char* kMostKey = "hands.python.max_environment_mb";

// Inside. A legacy package finds its root by going up three times from its own file: /app/skills/NAME/__init__.py.
constexpr const char* kKit = "/librebird";
constexpr const char* kRoot = "/app";
constexpr const char* kData = "/app/data";
constexpr const char* kEnvironment = "/env";

constexpr std::int64_t kMiB = 1LL << 20;
constexpr int kInstallSeconds = 600;
constexpr std::size_t kMostSaid = 2000;

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> real{};
  return realpath(path.c_str(), real.data()) != nullptr ? std::string(real.data()) : std::string();
}

std::string find_kit(const RuntimeContext& context) {
  const std::string& beside = context.tool_directory;
  for (const std::string& candidate : {context.config.text(kKitKey), beside + "/../share/librebird/sdk/python"}) {
    if (!candidate.empty() && access((candidate + "/runner.py").c_str(), R_OK) == 0) return real_path(candidate);
  }
  return {};
}

// The names of settings that handlers find in their environment too. A legacy package knows no other way; a secret's
// value is a stand-in there as everywhere inside.
std::string variables_of(const SkillManifest& skill, bool legacy) {
  if (legacy) return "all";
  if (std::ranges::find(skill.permissions, "env_vars") == skill.permissions.end()) return {};
  std::string names;
  for (const SkillSetting& setting : skill.settings) {
    if (setting.type == SettingType::secret) continue;
    names += (names.empty() ? "" : ",") + setting.name;
  }
  return names;
}

class PythonRuntime final : public ToolRuntime {
 public:
  explicit PythonRuntime(const RuntimeContext& context)
      : kit_(find_kit(context)),
        index_url_(context.config.text(kIndexKey)),
        index_hosts_(context.config.text_list(kHostsKey)),
        most_bytes_(std::max<std::int64_t>(1, context.config.integer(kMostKey)) * kMiB) {
    const std::string& configured = context.config.text(kInterpreterKey);
    interpreter_ = configured.empty() ? "/usr/bin/python3" : configured;
  }

  Result<SandboxSpec> plan(const SkillManifest& skill, const ToolSpec& /*tool*/) override {
    LB_CHECK(check());
    const bool legacy = is_legacy(skill);
    SandboxSpec spec = spec_for(skill, skill.directory, "runner.py");
    const SkillLimits& limits = skill.limits;
    if (limits.wall_seconds > 0) spec.limits.wall_time = Millis(limits.wall_seconds * 1000LL);
    if (limits.memory_mb > 0) spec.limits.memory_bytes = limits.memory_mb * kMiB;
    if (limits.cpu_seconds > 0) spec.limits.cpu_seconds = limits.cpu_seconds;
    if (limits.processes > 0) spec.limits.processes = std::max(2, limits.processes);
    if (limits.output_bytes > 0) spec.limits.output_bytes = limits.output_bytes;
    if (!skill.env_directory.empty()) spec.mounts.push_back({skill.env_directory, kEnvironment, false});
    spec.user_folder = kData;
    const auto add = [&spec](std::string name, std::string value) {
      spec.argv.push_back(std::move(name));
      spec.argv.push_back(std::move(value));
    };
    if (!legacy) add("--entry", skill.entrypoint);
    if (std::string variables = variables_of(skill, legacy); !variables.empty()) add("--variables", variables);
    // Half: the other half is for what the handler prints.
    add("--output-bytes", fmt::to_string(spec.limits.output_bytes / 2));
    if (skill.worker) spec.argv.emplace_back("--worker");
    return spec;
  }

  Task<Status> prepare(const SkillManifest& skill, const std::string& folder, SkillBuild& build,
                       std::stop_token stop) override {
    return prepare_in(skill, folder, build, std::move(stop));
  }

  [[nodiscard]] bool describes(const SkillManifest& skill) const override { return skill.tools.empty(); }

 private:
  // An entry point is what the enhanced manifest has and the legacy one has not.
  static bool is_legacy(const SkillManifest& skill) { return skill.entrypoint.empty(); }

  Status check() const {
    if (kit_.empty()) {
      return make_error(Code::failed_precondition,
                        "The Python kit (share/librebird/sdk/python) is missing; reinstall, or build the target "
                        "librebird_python_kit.");
    }
    if (access(interpreter_.c_str(), X_OK) != 0) {
      return make_error(Code::failed_precondition,
                        fmt::format("The Python interpreter {} is missing; install the package python3, or set {}.",
                                    interpreter_, kInterpreterKey));
    }
    if (!interpreter_.starts_with("/usr/") && !interpreter_.starts_with("/bin/")) {
      return make_error(
          Code::failed_precondition,
          fmt::format("{} must be an interpreter below /usr: only the system is offered inside.", kInterpreterKey));
    }
    return Ok{};
  }

  // What calls and the installation have in common. -I and -S: nothing of this machine's packages, users or variables.
  SandboxSpec spec_for(const SkillManifest& skill, const std::string& folder, std::string_view program) const {
    SandboxSpec spec;
    spec.system = true;
    spec.argv = {interpreter_, "-I", "-S", fmt::format("{}/{}", kKit, program)};
    for (const auto& [name, value] : {std::pair{"--skill", skill.name.c_str()}, std::pair{"--root", kRoot},
                                      std::pair{"--environment", kEnvironment}}) {
      spec.argv.emplace_back(name);
      spec.argv.emplace_back(value);
    }
    // Each thread would else reserve 64 MiB of the address space that is allowed.
    spec.environment = {"MALLOC_ARENA_MAX=2"};
    spec.mounts = {{kit_, kKit, false}, {folder, fmt::format("{}/skills/{}", kRoot, skill.name), false}};
    return spec;
  }

  Task<Status> prepare_in(const SkillManifest& skill, std::string folder, SkillBuild& build, std::stop_token stop) {
    LB_CO_CHECK(check());
    SandboxSpec spec = spec_for(skill, folder, "installer.py");
    spec.mounts.push_back({skill.env_directory, kEnvironment, true});
    spec.limits = {.wall_time = Millis(kInstallSeconds * 1000LL),
                   .cpu_seconds = kInstallSeconds,
                   .memory_bytes = 2048 * kMiB,
                   .output_bytes = 4 * kMiB,
                   .file_bytes = most_bytes_};
    std::vector<std::string> hosts;
    if (!skill.dependencies.empty()) {
      LB_CO_TRY(index, python::find_package_index(index_url_, index_hosts_, Config::process_environment()));
      hosts = std::move(index.hosts);
      spec.argv.insert(spec.argv.end(), {"--index", index.url, "--certificates", "/run/egress/ca.pem"});
    }
    const json::array dependencies(skill.dependencies.begin(), skill.dependencies.end());
    spec.argv.insert(spec.argv.end(),
                     {"--dependencies", json::serialize(dependencies), "--most-bytes", fmt::to_string(most_bytes_)});
    if (is_legacy(skill)) spec.argv.emplace_back("--legacy");
    LB_CO_TRY(run, co_await build.run_with_index(std::move(spec), std::move(hosts), stop));
    LB_CO_CHECK(read_answer(skill, run));
    co_return check_size(skill);
  }

  // The installer's last word is one line of JSON. Dependencies run code of their own then: nothing of it is trusted.
  static Status read_answer(const SkillManifest& skill, const SandboxRun& run) {
    if (run.end == SandboxEnd::cancelled) return make_error(Code::cancelled, "The installation was stopped.");
    boost::system::error_code error;
    const json::value answer = json::parse(std::string_view(run.output), error);
    const json::object* object = error ? nullptr : answer.if_object();
    const json::value* said = object != nullptr ? object->if_contains("error") : nullptr;
    if (said != nullptr && said->is_string()) {
      return make_error(Code::failed_precondition, shortened(said->get_string()));
    }
    if (run.end != SandboxEnd::exited || run.exit_code != 0 || object == nullptr) {
      return make_error(Code::failed_precondition, fmt::format("The skill {} cannot be made ready: installing {}.",
                                                               skill.name, how_it_ended(run)));
    }
    const json::value* notes = object->if_contains("notes");
    if (notes != nullptr && notes->is_array()) {
      for (const json::value& note : notes->get_array()) {
        if (!note.is_string()) continue;
        log::info("a dependency of a skill is left out",
                  {{"skill", skill.name}, {"note", shortened(note.get_string())}});
      }
    }
    return Ok{};
  }

  static std::string shortened(std::string_view text) { return to_valid_utf8(text.substr(0, kMostSaid)); }

  static std::string how_it_ended(const SandboxRun& run) {
    switch (run.end) {
      case SandboxEnd::timed_out: return "took too long";
      case SandboxEnd::out_of_memory: return "needed too much memory";
      case SandboxEnd::output_limit: return "said too much";
      default: return fmt::format("ended without a word ({})", run.exit_code);
    }
  }

  [[nodiscard]] Status check_size(const SkillManifest& skill) const {
    std::int64_t size = 0;
    std::error_code error;
    // Links are not followed: they are of the skill's making.
    for (std::filesystem::recursive_directory_iterator entry(skill.env_directory, error), end; !error && entry != end;
         entry.increment(error)) {
      std::error_code vanished;
      if (entry->symlink_status(vanished).type() != std::filesystem::file_type::regular) continue;
      size += static_cast<std::int64_t>(entry->file_size(vanished));
      if (size > most_bytes_) {
        return make_error(Code::too_large,
                          fmt::format("The dependencies of the skill {} take more than {} MiB; {} allows more.",
                                      skill.name, most_bytes_ / kMiB, kMostKey));
      }
    }
    if (!error) return Ok{};
    return make_error(Code::internal, fmt::format("What was installed for the skill {} cannot be read: {}.", skill.name,
                                                  error.message()));
  }

  std::string kit_;
  std::string interpreter_;
  std::string index_url_;
  std::vector<std::string> index_hosts_;
  std::int64_t most_bytes_;
};

Result<std::unique_ptr<ToolRuntime>> create(const RuntimeContext& context) {
  return std::unique_ptr<ToolRuntime>(std::make_unique<PythonRuntime>(context));
}

std::vector<ConfigKey> config() {
  return {
      {.name = kInterpreterKey,
       .type = ConfigType::text,
       .default_value = std::string(),
       .help = "The Python interpreter of skills, 3.9 or later, below /usr; empty: /usr/bin/python3."},
      {.name = kKitKey,
       .type = ConfigType::text,
       .default_value = std::string(),
       .help = "Folder of the Python kit; empty: ../share/librebird/sdk/python beside the program."},
      {.name = kIndexKey,
       .type = ConfigType::text,
       .default_value = std::string(),
       .help = "Package index that skills' dependencies come from; empty: the one pip is set to, or pypi.org."},
      {.name = kHostsKey,
       .type = ConfigType::text_list,
       .default_value = std::vector<std::string>(),
       .help = "Hosts beside the package index's own that installing may reach: where the index keeps its files."},
      {.name = kMostKey,
       .type = ConfigType::integer,
       .default_value = std::int64_t{1024},
       .help = "Largest size of one skill's dependencies, in MiB."},
  };
}

}  // namespace

RuntimePlugin runtime_python() {
  RuntimePlugin plugin;
  plugin.manifest.name = "python";
  plugin.manifest.description = "Tools in Python, each skill with the dependencies it declares.";
  plugin.manifest.config = config();
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
