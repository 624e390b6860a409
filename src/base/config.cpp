#include <librebird/base/config.hpp>

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <filesystem>

namespace librebird {
namespace {

std::string_view type_name(ConfigType type) {
  switch (type) {
    case ConfigType::text: return "a string";
    case ConfigType::integer: return "a whole number";
    case ConfigType::boolean: return "true or false";
    case ConfigType::text_list: return "a list of strings";
  }
  return "a value";
}

Error wrong_type(const ConfigKey& key, std::string_view where) {
  return make_error(Code::invalid_argument, fmt::format("{}: `{}` must be {} ({}). Correct the value or remove it.",
                                                        where, key.name, type_name(key.type), key.help));
}

Result<ConfigValue> from_environment(const ConfigKey& key, const std::string& raw) {
  const std::string where = "environment variable " + key.env;
  switch (key.type) {
    case ConfigType::text: return ConfigValue(raw);
    case ConfigType::integer: {
      std::int64_t number = 0;
      const auto [end, failure] = std::from_chars(raw.data(), raw.data() + raw.size(), number);
      if (failure != std::errc() || end != raw.data() + raw.size()) return wrong_type(key, where);
      return ConfigValue(number);
    }
    case ConfigType::boolean:
      if (raw == "1" || raw == "true") return ConfigValue(true);
      if (raw == "0" || raw == "false") return ConfigValue(false);
      return wrong_type(key, where);
    case ConfigType::text_list: {
      std::vector<std::string> items;
      for (std::size_t from = 0; from <= raw.size();) {
        const std::size_t comma = std::min(raw.find(',', from), raw.size());
        if (comma > from) items.push_back(raw.substr(from, comma - from));
        from = comma + 1;
      }
      return ConfigValue(std::move(items));
    }
  }
  return wrong_type(key, where);
}

Result<ConfigValue> from_toml(const ConfigKey& key, const toml::node& node, std::string_view where) {
  switch (key.type) {
    case ConfigType::text:
      if (const auto* text = node.as_string()) return ConfigValue(text->get());
      break;
    case ConfigType::integer:
      if (const auto* number = node.as_integer()) return ConfigValue(number->get());
      break;
    case ConfigType::boolean:
      if (const auto* flag = node.as_boolean()) return ConfigValue(flag->get());
      break;
    case ConfigType::text_list:
      if (const auto* array = node.as_array()) {
        std::vector<std::string> items;
        for (const auto& item : *array) {
          const auto* text = item.as_string();
          if (text == nullptr) return wrong_type(key, where);
          items.push_back(text->get());
        }
        return ConfigValue(std::move(items));
      }
      break;
  }
  return wrong_type(key, where);
}

// Edit distance, to suggest the key that was probably meant.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row.back();
}

Error unknown_key(const std::vector<ConfigKey>& schema, const std::string& name, std::string_view where) {
  const ConfigKey* best = nullptr;
  for (const auto& key : schema) {
    if (best == nullptr || distance(key.name, name) < distance(best->name, name)) best = &key;
  }
  const std::string hint = best != nullptr && distance(best->name, name) <= 4
                               ? fmt::format("Did you mean `{}`?", best->name)
                               : "Remove it; `librebird config` lists the known keys.";
  return make_error(Code::invalid_argument, fmt::format("{}: unknown key `{}`. {}", where, name, hint));
}

Status read_table(const std::vector<ConfigKey>& schema, const toml::table& table, const std::string& prefix,
                  const std::string& file, std::map<std::string, ConfigValue, std::less<>>& values) {
  for (const auto& [key_node, node] : table) {
    const std::string name = prefix + std::string(key_node.str());
    const std::string where = fmt::format("{}, line {}", file, node.source().begin.line);
    const auto declared = std::ranges::find(schema, name, &ConfigKey::name);
    if (declared != schema.end()) {
      LB_TRY(value, from_toml(*declared, node, where));
      values[name] = std::move(value);
    } else if (const auto* inner = node.as_table()) {
      LB_CHECK(read_table(schema, *inner, name + ".", file, values));
    } else {
      return unknown_key(schema, name, where);
    }
  }
  return Ok{};
}

}  // namespace

Config::Environment Config::process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return std::string(value);
  };
}

Result<Config> Config::load(const std::vector<ConfigKey>& schema, const std::string& file,
                            const Environment& environment) {
  Config config;
  for (const auto& key : schema) config.values_[key.name] = key.default_value;
  if (!file.empty()) {
    // A folder can be opened and read as if it were empty.
    std::error_code failure;
    if (std::filesystem::is_directory(file, failure)) {
      return make_error(Code::invalid_argument, fmt::format("{}: is a folder; name the settings file in it.", file));
    }
    try {
      const toml::table table = toml::parse_file(file);
      LB_CHECK(read_table(schema, table, "", file, config.values_));
    } catch (const toml::parse_error& failure) {
      if (failure.source().begin.line == 0) {
        return make_error(Code::not_found,
                          fmt::format("{}: cannot be read. Check the path and its permissions.", file));
      }
      return make_error(Code::invalid_argument, fmt::format("{}, line {}: not valid TOML: {}.", file,
                                                            failure.source().begin.line, failure.description()));
    }
  }
  for (const auto& key : schema) {
    if (key.env.empty()) continue;
    if (const auto raw = environment(key.env)) {
      LB_TRY(value, from_environment(key, *raw));
      config.values_[key.name] = std::move(value);
    }
  }
  return config;
}

namespace {
template <class T>
const T& get(const std::map<std::string, ConfigValue, std::less<>>& values, std::string_view name) {
  const auto found = values.find(name);
  assert(found != values.end() && std::holds_alternative<T>(found->second));
  return *std::get_if<T>(&found->second);
}
}  // namespace

const std::string& Config::text(std::string_view name) const { return get<std::string>(values_, name); }
std::int64_t Config::integer(std::string_view name) const { return get<std::int64_t>(values_, name); }
bool Config::boolean(std::string_view name) const { return get<bool>(values_, name); }
const std::vector<std::string>& Config::text_list(std::string_view name) const {
  return get<std::vector<std::string>>(values_, name);
}

void Config::set(std::string_view name, ConfigValue value) {
  const auto found = values_.find(name);
  assert(found != values_.end());
  found->second = std::move(value);
}

}  // namespace librebird
