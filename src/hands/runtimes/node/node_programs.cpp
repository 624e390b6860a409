#include <librebird/hands/node/node_programs.hpp>

#include <librebird/base/utf8.hpp>

#include <fmt/format.h>

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>

namespace librebird::hands::node {
namespace {

constexpr const char* kNodeKey = "hands.node.program";
constexpr const char* kNpmKey = "hands.node.npm";
constexpr const char* kKitKey = "hands.node.kit";
constexpr const char* kRegistryKey = "hands.node.registry";
constexpr const char* kMostKey = "hands.node.max_environment_mb";

constexpr std::int64_t kMiB = 1LL << 20;
constexpr std::int64_t kAddressSpace = 32LL << 30;  // WebAssembly, which fetch uses, reserves 10 GiB
constexpr std::int64_t kUnused = 576 * kMiB;        // what V8 maps writable and leaves unused
constexpr std::size_t kMaxSaid = 4000;

std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> real{};
  return realpath(path.c_str(), real.data()) != nullptr ? std::string(real.data()) : std::string();
}

std::string on_path(const std::string& name) {
  const char* variable = std::getenv("PATH");
  std::string_view folders = variable != nullptr ? variable : "/usr/local/bin:/usr/bin:/bin";
  while (!folders.empty()) {
    const std::size_t end = folders.find(':');
    const std::string candidate = std::string(folders.substr(0, end)) + "/" + name;
    if (candidate.starts_with('/') && access(candidate.c_str(), X_OK) == 0) return candidate;
    folders.remove_prefix(end == std::string_view::npos ? folders.size() : end + 1);
  }
  return {};
}

// npm's own folder, the one with bin/npm-cli.js.
std::string find_npm(const std::string& configured, const std::string& node) {
  const std::string beside = node.substr(0, node.rfind('/'));
  const std::string program = on_path("npm");
  for (const std::string& candidate :
       {configured, real_path(beside + "/../lib/node_modules/npm"), real_path("/usr/share/nodejs/npm"),
        program.empty() ? std::string() : real_path(real_path(program) + "/../..")}) {
    if (!candidate.empty() && access((candidate + "/bin/npm-cli.js").c_str(), R_OK) == 0) return real_path(candidate);
  }
  return {};
}

std::string find_kit(const std::string& configured, const std::string& tool_directory) {
  for (const std::string& candidate : {configured, tool_directory + "/../share/librebird/sdk/typescript"}) {
    if (!candidate.empty() && access((candidate + "/runner.mjs").c_str(), R_OK) == 0) return real_path(candidate);
  }
  return {};
}

}  // namespace

NodePrograms::NodePrograms(const RuntimeContext& context)
    : registry_(context.config.text(kRegistryKey)), most_bytes_(context.config.integer(kMostKey) * kMiB) {
  const std::string& configured = context.config.text(kNodeKey);
  node_ = real_path(configured.empty() ? on_path("node") : configured);
  // The system is offered inside as it is; what stands elsewhere is offered by itself.
  node_inside_ = node_.starts_with("/usr/") ? node_ : "/opt/node/bin/node";
  if (!node_.empty()) npm_ = find_npm(context.config.text(kNpmKey), node_);
  npm_inside_ = npm_.starts_with("/usr/") ? npm_ : "/opt/npm";
  kit_ = find_kit(context.config.text(kKitKey), context.tool_directory);
}

std::vector<ConfigKey> NodePrograms::config() {
  return {
      {.name = kNodeKey,
       .type = ConfigType::text,
       .default_value = std::string(),
       .help = "Node.js for skills in TypeScript and MCP servers; empty: node on PATH."},
      {.name = kNpmKey,
       .type = ConfigType::text,
       .default_value = std::string(),
       .help = "npm's own folder, the one with bin/npm-cli.js; empty: the one that came with Node.js."},
      {.name = kKitKey,
       .type = ConfigType::text,
       .default_value = std::string(),
       .help = "The TypeScript kit (sdk/typescript with its packages); empty: ../share beside the program."},
      {.name = kRegistryKey,
       .type = ConfigType::text,
       .default_value = std::string("https://registry.npmjs.org/"),
       .env = "NPM_CONFIG_REGISTRY",
       .help = "The npm registry that skills' packages are installed from; nothing else can be reached then."},
      {.name = kMostKey,
       .type = ConfigType::integer,
       .default_value = std::int64_t{1024},
       .help = "The most MiB that one skill's npm packages may take."},
  };
}

