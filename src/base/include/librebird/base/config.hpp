#pragma once

// Settings from a TOML file and the environment, checked against a schema that the settings' owners declare.
//
// Each owner lists its keys once (type, default, secret, help); `Config::load` reads the file, lets an environment
// variable win where a key names one, and refuses unknown keys and wrong types with an error that names the key, the
// line and the fix. Values are immutable afterwards and safe to read from any thread.

#include <librebird/base/result.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace librebird {

enum class ConfigType { text, integer, boolean, text_list };

using ConfigValue = std::variant<std::string, std::int64_t, bool, std::vector<std::string>>;

struct ConfigKey {
  std::string name;         // dotted: "server.port"
  ConfigType type = ConfigType::text;
  ConfigValue default_value;  // of `type`
  std::string env;          // environment variable that overrides it; empty: none
  bool secret = false;      // never printed
  std::string help;         // one sentence
};

class Config {
 public:
  using Environment = std::function<std::optional<std::string>(std::string_view name)>;
  // Reads the process's environment.
  static Environment process_environment();

  // `file` empty: no file. Errors: invalid_argument (key, line and fix in the message), not_found (no such file).
  static Result<Config> load(const std::vector<ConfigKey>& schema, const std::string& file,
                             const Environment& environment);

  // `name` must be in the schema with that type (asserted).
  [[nodiscard]] const std::string& text(std::string_view name) const;
  [[nodiscard]] std::int64_t integer(std::string_view name) const;
  [[nodiscard]] bool boolean(std::string_view name) const;
  [[nodiscard]] const std::vector<std::string>& text_list(std::string_view name) const;

  // Command-line flags: sets a declared key after loading.
  void set(std::string_view name, ConfigValue value);

 private:
  std::map<std::string, ConfigValue, std::less<>> values_;
};

}  // namespace librebird
