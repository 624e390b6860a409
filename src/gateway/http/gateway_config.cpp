#include <librebird/gateway/gateway.hpp>

namespace librebird::gateway {

std::vector<ConfigKey> gateway_config_keys() {
  return {
      {"server.address", ConfigType::text, std::string("127.0.0.1"), "LIBREBIRD_ADDRESS", false,
       "Address to listen on; anything but loopback opens the server to the network"},
      {"server.port", ConfigType::integer, std::int64_t{8741}, "LIBREBIRD_PORT", false,
       "Port to listen on; 0 picks one"},
      {"server.allowed_hosts", ConfigType::text_list, std::vector<std::string>{}, "LIBREBIRD_ALLOWED_HOSTS", false,
       "Names this server is reached by, beside localhost and loopback addresses"},
      {"server.secure_cookies", ConfigType::boolean, false, "LIBREBIRD_SECURE_COOKIES", false,
       "Mark cookies Secure; set it when browsers come through HTTPS"},
      {"turns.history_messages", ConfigType::integer, std::int64_t{100}, "", false,
       "How many past messages of a conversation the model is given"},
      {"turns.concurrent", ConfigType::integer, std::int64_t{1024}, "", false, "Turns answered at once"},
      {"turns.queue_limit", ConfigType::integer, std::int64_t{32}, "", false,
       "Messages of one conversation that may wait for an answer"},
  };
}

GatewayOptions gateway_options(const Config& config) {
  GatewayOptions options;
  options.auth.allowed_hosts = config.text_list("server.allowed_hosts");
  options.auth.secure_cookies = config.boolean("server.secure_cookies");
  options.runner.history_limit = static_cast<int>(config.integer("turns.history_messages"));
  options.runner.concurrent_turns = static_cast<std::size_t>(config.integer("turns.concurrent"));
  options.intake.queue_limit = static_cast<int>(config.integer("turns.queue_limit"));
  return options;
}

}  // namespace librebird::gateway
