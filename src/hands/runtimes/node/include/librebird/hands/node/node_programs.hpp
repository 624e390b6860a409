#pragma once

// Node.js on this machine, and how programs of it are contained. Thread rule: loop only. Errors name what is missing
// and how to get it.

#include <librebird/base/config.hpp>
#include <librebird/core/ports/tool_runtime.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::hands::node {

// Where things are inside the sandbox.
inline constexpr const char* kKit = "/kit";
inline constexpr const char* kSkill = "/skill";        // the skill's folder, read-only
inline constexpr const char* kEnvironment = "/env";    // what was made of it when it was installed
inline constexpr const char* kModules = "/node_modules";  // npm packages, where every file finds them

class NodePrograms {
 public:
  explicit NodePrograms(const RuntimeContext& context);
  static std::vector<ConfigKey> config();

  // Node itself.
  [[nodiscard]] Status has_node() const;
  // The kit; `compiler` too, which npm brings.
  [[nodiscard]] Status has_kit(bool compiler) const;

  // Node's path inside, once add_to() has offered it.
  [[nodiscard]] const std::string& node() const { return node_inside_; }
  // Folders of programs inside: npm packages' own, node's.
  [[nodiscard]] std::string program_path() const;
  // "--max-old-space-size=..." for these limits.
  [[nodiscard]] static std::string heap_flag(const SandboxLimits& limits);

  // A spec that can run node: system, node's files, memory limits that V8 can live with (`memory_mb` 0: the default).
  [[nodiscard]] SandboxSpec spec(int memory_mb) const;
  // Offers an installed skill: its folder, what was made of it, its packages; the kit if there is one.
  void offer(SandboxSpec& spec, const SkillManifest& skill, const std::string& folder) const;

  // Installs `packages` ("name@version") and what the package.json in `folder` asks for, into skill.env_directory.
  // Nothing to install: nothing happens. Errors: invalid_argument (a package's name), failed_precondition (npm is
  // missing, or what it said).
  Task<Status> install(const SkillManifest& skill, std::string folder, std::vector<std::string> packages,
                       SkillBuild& build, std::stop_token stop) const;

 private:
  Result<SandboxSpec> npm_spec(const SkillManifest& skill, const std::vector<std::string>& words) const;

  std::string node_;  // on the host
  std::string node_inside_;
  std::string npm_;  // npm's folder on the host
  std::string npm_inside_;
  std::string kit_;
  std::string registry_;
  std::int64_t most_bytes_;
};

// A plain file that really is below `folder`; nothing where it is none, a link out of it, or larger than `most`.
std::optional<std::string> read_plain(const std::string& folder, const std::string& name, std::size_t most);

// "name", "name@1.2.3", "@scope/name@^1"; nothing that npm would fetch from elsewhere than the registry.
[[nodiscard]] bool is_package(std::string_view text);
// The name alone.
[[nodiscard]] std::string_view package_name(std::string_view package);
// The host entry of the egress fence for a registry's address. Error: invalid_argument.
Result<std::string> registry_host(const std::string& registry);

// For a build that ended badly: what it said, shortened.
Error build_error(std::string_view what, const SandboxRun& run);

}  // namespace librebird::hands::node
