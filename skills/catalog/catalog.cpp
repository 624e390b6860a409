#include <librebird/skills/catalog.hpp>

#include "manifests.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <set>

namespace librebird::skills {
namespace json = boost::json;
namespace {

Error wrong(std::string_view skill, std::string_view what) {
  return make_error(Code::invalid_argument, "skill.json of " + std::string(skill) + ": " + std::string(what));
}

std::string text_or(const json::object& object, std::string_view key, std::string_view absent) {
  const json::value* value = object.if_contains(key);
  return std::string(value != nullptr && value->is_string() ? std::string_view(value->as_string()) : absent);
}

bool flag(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_bool() && value->as_bool();
}

std::vector<std::string> texts(const json::object& object, std::string_view key) {
  std::vector<std::string> out;
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_array()) return out;
  for (const json::value& item : value->as_array()) {
    if (item.is_string()) out.emplace_back(item.as_string());
  }
  return out;
}

bool is_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

Result<ToolSpec> parse_tool(const std::string& skill, const json::value& value) {
  if (!value.is_object()) return wrong(skill, "a tool must be an object {\"type\":\"function\",\"function\":{...}}.");
  const json::object& object = value.as_object();
  const json::value* function = object.if_contains("function");
  if (function == nullptr || !function->is_object()) return wrong(skill, "a tool has no \"function\" object.");
  ToolSpec tool;
  tool.skill = skill;
  tool.name = text_or(function->as_object(), "name", "");
  tool.description = text_or(function->as_object(), "description", "");
  if (!is_name(tool.name)) return wrong(skill, "a tool's name must be letters, digits, _ and -.");
  const json::value* parameters = function->as_object().if_contains("parameters");
  tool.parameters_json = parameters != nullptr && parameters->is_object()
                             ? json::serialize(*parameters)
                             : std::string(R"({"type":"object","properties":{}})");
  const std::string runs_on = text_or(object, "runs_on", "sandbox");
  if (runs_on != "sandbox" && runs_on != "device") return wrong(skill, "runs_on must be \"sandbox\" or \"device\".");
  tool.runs_on = runs_on == "device" ? RunsOn::device : RunsOn::sandbox;
  const std::string work = text_or(object, "work", "none");
  if (work != "none" && work != "read" && work != "write") {
    return wrong(skill, "work must be \"none\", \"read\" or \"write\".");
  }
  tool.work = work == "write" ? WorkFolder::write : work == "read" ? WorkFolder::read : WorkFolder::none;
  tool.network = texts(object, "network");
  tool.host_files = texts(object, "host_files");
  tool.idempotent = flag(object, "idempotent");
  tool.writes = flag(object, "writes");
  return tool;
}

}  // namespace

Result<SkillManifest> parse_manifest(std::string_view skill_json) {
  boost::system::error_code error;
  const json::value value = json::parse({skill_json.data(), skill_json.size()}, error);
  if (error || !value.is_object()) return wrong("?", "not a JSON object.");
  const json::object& object = value.as_object();
  SkillManifest manifest;
  manifest.name = text_or(object, "name", "");
  if (!is_name(manifest.name)) return wrong("?", "\"name\" must be letters, digits, _ and -.");
  manifest.display_name = text_or(object, "display_name", manifest.name);
  manifest.description = text_or(object, "description", "");
  manifest.version = text_or(object, "version", "1.0.0");
  manifest.author = text_or(object, "author", "Libre Bird");
  manifest.icon = text_or(object, "icon", "🧩");
  manifest.category = text_or(object, "category", "general");
  manifest.runtime = text_or(object, "runtime", "native");
  const json::value* tools = object.if_contains("tools");
  if (tools == nullptr || !tools->is_array()) return wrong(manifest.name, "\"tools\" must be an array.");
  for (const json::value& item : tools->as_array()) {
    LB_TRY(tool, parse_tool(manifest.name, item));
    manifest.tools.push_back(std::move(tool));
  }
  return manifest;
}

Result<std::vector<SkillManifest>> official_skills() {
  std::vector<SkillManifest> skills;
  std::set<std::string> names;
  for (const std::string_view text : embedded_manifests()) {
    LB_TRY(manifest, parse_manifest(text));
    for (const ToolSpec& tool : manifest.tools) {
      if (!names.insert(tool.name).second) return wrong(manifest.name, "the tool " + tool.name + " is there twice.");
    }
    skills.push_back(std::move(manifest));
  }
  std::ranges::sort(skills, {}, &SkillManifest::name);
  return skills;
}

}  // namespace librebird::skills
