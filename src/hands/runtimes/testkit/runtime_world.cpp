#include <librebird/hands/runtimes/testkit/runtime_world.hpp>

#include <librebird/hands/testkit/run_on.hpp>

#include <boost/json.hpp>

#include <fmt/format.h>

#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace librebird::testkit {
namespace fs = std::filesystem;
namespace {

Config load(const std::map<std::string, std::string>& settings) {
  std::vector<ConfigKey> keys;
  for (const auto& plugin : sandbox_plugins()) {
    keys.insert(keys.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
  }
  for (const auto& plugin : runtime_plugins()) {
    keys.insert(keys.end(), plugin.manifest.config.begin(), plugin.manifest.config.end());
  }
  auto config = Config::load(keys, "", [](std::string_view) { return std::nullopt; });
  if (!config) throw std::runtime_error(config.error().message);
  for (const auto& [name, value] : settings) {
    const bool number = !value.empty() && value.find_first_not_of("0123456789") == std::string::npos;
    config->set(name, number ? ConfigValue(static_cast<std::int64_t>(std::stoll(value))) : ConfigValue(value));
  }
  return std::move(config).value();
}

fs::path fresh_folder() {
  std::string pattern = (fs::temp_directory_path() / "librebird-runtime-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no temporary folder");
  // Programs inside are somebody else.
  chmod(pattern.c_str(), 0755);
  return pattern;
}

std::string line_of(const char* type, std::string_view rest) {
  return fmt::format("{{\"type\":\"{}\"{}}}\n", type, rest);
}

}  // namespace

std::string Spoken::last() const {
  for (auto line = lines.rbegin(); line != lines.rend(); ++line) {
    if (line->starts_with(R"({"type":"result")") || line->starts_with(R"({"type":"error")")) return *line;
  }
  return {};
}

// As the registry of skills gives it: contained, with the network where hosts are named.
class RuntimeWorld::Build final : public SkillBuild {
 public:
  explicit Build(RuntimeWorld& world) : world_(world) {}
  Task<Result<SandboxRun>> run(SandboxSpec spec, std::vector<std::string> hosts, std::stop_token /*stop*/) override {
    world_.hosts.insert(world_.hosts.end(), hosts.begin(), hosts.end());
    for (const char* variable : {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"}) {
      spec.environment.emplace_back(variable);
    }
    if (!hosts.empty()) world_.offer_network(spec);
    return world_.run(std::move(spec), {}, {});
  }

 private:
  RuntimeWorld& world_;
};

RuntimeWorld::RuntimeWorld(const std::string& runtime, std::map<std::string, std::string> settings)
    : config_(load(settings)), folder_(fresh_folder()) {
  signal(SIGPIPE, SIG_IGN);
  static SystemClock clock;
  for (const auto& plugin : sandbox_plugins()) {
    if (plugin.manifest.name != "bubblewrap") continue;
    auto made = plugin.create({config_, loop_.executor(), clock, LIBREBIRD_TOOL_DIRECTORY});
    if (made) sandbox_ = std::move(made).value();
  }
  for (const auto& plugin : runtime_plugins()) {
    if (plugin.manifest.name != runtime) continue;
    auto made = plugin.create({config_, LIBREBIRD_TOOL_DIRECTORY});
    if (made) runtime_ = std::move(made).value();
  }
  if (!sandbox_ || !runtime_) throw std::runtime_error("the sandbox or the runtime " + runtime + " is missing");
}

RuntimeWorld::~RuntimeWorld() {
  if (fence_ > 0) {
    kill(fence_, SIGKILL);
    waitpid(fence_, nullptr, 0);
  }
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

std::string RuntimeWorld::unusable() {
  const Status probed = run_on(loop_, sandbox_->probe());
  return probed ? std::string() : probed.error().message;
}

SkillManifest RuntimeWorld::skill(const std::map<std::string, std::string>& files) {
  SkillManifest manifest;
  manifest.name = fmt::format("skill{}", ++skills_);
  const fs::path home = folder_ / manifest.name;
  manifest.directory = home / "package";
  manifest.env_directory = home / "env";
  fs::create_directories(manifest.directory);
  fs::create_directories(manifest.env_directory);
  for (const auto& [name, text] : files) {
    const fs::path path = fs::path(manifest.directory) / name;
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary) << text;
  }
  return manifest;
}

Status RuntimeWorld::prepare(const SkillManifest& skill) {
  Build build(*this);
  return run_on(loop_, runtime_->prepare(skill, skill.directory, build, {}));
}

Spoken RuntimeWorld::describe(const SkillManifest& skill) { return speak(skill, line_of("describe", "")); }

Spoken RuntimeWorld::call(const SkillManifest& skill, std::string_view tool, std::string_view arguments_json,
                          std::string_view settings_json) {
  return speak(skill, line_of("call", fmt::format(R"(,"id":"c1","tool":"{}","arguments":{},"settings":{},"now":0,)"
                                                  R"("zone":{{"name":"UTC","abbreviation":"UTC","offset_seconds":0}})",
                                                  tool, arguments_json, settings_json)));
}

Spoken RuntimeWorld::speak(const SkillManifest& skill, std::string input) {
  Spoken spoken;
  auto spec = runtime_->plan(skill, {});
  if (!spec) {
    spoken.log = spec.error().message;
    return spoken;
  }
  for (const char* variable : {"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp", "LANG=C.UTF-8"}) {
    spec->environment.emplace_back(variable);
  }
  if (fence_ > 0) offer_network(*spec);
  if (change) change(*spec);
  auto ended = run_on(loop_, run(std::move(spec).value(), std::move(input), {}));
  if (!ended) {
    spoken.log = ended.error().message;
    return spoken;
  }
  spoken.run = std::move(ended).value();
  spoken.log = spoken.run.error_output;
  std::string_view text = spoken.run.output;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    spoken.lines.emplace_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) spoken.lines.emplace_back(text);
  return spoken;
}

void RuntimeWorld::open_network() {
  const fs::path egress = folder_ / "egress";
  fs::create_directory(egress);
  std::ofstream(egress / "ca.pem") << "";
  const std::string socket = egress / "fence.sock";
  std::array<int, 2> ready{};
  if (pipe(ready.data()) != 0) throw std::runtime_error("no pipe");
  std::array<std::string, 4> words = {"node", LIBREBIRD_FENCE_SCRIPT, socket, folder_.string()};
  std::array<char*, 5> argv = {words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ready[1], 1);
  posix_spawn_file_actions_addclose(&actions, ready[0]);
  const int failed = posix_spawnp(&fence_, "node", &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(ready[1]);
  // It says one word when it listens.
  char byte = 0;
  const bool listens = failed == 0 && read(ready[0], &byte, 1) == 1;
  close(ready[0]);
  if (!listens) throw std::runtime_error("the fence of the tests does not start; is node installed?");
  chmod(socket.c_str(), 0666);
}

void RuntimeWorld::offer_network(SandboxSpec& spec) const {
  spec.egress_directory = folder_ / "egress";
  for (const char* name : {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"}) {
    spec.environment.push_back(fmt::format("{}=http://127.0.0.1:3128", name));
  }
  spec.environment.emplace_back("NO_PROXY=");
}

Task<Result<SandboxRun>> RuntimeWorld::run(SandboxSpec spec, std::string input, SandboxIo io) {
  LB_CO_TRY(process, co_await sandbox_->start(std::move(spec), {}));
  if (!input.empty()) (void)process->write(std::move(input));
  process->close_input();
  co_return co_await process->wait(std::move(io), {});
}

}  // namespace librebird::testkit
