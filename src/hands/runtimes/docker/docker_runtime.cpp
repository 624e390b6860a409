// The plug-in `docker` of kind runtime: skills that bring an image; the program inside speaks the tool protocol.
#include <librebird/core/ports/tool_runtime.hpp>

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

namespace librebird::plugins {
namespace {

constexpr std::size_t kMaxReference = 512;

// An image's name as the engines write it: [HOST[:PORT]/]PATH[:TAG][@DIGEST]. Only characters that mean nothing else
// anywhere; the engine judges the rest.
bool is_reference(std::string_view name) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  const auto good = [plain](char c) {
    return plain(c) || c == '.' || c == '_' || c == '-' || c == '/' || c == ':' || c == '@';
  };
  return !name.empty() && name.size() <= kMaxReference && plain(name.front()) && plain(name.back()) &&
         std::ranges::all_of(name, good) && name.find("//") == std::string_view::npos &&
         name.find("..") == std::string_view::npos;
}

class DockerRuntime final : public ToolRuntime {
 public:
  Result<SandboxSpec> plan(const SkillManifest& skill, const ToolSpec& /*tool*/) override {
    LB_CHECK(check(skill));
    SandboxSpec spec;
    spec.image = skill.image;
    spec.argv = skill.command;  // empty: what the image runs
    if (!skill.directory.empty()) spec.mounts.push_back({skill.directory, "/skill", false});
    return spec;
  }

  Task<Status> prepare(const SkillManifest& skill, const std::string& /*folder*/, SkillBuild& build,
                       std::stop_token stop) override {
    LB_CO_CHECK(check(skill));
    // Not one thing to build; but a missing image, or one that cannot be contained, is found now and not at the first
    // call. The program is not spoken to: with its input closed it ends.
    LB_CO_TRY(spec, plan(skill, {}));
    spec.mounts.clear();
    spec.limits.wall_time = Millis(15'000);
    LB_CO_TRY(run, co_await build.run(std::move(spec), {}, stop));
    if (run.end == SandboxEnd::exited && (run.exit_code == 126 || run.exit_code == 127)) {
      co_return make_error(
          Code::failed_precondition,
          fmt::format("The program of the image {} cannot be started (code {}).", skill.image, run.exit_code));
    }
    co_return Ok{};
  }

  [[nodiscard]] bool describes(const SkillManifest& skill) const override { return skill.tools.empty(); }

 private:
  static Status check(const SkillManifest& skill) {
    if (skill.image.empty()) {
      return make_error(Code::invalid_argument,
                        fmt::format("The skill {} has the runtime docker and names no image; add \"image\" to its "
                                    "skill.json.",
                                    skill.name));
    }
    if (!is_reference(skill.image)) {
      return make_error(
          Code::invalid_argument,
          fmt::format("The image of the skill {} is not an image's name (NAME[:TAG][@DIGEST]).", skill.name));
    }
    if (!skill.dependencies.empty()) {
      return make_error(
          Code::invalid_argument,
          fmt::format("The skill {} brings an image and lists dependencies too; put them into the image.", skill.name));
    }
    return Ok{};
  }
};

Result<std::unique_ptr<ToolRuntime>> create(const RuntimeContext& /*context*/) {
  return std::unique_ptr<ToolRuntime>(std::make_unique<DockerRuntime>());
}

}  // namespace

RuntimePlugin runtime_docker() {
  RuntimePlugin plugin;
  plugin.manifest.name = "docker";
  plugin.manifest.description = "Programs of images, in the sandbox docker; images are never fetched for a call.";
  plugin.create = create;
  return plugin;
}

}  // namespace librebird::plugins
