#pragma once

// What every process of Libre Bird is built from: settings, the loop, time, randomness, the data folder, storage.
// Wiring only. Main thread; the objects die in reverse order of their making.

#include <librebird/base/async/pool.hpp>
#include <librebird/base/async/task.hpp>
#include <librebird/base/config.hpp>
#include <librebird/base/random.hpp>
#include <librebird/cli/commands.hpp>
#include <librebird/core/ports/hands_service.hpp>
#include <librebird/core/ports/http_client.hpp>
#include <librebird/storage/storage.hpp>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace librebird::apps {

// From the command line.
struct Flags {
  std::string data_dir;     // empty: XDG_DATA_HOME/librebird, else ~/.local/share/librebird
  std::string config_file;  // empty: config.toml in the data folder, if there is one
  std::optional<std::int64_t> port;
  std::optional<std::string> listen;
};

// Every setting of every part.
[[nodiscard]] std::vector<ConfigKey> config_schema();
[[nodiscard]] std::vector<ConfigKey> storage_config_keys();
Result<Config> load_config(const Flags& flags);
[[nodiscard]] std::string data_directory(const Flags& flags);
// Where librebird-tool is.
[[nodiscard]] std::string executable_directory();

class Platform {
 public:
  static Result<std::unique_ptr<Platform>> create(const Flags& flags);

  // Opens the database with its master key, making both and the data folder if they are not there.
  Status open_storage(bool forget_lost_key = false);
  // Where the database is; without keys.
  [[nodiscard]] Result<StorageOptions> storage_options() const;
  // The same database without secrets, and if it is a file a copy that nobody sees and that is gone in the end.
  Status open_rehearsal();
  // The master key, if there is one.
  [[nodiscard]] Result<std::shared_ptr<KeyRing>> open_keys() const;
  // Runs the body on the loop and then stops the loop; returns the body's exit code.
  int run(std::function<Task<int>()> body);
  [[nodiscard]] cli::Operator as_operator();

  std::string data_dir;
  Config config;
  SystemClock clock;
  SystemRandom random;
  IdGenerator ids{clock, random};
  Loop loop;
  Pool blocking{"blocking", 2};
  std::unique_ptr<HttpClient> http;
  std::unique_ptr<Storage> storage;
  std::function<Task<void>()> before_stop;  // after the body of run(), while the loop still runs
};

// Only one server may work on a data folder. Held until the process ends.
Status lock_data_directory(const std::string& data_dir);

// Waits for SIGTERM or SIGINT; a second one ends the process at once.
Task<void> wait_for_signal(Loop& loop);

int serve(const Flags& flags);
int run_gateway(const Flags& flags);
int run_brain(const Flags& flags);
int run_hands(const Flags& flags);
int doctor(const Flags& flags);
// Runs a command that needs the database and the hands.
int with_hands(const Flags& flags, const std::function<Task<int>(Platform&, HandsService&)>& command);
int serve_mcp(const Flags& flags);

}  // namespace librebird::apps
