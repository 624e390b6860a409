// The plug-in `native` of kind runtime: tools written in C++, all of them in the one static runner `librebird-tool`.
#include <librebird/core/ports/tool_runtime.hpp>

#include <librebird/base/json_writer.hpp>

#include <fmt/format.h>

#include <unistd.h>

#include <array>
#include <climits>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>

namespace librebird::plugins {
namespace {

constexpr const char* kPathKey = "hands.native.runner";
constexpr const char* kInside = "/librebird-tool";

struct LocalTime {
  std::int64_t now = 0;
  std::string name;
  std::string abbreviation;
  long offset = 0;
};

// "Europe/Berlin" from TZ or from where /etc/localtime points; empty if neither says.
std::string zone_name() {
  if (const char* variable = std::getenv("TZ"); variable != nullptr && *variable != '\0') {
    return variable[0] == ':' ? variable + 1 : variable;
  }
  std::array<char, PATH_MAX> target{};
  const ssize_t size = readlink("/etc/localtime", target.data(), target.size() - 1);
  if (size <= 0) return {};
  const std::string_view path(target.data(), static_cast<std::size_t>(size));
  const std::size_t at = path.find("zoneinfo/");
  return at == std::string_view::npos ? std::string() : std::string(path.substr(at + 9));
}

LocalTime local_time() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm local{};
  localtime_r(&now.tv_sec, &local);
  LocalTime time;
  time.now = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
  time.abbreviation = local.tm_zone != nullptr ? local.tm_zone : "UTC";
  time.offset = local.tm_gmtoff;
  time.name = zone_name();
  if (time.name.empty()) time.name = time.abbreviation;
  return time;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  append_json_escaped(out, text);
  return out + "\"";
}

class NativeRuntime final : public ToolRuntime {
 public:
  explicit NativeRuntime(std::string runner) : runner_(std::move(runner)) {}

  Result<SandboxSpec> plan(const ToolSpec& tool, const ToolCall& call) override {
    if (runner_.empty()) {
      return make_error(
          Code::failed_precondition,
          "The runner librebird-tool is missing beside the program; reinstall, or build the target librebird-tool.");
    }
    const LocalTime time = local_time();
    SandboxSpec spec;
    spec.argv = {kInside};
    spec.mounts = {{runner_, kInside, false}};
    for (const std::string& file : tool.host_files) spec.mounts.push_back({file, file, false});
    // The arguments are JSON that the broker has checked; everything else is quoted here.
    spec.input = fmt::format(
        R"({{"tool":{},"now":{},"zone":{{"name":{},"abbreviation":{},"offset_seconds":{}}},"arguments":{}}})",
        quoted(tool.name), time.now, quoted(time.name), quoted(time.abbreviation), time.offset, call.arguments_json);
    spec.limits.processes = 1;
    return spec;
  }

  Result<std::string> parse_result(const ToolSpec& tool, const SandboxRun& run) override {
    if (run.end == SandboxEnd::exited && run.exit_code == 0 && !run.output.empty()) return run.output;
    if (run.end == SandboxEnd::signalled) {
      return make_error(Code::internal, fmt::format("The tool {} crashed (signal {}).", tool.name, run.exit_code));
    }
    return make_error(Code::internal,
                      fmt::format("The tool {} ended without an answer (code {}).", tool.name, run.exit_code));
  }

 private:
  std::string runner_;
};

std::string find_runner(const RuntimeContext& context) {
  std::array<std::string, 3> candidates = {context.config.text(kPathKey), context.tool_directory + "/librebird-tool",
                                           context.tool_directory + "/../libexec/librebird-tool"};
  for (const std::string& candidate : candidates) {
    if (candidate.empty() || access(candidate.c_str(), X_OK) != 0) continue;
    std::array<char, PATH_MAX> real{};
    if (realpath(candidate.c_str(), real.data()) != nullptr) return real.data();
  }
  return {};
}

Result<std::unique_ptr<ToolRuntime>> create(const RuntimeContext& context) {
  tzset();
  return std::unique_ptr<ToolRuntime>(std::make_unique<NativeRuntime>(find_runner(context)));
}

}  // namespace

RuntimePlugin runtime_native() {
  RuntimePlugin plugin;
  plugin.manifest.name = "native";
  plugin.manifest.description = "Tools in C++, run by the static librebird-tool.";
  plugin.manifest.config = {{.name = kPathKey,
                             .type = ConfigType::text,
                             .default_value = std::string(),
                             .help = "Path of librebird-tool; empty: beside the program, or in ../libexec."}};
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
