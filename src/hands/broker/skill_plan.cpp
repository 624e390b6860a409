#include "skill_plan.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <string>

namespace librebird::hands {
namespace {

bool is_free(const SandboxSpec& spec, const std::string& name) {
  if (name.starts_with("LD_") || name.ends_with("_PROXY") || name.ends_with("_proxy")) return false;
  return std::ranges::none_of(spec.environment, [&](const std::string& item) { return item.starts_with(name + "="); });
}

}  // namespace

void apply_skill(const SkillManifest& skill, std::string_view settings_json, SandboxSpec& spec) {
  const SkillLimits& limits = skill.limits;
  if (limits.wall_seconds > 0) spec.limits.wall_time = Millis(1000) * limits.wall_seconds;
  if (limits.cpu_seconds > 0) spec.limits.cpu_seconds = limits.cpu_seconds;
  if (limits.memory_mb > 0) spec.limits.memory_bytes = static_cast<std::int64_t>(limits.memory_mb) << 20;
  if (limits.processes > 0) spec.limits.processes = limits.processes;
  if (limits.output_bytes > 0) spec.limits.output_bytes = limits.output_bytes;
  if (std::ranges::find(skill.permissions, "env_vars") == skill.permissions.end()) return;
  boost::system::error_code failure;
  const boost::json::value settings = boost::json::parse({settings_json.data(), settings_json.size()}, failure);
  if (failure || !settings.is_object()) return;
  for (const auto& member : settings.as_object()) {
    const std::string name(member.key());
    if (!is_free(spec, name)) continue;
    const boost::json::value& value = member.value();
    spec.environment.push_back(name + "=" +
                               (value.is_string() ? std::string(value.as_string()) : boost::json::serialize(value)));
  }
}

}  // namespace librebird::hands
