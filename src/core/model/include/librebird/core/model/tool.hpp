#pragma once

// Tools: what a skill offers, a call of one, and what came of it. JSON stays text here: it is parsed at the edges only.

#include <librebird/base/clock.hpp>

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
  std::vector<std::string> network;  // hosts it may reach through the egress fence; empty: none
  bool idempotent = false;  // may be run again after an interruption
  bool writes = false;  // changes something outside its own scratch
  WorkFolder work = WorkFolder::none;
  std::vector<std::string> host_files;  // host files it may read, each at its own path ("/proc/meminfo")
};

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
