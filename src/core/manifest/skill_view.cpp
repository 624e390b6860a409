#include <librebird/core/manifest/skill_view.hpp>

namespace librebird::manifest {
namespace {

void write(JsonWriter& json, const SkillSettingInfo& info) {
  json.begin_object().field("name", info.setting.name).field("type", to_string(info.setting.type));
  json.field("description", info.setting.description).field("required", info.setting.required).field("set", info.set);
  json.field("validation", info.setting.validation);
  if (!info.value_json.empty()) json.raw_field("value", info.value_json);
  if (!info.setting.choices.empty()) {
    json.key("choices").begin_array();
    for (const std::string& choice : info.setting.choices) json.value(choice);
    json.end_array();
  }
  json.end_object();
}

}  // namespace

void write(JsonWriter& json, const SkillInfo& skill) {
  json.begin_object().field("name", skill.name).field("display_name", skill.display_name);
  json.field("description", skill.description).field("version", skill.version).field("author", skill.author);
  json.field("icon", skill.icon).field("category", skill.category).field("runtime", skill.runtime);
  json.field("origin", skill.origin).field("hash", skill.hash).field("enabled", skill.enabled);
  json.field("pinned", skill.pinned).field("error", skill.error);
  json.field("connectable", skill.connectable).field("needs_connection", skill.needs_connection);
  for (const auto& [key, list] : {std::pair("permissions", &skill.permissions), std::pair("tools", &skill.tools),
                                  std::pair("missing_settings", &skill.missing_settings)}) {
    json.key(key).begin_array();
    for (const std::string& item : *list) json.value(item);
    json.end_array();
  }
  json.key("settings").begin_array();
  for (const SkillSettingInfo& info : skill.settings) write(json, info);
  json.end_array().key("versions").begin_array();
  for (const SkillVersion& version : skill.versions) {
    json.begin_object().field("hash", version.hash).field("version", version.version).field("origin", version.origin);
    json.field("installed_at", to_rfc3339(version.installed_at)).field("current", version.hash == skill.hash);
    json.end_object();
  }
  json.end_array().end_object();
}

void write(JsonWriter& json, const SkillConnection& connection) {
  json.begin_object().field("skill", connection.skill).field("connected", connection.connected);
  json.field("server", connection.server).field("issuer", connection.issuer).field("scope", connection.scope);
  if (connection.expires_at > 0) json.field("expires_at", to_rfc3339(connection.expires_at));
  json.field("problem", connection.problem).end_object();
}

}  // namespace librebird::manifest
