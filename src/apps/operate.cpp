// Operator commands that need the hands or look at the whole installation.
#include <librebird/brain/brain.hpp>

#include <fmt/format.h>

#include <filesystem>

#include "local_hands.hpp"

namespace librebird::apps {
namespace {

// What could be better, if it works at all.
Task<Result<std::string>> ask_sandbox(HandsService& hands) {
  LB_CO_TRY(health, co_await hands.health());
  if (!health.ready) co_return make_error(Code::failed_precondition, health.detail);
  co_return health.detail.empty() ? "tools run contained" : "tools run contained; " + health.detail;
}

// `hands` are there if the storage is.
Task<int> examine(Platform& platform, Status storage, HandsService* hands, const std::string& config_note) {
  std::vector<cli::Check> checks;
  checks.push_back({"configuration", Ok{}, config_note});
  if (storage) storage = platform.storage->check();
  checks.push_back({"database", storage, storage ? platform.storage->describe() : ""});
  if (storage) {
    const auto sandbox = co_await ask_sandbox(*hands);
    checks.push_back({"sandbox", sandbox ? Status(Ok{}) : Status(sandbox.error()), sandbox ? *sandbox : ""});
    const auto brain = brain::make_brain(platform.loop, platform.config, platform.clock, platform.ids, *platform.http,
                                         *hands, nullptr, brain::options_from(platform.config));
    const auto model = co_await brain->default_model();
    const Status known = model ? Status(Ok{}) : Status(model.error());
    checks.push_back({"model", known,
                      model ? model->provider + "/" + model->name +
                                  (model->demo ? " (offline stand-in; set LIBREBIRD_MODEL to connect a real one)" : "")
                            : ""});
  }
  co_return cli::report_checks(checks);
}

}  // namespace

int doctor(const Flags& flags) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::report_checks({{"configuration", platform.error(), ""}});
  Platform& p = **platform;
  const Status storage = p.open_storage();
  std::unique_ptr<HandsService> hands;
  if (storage) {
    auto made = make_local_hands(p);
    if (!made) return cli::fail(made.error());
    hands = std::move(made).value();
  }
  return p.run([&] { return examine(p, storage, hands.get(), flags.config_file); });
}

int with_hands(const Flags& flags, const std::function<Task<int>(Platform&, HandsService&)>& command) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  Platform& p = **platform;
  if (const Status opened = p.open_storage(); !opened) return cli::fail(opened.error());
  const auto hands = make_local_hands(p);
  if (!hands) return cli::fail(hands.error());
  return p.run([&] { return command(p, **hands); });
}

}  // namespace librebird::apps
