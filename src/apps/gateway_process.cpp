#include "gateway_process.hpp"

#include "gateway_services.hpp"
#include "mail.hpp"
#include "person_commands.hpp"

#include <librebird/base/log.hpp>
#include <librebird/brain/brain.hpp>
#include <librebird/bus/memory_event_bus.hpp>
#include <librebird/bus/memory_rate_limiter.hpp>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

namespace librebird::apps {
namespace {

constexpr Millis kDrain{10'000};
constexpr Millis kPortPatience{1'000};

// Operator commands read this to print links that work.
void note_address(const Platform& platform, const std::string& url) {
  const std::string path = platform.data_dir + "/server.url";
  std::ofstream(path, std::ios::trunc) << url << "\n";
  ::chmod(path.c_str(), 0600);
}

// A predecessor that was killed may hold the port for as long as the kernel takes to clear it away.
Task<Result<std::uint16_t>> take_port(gateway::Gateway& gateway, std::string address, std::uint16_t wanted) {
  for (Millis waited{0};; waited += Millis(50)) {
    auto port = gateway.listen(address, wanted);
    if (port || port.error().code != Code::unavailable || waited >= kPortPatience) co_return port;
    co_await sleep_for(Millis(50));
  }
}

// Under which turns are leased. A data folder has one gateway (it is locked), so what a predecessor of this name leased
// is ours; gateways of other folders, on the same database, have other names.
Result<std::string> gateway_name(Platform& platform) {
  const std::string path = platform.data_dir + "/gateway.id";
  std::string id;
  std::ifstream(path) >> id;
  if (is_uuid(id)) return "gateway-" + id;
  id = platform.ids.next();
  std::ofstream file(path, std::ios::trunc);
  file << id << "\n";
  ::chmod(path.c_str(), 0600);
  if (!file.flush()) {
    return {Code::failed_precondition,
            fmt::format("{} cannot be written: make the data folder writable for this user.", path)};
  }
  return "gateway-" + id;
}

Task<Status> greet(Platform& platform, const std::string& url, bool first_start, BrainService& brain) {
  LB_CO_TRY(owner, co_await platform.storage->identities().ensure_owner());
  fmt::print("Listening on {}\n", url);
  if (first_start || ::isatty(STDOUT_FILENO) == 1) {
    LB_CO_TRY(token,
              co_await issue_sign_in_token(platform.storage->credentials(), platform.clock, platform.random, owner));
    fmt::print("Sign-in link: {}\n", sign_in_link(url, token));
    fmt::print("(good once, for 15 minutes; `librebird sign-in-link` prints another)\n");
  } else {
    fmt::print("Sign in with the link that `librebird sign-in-link` prints.\n");
  }
  const auto model = co_await brain.default_model();
  if (!model) {
    fmt::print("No model answers: {}\n", model.error().message);
  } else if (model->demo) {
    fmt::print(
        "Model: the built-in demo, an offline stand-in and not a real model. To connect one, start with:\n  {}\n",
        brain::how_to_connect());
  } else {
    fmt::print("Model: {}/{}\n", model->provider, model->name);
  }
  std::fflush(stdout);
  co_return Ok{};
}

}  // namespace

Task<int> run_gateway_until_signal(Platform& platform, BrainService& brain, HandsService& hands) {
  const auto bus = bus::make_memory_event_bus();
  auto& storage = *platform.storage;
  auto read = gateway::gateway_options(platform.config);
  if (!read) co_return cli::fail(read.error());
  gateway::GatewayOptions options = *std::move(read);
  if (options.auth.token_key.empty()) {
    auto key = co_await storage.accounts().token_key(random_token(platform.random));
    if (!key) co_return cli::fail(key.error());
    options.auth.token_key = *std::move(key);
  }
  const auto mailer = make_mail(platform);
  if (!mailer) co_return cli::fail(mailer.error());
  auto providers = gateway::oidc::configured_providers(platform.config);
  if (!providers) co_return cli::fail(providers.error());
  gateway::oidc::ExternalSignIn external(platform.loop, *platform.http, platform.clock, platform.random,
                                         *std::move(providers), options.auth.token_key);
  const auto rates = bus::make_memory_rate_limiter(platform.clock);
  options.version = LIBREBIRD_VERSION;
  options.connect_hint = brain::how_to_connect();
  const auto name = gateway_name(platform);
  if (!name) co_return cli::fail(name.error());
  options.runner.owner = *name;
  const auto persons = make_person_keeper(platform, true);
  const GatewayParts parts{*bus, brain, hands, (*mailer)->mailer(), *rates, *persons, external};
  gateway::Gateway gateway(gateway_services(platform, parts), options);
  const std::string& address = platform.config.text("server.address");
  const std::int64_t wanted = platform.config.integer("server.port");
  if (wanted < 0 || wanted > 65'535) {
    co_return cli::fail(make_error(Code::invalid_argument,
                                   fmt::format("{} is no port (--port, server.port): choose 1 to 65535, or 0 for any "
                                               "free one.",
                                               wanted)));
  }
  const auto port = co_await take_port(gateway, address, static_cast<std::uint16_t>(wanted));
  if (!port) co_return cli::fail(port.error());
  const std::string host = address == "0.0.0.0" || address == "::" ? "127.0.0.1" : address;
  const std::string url =
      fmt::format("http://{}:{}", host.find(':') == std::string::npos ? host : "[" + host + "]", *port);

  const bool first_start = !std::filesystem::exists(platform.data_dir + "/server.url");
  Status started = co_await greet(platform, url, first_start, brain);
  if (started) started = co_await gateway.start();
  if (!started) {
    co_await gateway.stop(Millis(0));
    co_await (*mailer)->stop(Millis(0));
    co_return cli::fail(started.error());
  }
  note_address(platform, url);
  log::info("ready", {{"url", url}, {"data_dir", platform.data_dir}});
  co_await wait_for_signal(platform.loop);
  co_await gateway.stop(kDrain);
  co_await (*mailer)->stop(kDrain);
  log::info("stopped");
  co_return 0;
}

}  // namespace librebird::apps
