// `librebird gateway | brain | hands`: the same parts as three processes that speak gRPC.
#include <librebird/base/log.hpp>
#include <librebird/brain/brain.hpp>
#include <librebird/rpc/brain_client.hpp>
#include <librebird/rpc/brain_server.hpp>
#include <librebird/rpc/hands_client.hpp>
#include <librebird/rpc/hands_server.hpp>

#include <fmt/format.h>

#include <cstdio>

#include "audit_keeper.hpp"
#include "gateway_process.hpp"
#include "local_hands.hpp"

namespace librebird::apps {
namespace {

// Serves until a signal.
template <class Server>
Task<int> serve_until_signal(Platform& platform, Server& server, std::string name) {
  if (const Status started = server.start(); !started) co_return cli::fail(started.error());
  fmt::print("{} listening on port {}\n", name, server.port());
  std::fflush(stdout);
  log::info("ready", {{"service", name}, {"port", server.port()}});
  co_await wait_for_signal(platform.loop);
  co_await server.stop();
  log::info("stopped", {{"service", name}});
  co_return 0;
}

}  // namespace

int run_gateway(const Flags& flags) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  const RpcOptions to_brain = brain_rpc_options(p.config);
  if (const Status good = check(to_brain, RpcRole::client); !good) return cli::fail(good.error());
  if (const Status opened = p.open_storage(); !opened) return cli::fail(opened.error());
  if (const Status locked = lock_data_directory(p.data_dir); !locked) return cli::fail(locked.error());
  const log::Writer writer;
  const auto brain = make_brain_client(p.loop, to_brain);
  const auto hands = make_hands_client(p.loop, hands_rpc_options(p.config));
  return p.run([&] { return run_gateway_until_signal(p, *brain, *hands); });
}

int run_brain(const Flags& flags) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  // The brain keeps nothing. Given the data folder or a database, it can also recall from past messages.
  if (!flags.data_dir.empty() || !p.config.text("storage.url").empty()) {
    if (const Status opened = p.open_storage(); !opened) return cli::fail(opened.error());
  }
  const log::Writer writer;
  const auto hands = make_hands_client(p.loop, hands_rpc_options(p.config));
  const auto brain = brain::make_brain(p.loop, p.config, p.clock, p.ids, *p.http, *hands,
                                       p.storage ? &p.storage->messages() : nullptr, brain::options_from(p.config));
  RpcOptions options = brain_rpc_options(p.config);
  if (flags.listen) options.address = *flags.listen;
  BrainServer server(p.loop, *brain, options);
  return p.run([&] { return serve_until_signal(p, server, "brain"); });
}

int run_hands(const Flags& flags) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  if (const Status opened = p.open_storage(); !opened) return cli::fail(opened.error());
  const log::Writer writer;
  const auto hands = make_local_hands(p);
  if (!hands) return cli::fail(hands.error());
  RpcOptions options = hands_rpc_options(p.config);
  if (flags.listen) options.address = *flags.listen;
  HandsServer server(p.loop, **hands, options);
  return p.run([&] { return keep_audit_during(p, serve_until_signal(p, server, "hands")); });
}

}  // namespace librebird::apps
