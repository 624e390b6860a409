#pragma once

// What a skill's folder says about itself, read strictly: skill.json (docs/skill.schema.json is its public form), the
// legacy skill.json (no "runtime"), and SKILL.md (the AgentSkills form: YAML front matter, then text for the model).
// Pure; any thread. Errors: invalid_argument, one sentence that names the key and says what is expected.

#include <librebird/base/result.hpp>
#include <librebird/core/model/tool.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird::manifest {

inline constexpr std::size_t kMaxManifestBytes = 256 * 1024;
inline constexpr std::size_t kMaxSkillMdBytes = 1024 * 1024;

// Settings that every MCP server on the web has, if it is spoken to over https.
inline constexpr std::string_view kAccessToken = "access_token";
inline constexpr std::string_view kClientId = "client_id";
inline constexpr std::string_view kClientSecret = "client_secret";

struct ManifestOptions {
  bool official = false;      // ships with the program: may be native, and its tools name their hosts themselves
  std::string folder_name;    // the name of a legacy skill that has none
  std::string tools_json;     // what the program answered when asked for its tools; empty: it was not asked
  std::vector<std::string> granted;  // permissions that the workspace's admin adds to the manifest's
};

// Tool names are unique within the result.
Result<SkillManifest> parse_manifest(std::string_view skill_json, const ManifestOptions& options = {});
// The front matter; runtime is kInstructionSkill.
Result<SkillManifest> parse_skill_md(std::string_view text);

// "network", "network:HOST", "api:NAME", "filesystem:read", "filesystem:write", "env_vars", "worker".
struct Granted {
  std::vector<std::string> hosts;  // entries of the egress fence, each once
  WorkFolder work = WorkFolder::none;
  bool env_vars = false;
  bool worker = false;
};
// invalid_argument: unknown; the message lists the known ones.
Result<Granted> grant(const std::vector<std::string>& permissions);
// The entry of the egress fence for a URL's host: "host[:port]" of https://, "http://host[:port]". Nothing: malformed,
// or not spelled as the fence takes it.
[[nodiscard]] std::optional<std::string> host_of_url(std::string_view url);
// Whether one of `hosts` lets `host` (an entry itself) pass.
[[nodiscard]] bool covers(const std::vector<std::string>& hosts, std::string_view host);

// `value_json` as it is to be kept, if it is of the setting's type and matches its validation.
Result<std::string> check_setting(const SkillSetting& setting, std::string_view value_json);
// The same for a value typed as plain text: 5, true, words.
Result<std::string> setting_from_text(const SkillSetting& setting, std::string_view text);

// Letters, digits, _ and -, beginning with a letter or digit, at most 64: names of skills and tools.
[[nodiscard]] bool is_skill_name(std::string_view name);
// A path below the skill's folder: relative, without "." and "..", printable.
[[nodiscard]] bool is_inner_path(std::string_view path);

}  // namespace librebird::manifest
