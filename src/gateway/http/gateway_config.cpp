#include <librebird/core/credentials/jwt.hpp>
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
      {"server.public_url", ConfigType::text, std::string(), "LIBREBIRD_PUBLIC_URL", false,
       "Where people reach this server, as https://bird.example.org; links in e-mail begin with it"},
      {"server.trusted_proxies", ConfigType::text_list, std::vector<std::string>{}, "LIBREBIRD_TRUSTED_PROXIES", false,
       "Address ranges of reverse proxies whose X-Forwarded-For is believed, as 10.0.0.0/8"},
      {"server.import_mb", ConfigType::integer, std::int64_t{1'000}, "LIBREBIRD_IMPORT_MB", false,
       "Megabytes of an archive that people may bring in themselves"},
      {"auth.registration", ConfigType::text, std::string("invitation"), "LIBREBIRD_REGISTRATION", false,
       "Who may make an account: invitation, open or closed"},
      {"auth.jwt_secret", ConfigType::text, std::string(), "JWT_SECRET", true,
       "Signs access tokens, 32 bytes or more; empty: a key that the server makes and keeps sealed"},
      {"auth.password_cost", ConfigType::integer, std::int64_t{PasswordHasher::kUsualCost}, "", false,
       "Cost of hashing a password (bcrypt): each step doubles the time"},
      {"auth.attempts_of_account", ConfigType::integer, std::int64_t{5}, "", false,
       "Sign-ins to one account that may fail before it closes for a while"},
      {"auth.attempts_of_address", ConfigType::integer, std::int64_t{50}, "", false,
       "Sign-ins from one address that may fail before it is kept out for a while"},
      {"auth.session_days", ConfigType::integer, std::int64_t{30}, "", false,
       "Days after which everybody signs in again, however active"},
      {"auth.session_idle_days", ConfigType::integer, std::int64_t{14}, "", false,
       "Days without use after which a session ends"},
      {"limits.requests_of_user", ConfigType::integer, std::int64_t{6'000}, "LIBREBIRD_REQUESTS_OF_USER", false,
       "Requests and frames a minute of one user; 0: no limit"},
      {"limits.requests_of_credential", ConfigType::integer, std::int64_t{6'000}, "LIBREBIRD_REQUESTS_OF_CREDENTIAL",
       false, "Requests and frames a minute with one key or session; 0: no limit"},
      {"limits.requests_of_address", ConfigType::integer, std::int64_t{12'000}, "LIBREBIRD_REQUESTS_OF_ADDRESS", false,
       "Requests a minute from one address, but this machine; 0: no limit"},
      {"limits.messages_of_user_a_day", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_MESSAGES_OF_USER_A_DAY", false,
       "Messages a day of one user, in all workspaces together; 0: no limit"},
      {"limits.tokens_of_user_a_day", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_TOKENS_OF_USER_A_DAY", false,
       "Tokens a day of one user, in all workspaces together; 0: no limit"},
      {"limits.tokens_of_user_a_month", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_TOKENS_OF_USER_A_MONTH", false,
       "Tokens a month of one user, in all workspaces together; 0: no limit"},
      {"limits.cost_of_user_a_month", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_COST_OF_USER_A_MONTH", false,
       "Money a month, in the currency of limits.prices, of one user, in all workspaces together; 0: no limit"},
      {"limits.storage_of_user_mb", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_STORAGE_OF_USER_MB", false,
       "Megabytes kept in conversations of one user, in all workspaces together; 0: no limit"},
      {"limits.messages_of_workspace_a_day", ConfigType::integer, std::int64_t{0},
       "LIBREBIRD_MESSAGES_OF_WORKSPACE_A_DAY", false, "Messages a day of one workspace; 0: no limit"},
      {"limits.tokens_of_workspace_a_day", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_TOKENS_OF_WORKSPACE_A_DAY",
       false, "Tokens a day of one workspace; 0: no limit"},
      {"limits.tokens_of_workspace_a_month", ConfigType::integer, std::int64_t{0},
       "LIBREBIRD_TOKENS_OF_WORKSPACE_A_MONTH", false, "Tokens a month of one workspace; 0: no limit"},
      {"limits.cost_of_workspace_a_month", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_COST_OF_WORKSPACE_A_MONTH",
       false, "Money a month, in the currency of limits.prices, of one workspace; 0: no limit"},
      {"limits.storage_of_workspace_mb", ConfigType::integer, std::int64_t{0}, "LIBREBIRD_STORAGE_OF_WORKSPACE_MB",
       false, "Megabytes kept in conversations of one workspace; 0: no limit"},
      {"limits.prices", ConfigType::text_list, std::vector<std::string>{}, "LIBREBIRD_PRICES", false,
       "What a million tokens read and written cost, as openai/gpt-x=2.50/10; * stands for every other model"},
      {"turns.history_messages", ConfigType::integer, std::int64_t{100}, "", false,
       "How many past messages of a conversation the model is given"},
      {"turns.concurrent", ConfigType::integer, std::int64_t{1024}, "", false, "Turns answered at once"},
      {"turns.queue_limit", ConfigType::integer, std::int64_t{32}, "", false,
       "Messages of one conversation that may wait for an answer"},
  };
}

namespace {

constexpr std::int64_t kDay = 24LL * 3600 * 1000;

Error wrong(std::string_view key, const std::string& expected) {
  return make_error(Code::invalid_argument, std::string(key) + " must be " + expected + ".");
}

Result<std::int64_t> within(const Config& config, std::string_view key, std::int64_t least, std::int64_t most) {
  const std::int64_t value = config.integer(key);
  if (value >= least && value <= most) return value;
  return wrong(key, "from " + std::to_string(least) + " to " + std::to_string(most));
}

Result<Registration> registration(const Config& config) {
  const std::string& text = config.text("auth.registration");
  for (const Registration one : {Registration::invitation, Registration::open, Registration::closed}) {
    if (text == to_string(one)) return one;
  }
  return wrong("auth.registration", "invitation, open or closed");
}

Status read_rates(const Config& config, GatewayOptions& options) {
  LB_TRY(user, within(config, "limits.requests_of_user", 0, 100'000'000));
  LB_TRY(credential, within(config, "limits.requests_of_credential", 0, 100'000'000));
  LB_TRY(address, within(config, "limits.requests_of_address", 0, 100'000'000));
  options.rates = {static_cast<int>(user), static_cast<int>(credential), static_cast<int>(address)};
  return Ok{};
}

Result<UsageLimits> read_limits(const Config& config, const std::string& of) {
  constexpr std::int64_t kMost = 1'000'000'000'000;
  LB_TRY(messages, within(config, "limits.messages_of_" + of + "_a_day", 0, kMost));
  LB_TRY(tokens, within(config, "limits.tokens_of_" + of + "_a_day", 0, kMost));
  LB_TRY(month, within(config, "limits.tokens_of_" + of + "_a_month", 0, kMost));
  LB_TRY(cost, within(config, "limits.cost_of_" + of + "_a_month", 0, 1'000'000'000));
  LB_TRY(storage, within(config, "limits.storage_of_" + of + "_mb", 0, 1'000'000'000));
  return UsageLimits{messages, tokens, month, cost * 1'000'000, storage * 1'000'000};
}

Status read_accounts(const Config& config, GatewayOptions& options) {
  LB_TRY(who, registration(config));
  LB_TRY(cost, within(config, "auth.password_cost", PasswordHasher::kLeastCost, PasswordHasher::kMostCost));
  LB_TRY(of_account, within(config, "auth.attempts_of_account", 1, 1'000'000));
  LB_TRY(of_address, within(config, "auth.attempts_of_address", 1, 1'000'000));
  LB_TRY(days, within(config, "auth.session_days", 1, 3650));
  LB_TRY(idle, within(config, "auth.session_idle_days", 1, 3650));
  LB_TRY(proxies, policy::parse_ranges(config.text_list("server.trusted_proxies")));
  std::string url = config.text("server.public_url");
  while (url.ends_with('/')) url.pop_back();
  if (!url.empty() && !url.starts_with("https://") && !url.starts_with("http://")) {
    return wrong("server.public_url", "a web address, as https://bird.example.org");
  }
  const std::string& secret = config.text("auth.jwt_secret");
  if (!secret.empty() && secret.size() < kLeastTokenKeyBytes) {
    return wrong("JWT_SECRET", "at least 32 bytes long, as `openssl rand -hex 32` prints them; or empty");
  }
  options.accounts.registration = who;
  options.accounts.public_url = std::move(url);
  options.accounts.attempts_of_account = static_cast<int>(of_account);
  options.accounts.attempts_of_address = static_cast<int>(of_address);
  options.password_cost = static_cast<int>(cost);
  options.auth.session_lifetime = Millis(days * kDay);
  options.auth.session_idle = Millis(idle * kDay);
  options.auth.trusted_proxies = std::move(proxies);
  options.auth.token_key = secret;
  return Ok{};
}

}  // namespace

Result<GatewayOptions> gateway_options(const Config& config) {
  GatewayOptions options;
  LB_CHECK(read_accounts(config, options));
  LB_CHECK(read_rates(config, options));
  LB_TRY(of_user, read_limits(config, "user"));
  LB_TRY(of_workspace, read_limits(config, "workspace"));
  options.intake.limits = {of_user, of_workspace};
  LB_TRY(prices, Prices::parse(config.text_list("limits.prices")));
  options.runner.prices = std::move(prices);
  options.auth.allowed_hosts = config.text_list("server.allowed_hosts");
  options.auth.secure_cookies = config.boolean("server.secure_cookies");
  options.runner.history_limit = static_cast<int>(config.integer("turns.history_messages"));
  options.runner.concurrent_turns = static_cast<std::size_t>(config.integer("turns.concurrent"));
  options.intake.queue_limit = static_cast<int>(config.integer("turns.queue_limit"));
  return options;
}

}  // namespace librebird::gateway
