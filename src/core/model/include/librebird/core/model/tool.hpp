#pragma once

// Tools: what a skill offers, a call of one, and what came of it. JSON stays text here: it is parsed at the edges only.

#include <librebird/base/clock.hpp>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace librebird {

enum class RunsOn { sandbox, device };

// What a tool sees of its workspace's work folder, at /work.
enum class WorkFolder { none, read, write };

// What a tool needs beyond computing: what an approval policy looks at.
struct ToolSpec {
  std::string name;
  std::string skill;
  std::string description;
  std::string parameters_json;  // JSON Schema of the arguments object
  RunsOn runs_on = RunsOn::sandbox;
  // Hosts it may reach through the egress fence; empty: none. "*": every public host; "*.example.com": its subdomains.
  std::vector<std::string> network;
  bool idempotent = false;  // may be run again after an interruption
  bool writes = false;  // changes something outside its own scratch
  bool spends = false;  // costs money
  WorkFolder work = WorkFolder::none;
  std::vector<std::string> host_files;  // host files it may read, each at its own path ("/proc/meminfo")
};

// What a workspace can fill in for a skill. A secret's value never enters the sandbox: a placeholder does, which the
// egress fence replaces in requests to `hosts`.
enum class SettingType { text, secret, integer, number, boolean, choice };

[[nodiscard]] std::string_view to_string(SettingType type);
[[nodiscard]] std::optional<SettingType> setting_type_from_string(std::string_view name);

struct SkillSetting {
  std::string name;
  SettingType type = SettingType::text;
  std::string description;
  bool required = false;
  std::string validation;  // RE2 the whole value must match; empty: anything of the type
  std::string default_json;  // JSON value; empty: none
  std::vector<std::string> choices;  // of a choice
  std::vector<std::string> hosts;  // secret: where its value may go; filled from the skill's hosts if it names none
};

// What the skill asks for instead of the platform's defaults; 0: the default.
struct SkillLimits {
  int wall_seconds = 0;
  int memory_mb = 0;
  int cpu_seconds = 0;
  int processes = 0;
  std::int64_t output_bytes = 0;
};

// A skill whose `runtime` is kInstructionSkill has no tools: it is a folder with a SKILL.md for the model to read.
inline constexpr std::string_view kInstructionSkill = "instructions";

struct SkillManifest {
  std::string name;
  std::string display_name;
  std::string description;
  std::string version;
  std::string author;
  std::string icon;
  std::string category;
  std::string runtime;  // "native", "python", ...
  std::vector<ToolSpec> tools;
  std::string entrypoint;  // file in the skill's folder; empty: the runtime's usual one
  std::string image;  // docker
  std::vector<std::string> command;  // mcp: argv of a local server
  std::string url;  // mcp: address of a server on the web; one of the two
  std::vector<std::string> dependencies;  // as the runtime's package tool writes them
  std::vector<std::string> permissions;  // as the manifest names them; already spread over the tools
  std::vector<SkillSetting> settings;
  bool worker = false;  // one contained process a user that stays between calls
  SkillLimits limits;
  // Host folders of the installed version, read-only to its tools; empty: built into the program. `prepare` of the
  // runtime fills env_directory (dependencies, compiled code) and may not rely on where either stands on the host.
  std::string directory;
  std::string env_directory;
};

struct ToolCall {
  std::string id;  // ours (UUIDv7), unique for ever
  std::string name;
  std::string arguments_json;  // as the model wrote it; may be broken JSON

  friend bool operator==(const ToolCall&, const ToolCall&) = default;
};

enum class ToolStatus {
  ok,
  error,  // ran and failed, or its arguments were wrong
  denied,  // policy said no
  interrupted,  // started, and nobody knows how it ended
};

[[nodiscard]] std::string_view to_string(ToolStatus status);
[[nodiscard]] std::optional<ToolStatus> tool_status_from_string(std::string_view name);

struct ToolResult {
  std::string call_id;
  ToolStatus status = ToolStatus::ok;
  std::string content_json;  // any JSON value; {"error": "..."} when it failed
  Millis duration{0};

  friend bool operator==(const ToolResult&, const ToolResult&) = default;
};

}  // namespace librebird
