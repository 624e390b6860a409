#include "platform.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/log.hpp>
#include <librebird/brain/brain.hpp>
#include <librebird/gateway/gateway.hpp>
#include <librebird/gateway/oidc/external_sign_in.hpp>
#include <librebird/hands/hands.hpp>
#include <librebird/net/http_client.hpp>
#include <librebird/net/smtp/smtp_mailer.hpp>
#include <librebird/rpc/rpc_options.hpp>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>
#include <boost/asio/signal_set.hpp>

#include <cstdlib>
#include <filesystem>

namespace librebird::apps {

std::vector<ConfigKey> config_schema() {
  std::vector<ConfigKey> keys = gateway::gateway_config_keys();
  for (const auto& part : {brain::config_keys(), hands_config(), rpc_config_keys(), storage_config_keys(),
                           net::smtp::mail_config_keys(), gateway::oidc::sign_in_config_keys()}) {
    keys.insert(keys.end(), part.begin(), part.end());
  }
  keys.push_back(
      {"log.level", ConfigType::text, std::string("info"), "LIBREBIRD_LOG", false, "debug, info, warn or error"});
  keys.push_back({"net.connect_to", ConfigType::text_list, std::vector<std::string>{}, "LIBREBIRD_CONNECT_TO", false,
                  "Fixed addresses for outgoing connections, as \"host=address:port\" (a company's mirrors, tests)"});
  keys.push_back({"net.ca_file", ConfigType::text, std::string(), "LIBREBIRD_CA_FILE", false,
                  "PEM file of further trusted certificate authorities; empty: the system's"});
  return keys;
}

std::string data_directory(const Flags& flags) {
  if (!flags.data_dir.empty()) return flags.data_dir;
  if (const char* named = std::getenv("LIBREBIRD_DATA_DIR"); named != nullptr && *named != '\0') return named;
  if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/') {
    return std::string(data) + "/librebird";
  }
  const char* home = std::getenv("HOME");
  return std::string(home == nullptr ? "." : home) + "/.local/share/librebird";
}

std::string executable_directory() {
  std::error_code failure;
  return std::filesystem::read_symlink("/proc/self/exe", failure).parent_path().string();
}

Result<Config> load_config(const Flags& flags) {
  std::string file = flags.config_file;
  if (file.empty()) {
    const std::string usual = data_directory(flags) + "/config.toml";
    if (std::filesystem::exists(usual)) file = usual;
  }
  LB_TRY(config, Config::load(config_schema(), file, Config::process_environment()));
  if (flags.port) config.set("server.port", *flags.port);
  return config;
}

Result<std::unique_ptr<Platform>> Platform::create(const Flags& flags) {
  LB_TRY(config, load_config(flags));
  const std::string& level = config.text("log.level");
  log::set_level(level == "debug"   ? log::Level::debug
                 : level == "warn"  ? log::Level::warn
                 : level == "error" ? log::Level::error
                                    : log::Level::info);
  auto platform = std::make_unique<Platform>();
  platform->data_dir = data_directory(flags);
  net::ClientOptions client;
  client.ca_file = config.text("net.ca_file");
  for (const std::string& entry : config.text_list("net.connect_to")) {
    const std::size_t equals = entry.find('=');
    if (equals == std::string::npos) {
      return make_error(Code::invalid_argument,
                        fmt::format("net.connect_to: `{}` is not of the form host=address:port.", entry));
    }
    client.connect_to[entry.substr(0, equals)] = entry.substr(equals + 1);
  }
  platform->config = std::move(config);
  platform->http = net::make_http_client(platform->loop, platform->blocking, std::move(client));
  return platform;
}

namespace {
Task<void> run_body(Loop& loop, const std::function<Task<int>()>& body, const std::function<Task<void>()>& afterwards,
                    int& code) {
  code = co_await body();
  if (afterwards) co_await afterwards();
  loop.stop();
}
}  // namespace

int Platform::run(std::function<Task<int>()> body) {
  int code = 1;
  Scope scope(loop.executor());
  scope.spawn(run_body(loop, body, before_stop, code), "main");
  loop.run();
  loop.context().restart();
  loop.context().poll();
  return code;
}

cli::Operator Platform::as_operator() {
  return cli::Operator{clock,
                       random,
                       ids,
                       storage->identities(),
                       storage->credentials(),
                       storage->audit(),
                       storage->secrets(),
                       storage->workspaces(),
                       storage->invitations(),
                       storage->accounts(),
                       static_cast<int>(config.integer("auth.password_cost"))};
}

Status lock_data_directory(const std::string& data_dir) {
  const std::string path = data_dir + "/server.lock";
  const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);  // held open for the life of the process
  // A record lock, not flock(): a child that is on its way to exec when we are killed would hold on to that one.
  struct flock whole{};
  whole.l_type = F_WRLCK;
  whole.l_whence = SEEK_SET;
  if (fd < 0 || ::fcntl(fd, F_SETLK, &whole) != 0) {
    return make_error(
        Code::failed_precondition,
        fmt::format("Another Libre Bird server works on {}. Stop it, or choose another folder with --data-dir.",
                    data_dir));
  }
  return Ok{};
}

Task<void> wait_for_signal(Loop& loop) {
  boost::asio::basic_signal_set<Executor> signals(loop.executor(), SIGTERM, SIGINT);
  const int signal = co_await signals.async_wait(use_task);
  log::info("stopping", {{"signal", signal}});
  // From here on the default action: whoever asks twice is not kept waiting.
  signals.clear();
}

}  // namespace librebird::apps
