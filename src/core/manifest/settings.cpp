#include "settings.hpp"

#include <re2/re2.h>

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace librebird::manifest {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxSettings = 64;
constexpr std::size_t kMaxValueBytes = 16 * 1024;

RE2::Options quiet() {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(1 << 20);
  return options;
}

bool is_setting_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && !(name[0] >= '0' && name[0] <= '9') &&
         std::ranges::all_of(name, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
         });
}

Result<SettingType> parse_type(Fields& fields) {
  const json::value* value = fields.take("type");
  constexpr std::string_view kExpected =
      "one of \"string\", \"secret\", \"integer\", \"number\", \"boolean\", \"choice\"";
  if (value == nullptr) return SettingType::text;
  if (!value->is_string()) return wrong(fields.at("type"), kExpected, *value);
  const std::string_view name = value->as_string();
  if (name == "string") return SettingType::text;
  const auto type = setting_type_from_string(name);
  if (!type) return wrong(fields.at("type"), kExpected, *value);
  return *type;
}

Status parse_hosts(Fields& fields, SkillSetting& setting, const std::vector<std::string>& allowed) {
  const bool named = fields.has("hosts");
  LB_TRY(hosts, fields.texts("hosts", 32, 300));
  const std::string key = fields.at("hosts");
  if (setting.type != SettingType::secret) {
    return named ? Status(wrong(key, "left out: only a secret has hosts")) : Status(Ok{});
  }
  for (const std::string& host : hosts) {
    if (host == "*" || host == "http://*") {
      return wrong(key, "exact hosts or *.suffix: a secret never goes to any host there is");
    }
    if (!covers(allowed, host)) {
      return wrong(key, fmt::format("hosts that the skill's permissions allow; add \"network:{}\" to them", host));
    }
  }
  if (!named) {
    hosts = allowed;
    std::erase_if(hosts, [](const std::string& host) { return host == "*" || host == "http://*"; });
    if (hosts.empty() && !allowed.empty()) {
      return wrong(key, "given: the skill may reach every host, so a secret must say where its value may go");
    }
  }
  setting.hosts = std::move(hosts);
  return Ok{};
}

Result<SkillSetting> parse_setting(std::string_view name, const json::value& value,
                                   const std::vector<std::string>& hosts) {
  const std::string path = "settings." + std::string(name.substr(0, 80));
  if (!is_setting_name(name)) {
    return wrong(path, "named with letters, digits and _, beginning with a letter or _, at most 64 characters");
  }
  if (!value.is_object()) return wrong(path, "an object", value);
  Fields fields(value.as_object(), path);
  SkillSetting setting;
  setting.name = name;
  LB_TRY(type, parse_type(fields));
  setting.type = type;
  LB_TRY(description, fields.text("description", "", 1000, true));
  setting.description = std::move(description);
  LB_TRY(required, fields.flag("required", false));
  setting.required = required;
  LB_TRY(validation, fields.text("validation", "", 1000));
  if (!validation.empty()) {
    if (type != SettingType::text && type != SettingType::secret) {
      return wrong(fields.at("validation"), "left out: only strings and secrets have one");
    }
    const RE2 expression(validation, quiet());
    if (!expression.ok()) {
      return wrong(fields.at("validation"), "a regular expression in RE2's syntax (" + expression.error() + ")");
    }
  }
  setting.validation = std::move(validation);
  LB_TRY(choices, fields.texts("choices", 100, 200));
  if ((type == SettingType::choice) != !choices.empty()) {
    return wrong(fields.at("choices"), type == SettingType::choice
                                           ? "given, with at least one text: the setting is a choice"
                                           : "left out: only a choice has choices");
  }
  setting.choices = std::move(choices);
  LB_CHECK(parse_hosts(fields, setting, hosts));
  if (const json::value* absent = fields.take("default"); absent != nullptr) {
    if (type == SettingType::secret) return wrong(fields.at("default"), "left out: a secret has no default");
    auto kept = check_setting(setting, json::serialize(*absent));
    if (!kept) return wrong(fields.at("default"), "a value that the setting itself would take", *absent);
    setting.default_json = std::move(kept).value();
  }
  LB_CHECK(fields.done());
  return setting;
}

Error refused(const SkillSetting& setting, std::string_view expected) {
  return make_error(Code::invalid_argument, fmt::format("The setting {} must be {}.", setting.name, expected));
}

Result<std::string> check_text(const SkillSetting& setting, std::string_view text) {
  if (text.empty() || text.size() > kMaxValueBytes || !is_plain_text(text, true)) {
    return refused(setting, fmt::format("text of 1 to {} bytes without control characters", kMaxValueBytes));
  }
  if (!setting.validation.empty()) {
    const RE2 expression(setting.validation, quiet());
    if (!expression.ok() || !RE2::FullMatch(re2::StringPiece(text.data(), text.size()), expression)) {
      // Never the value: it may be a secret with one character missing.
      return refused(setting, "text that matches " + setting.validation);
    }
  }
  return json::serialize(json::value(json::string(text)));
}

}  // namespace

Result<std::vector<SkillSetting>> parse_settings(const json::object& object, const std::vector<std::string>& hosts) {
  if (object.size() > kMaxSettings) return wrong("settings", fmt::format("at most {} settings", kMaxSettings));
  std::vector<SkillSetting> settings;
  for (const auto& member : object) {
    LB_TRY(setting, parse_setting(member.key(), member.value(), hosts));
    settings.push_back(std::move(setting));
  }
  return settings;
}

Result<std::string> check_setting(const SkillSetting& setting, std::string_view value_json) {
  boost::system::error_code failure;
  const json::value value = json::parse({value_json.data(), value_json.size()}, failure);
  if (failure) return refused(setting, "one JSON value");
  switch (setting.type) {
    case SettingType::text:
    case SettingType::secret:
      if (!value.is_string()) return refused(setting, "text");
      return check_text(setting, value.as_string());
    case SettingType::integer:
      if (!value.is_int64()) return refused(setting, "a whole number");
      break;
    case SettingType::number:
      if (!value.is_number() || (value.is_double() && !std::isfinite(value.as_double()))) {
        return refused(setting, "a number");
      }
      break;
    case SettingType::boolean:
      if (!value.is_bool()) return refused(setting, "true or false");
      break;
    case SettingType::choice:
      if (!value.is_string() ||
          std::ranges::find(setting.choices, std::string_view(value.as_string())) == setting.choices.end()) {
        std::string all;
        for (const std::string& choice : setting.choices) all += (all.empty() ? "" : ", ") + choice;
        return refused(setting, "one of: " + all);
      }
      break;
  }
  return json::serialize(value);
}

Result<std::string> setting_from_text(const SkillSetting& setting, std::string_view text) {
  const bool is_word =
      setting.type == SettingType::text || setting.type == SettingType::secret || setting.type == SettingType::choice;
  if (!is_word) return check_setting(setting, text);
  if (!is_plain_text(text, true)) return refused(setting, "valid UTF-8 text");
  return check_setting(setting, json::serialize(json::value(json::string(text))));
}

}  // namespace librebird::manifest