Status NodePrograms::has_node() const {
  if (!node_.empty()) return Ok{};
  return make_error(Code::failed_precondition,
                    "Node.js is missing on this machine; install the package nodejs, or set hands.node.program.");
}

Status NodePrograms::has_kit(bool compiler) const {
  if (kit_.empty()) {
    return make_error(Code::failed_precondition,
                      "The TypeScript kit is missing (../share/librebird/sdk/typescript beside the program); "
                      "reinstall, or set hands.node.kit.");
  }
  if (compiler && access((kit_ + "/node_modules/typescript/package.json").c_str(), R_OK) != 0) {
    return make_error(Code::failed_precondition,
                      fmt::format("The TypeScript compiler is missing; run `npm ci --ignore-scripts` in {}.", kit_));
  }
  return Ok{};
}

std::string NodePrograms::program_path() const {
  return fmt::format("{}/.bin:{}", kModules, node_inside_.substr(0, node_inside_.rfind('/')));
}

std::string NodePrograms::heap_flag(const SandboxLimits& limits) {
  return fmt::format("--max-old-space-size={}", std::max<std::int64_t>(32, limits.memory_bytes / kMiB * 3 / 4));
}

SandboxSpec NodePrograms::spec(int memory_mb) const {
  SandboxSpec spec;
  spec.system = true;
  if (memory_mb > 0) spec.limits.memory_bytes = memory_mb * kMiB;
  spec.limits.address_space_bytes = kAddressSpace;
  spec.limits.data_bytes = spec.limits.memory_bytes + kUnused;
  if (!node_.starts_with("/usr/")) spec.mounts.push_back({node_, node_inside_, false});
  return spec;
}

void NodePrograms::offer(SandboxSpec& spec, const SkillManifest& skill, const std::string& folder) const {
  spec.mounts.push_back({folder, kSkill, false});
  if (!kit_.empty()) spec.mounts.push_back({kit_, kKit, false});
  if (skill.env_directory.empty()) return;
  if (access(skill.env_directory.c_str(), F_OK) == 0) spec.mounts.push_back({skill.env_directory, kEnvironment, false});
  const std::string modules = skill.env_directory + "/node_modules";
  struct stat info{};
  if (lstat(modules.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) spec.mounts.push_back({modules, kModules, false});
}

Result<SandboxSpec> NodePrograms::npm_spec(const SkillManifest& skill, const std::vector<std::string>& words) const {
  if (npm_.empty()) {
    return make_error(Code::failed_precondition,
                      "npm is missing on this machine; install the package npm, or set hands.node.npm.");
  }
  SandboxSpec made = spec(1536);
  if (!npm_.starts_with("/usr/")) made.mounts.push_back({npm_, npm_inside_, false});
  made.mounts.push_back({skill.env_directory, kEnvironment, true});
  made.work_directory = kEnvironment;
  made.argv = {node_inside_, heap_flag(made.limits), npm_inside_ + "/bin/npm-cli.js"};
  made.argv.insert(made.argv.end(), words.begin(), words.end());
  for (const char* flag : {"--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--no-update-notifier",
                           "--loglevel=error", "--cache=/tmp/npm", "--userconfig=/tmp/npmrc",
                           "--globalconfig=/tmp/npmrc.global", "--install-links=false", "--fetch-retries=1"}) {
    made.argv.emplace_back(flag);
  }
  made.argv.push_back("--registry=" + registry_);
  made.limits.wall_time = Millis(300'000);
  made.limits.cpu_seconds = 300;
  made.limits.scratch_bytes = 512 * kMiB;
  made.limits.file_bytes = 256 * kMiB;
  return made;
}

Error build_error(std::string_view what, const SandboxRun& run) {
  std::string said = to_valid_utf8(run.error_output.empty() ? run.output : run.error_output);
  if (said.size() > kMaxSaid) said = to_valid_utf8(said.substr(0, kMaxSaid)) + "\n...";
  while (said.ends_with('\n')) said.pop_back();
  switch (run.end) {
    case SandboxEnd::timed_out: said = "it took too long"; break;
    case SandboxEnd::out_of_memory: said = "it used too much memory"; break;
    case SandboxEnd::cancelled: return make_error(Code::cancelled, "The installation was stopped.");
    default: break;
  }
  if (said.empty()) said = fmt::format("it ended with {} and said nothing", run.exit_code);
  return make_error(Code::failed_precondition, fmt::format("{}: {}", what, said));
}

}  // namespace librebird::hands::node
