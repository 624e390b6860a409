#include <librebird/cli/commands.hpp>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace librebird::cli {
namespace {

std::string shown(const ConfigKey& key, const Config& config) {
  switch (key.type) {
    case ConfigType::text: {
      const std::string& text = config.text(key.name);
      if (key.secret) return text.empty() ? "(not set)" : "(set, not shown)";
      return fmt::format("\"{}\"", text);
    }
    case ConfigType::integer: return fmt::format("{}", config.integer(key.name));
    case ConfigType::boolean: return config.boolean(key.name) ? "true" : "false";
    case ConfigType::text_list: return fmt::format("[{}]", fmt::join(config.text_list(key.name), ", "));
  }
  return "";
}

}  // namespace

int list_config(const std::vector<ConfigKey>& keys, const Config& config) {
  for (const ConfigKey& key : keys) {
    fmt::print("{} = {}\n    {}{}\n", key.name, shown(key, config), key.help,
               key.env.empty() ? "" : fmt::format(" [{}]", key.env));
  }
  return 0;
}

}  // namespace librebird::cli
