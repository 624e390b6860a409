// `librebird serve`: gateway, brain and hands in one process, on SQLite.
#include <librebird/base/log.hpp>
#include <librebird/brain/brain.hpp>

#include "audit_keeper.hpp"
#include "gateway_process.hpp"
#include "local_hands.hpp"

namespace librebird::apps {

int serve(const Flags& flags) {
  auto platform = Platform::create(flags);
  if (!platform) return cli::fail(platform.error());
  if (const Status opened = (*platform)->open_storage(); !opened) return cli::fail(opened.error());
  if (const Status locked = lock_data_directory((*platform)->data_dir); !locked) return cli::fail(locked.error());
  const log::Writer writer;
  Platform& p = **platform;
  const auto hands = make_local_hands(p);
  if (!hands) return cli::fail(hands.error());
  const auto brain = brain::make_brain(p.loop, p.config, p.clock, p.ids, *p.http, **hands, &p.storage->messages(),
                                       brain::options_from(p.config));
  return p.run([&] { return keep_audit_during(p, run_gateway_until_signal(p, *brain, **hands)); });
}

}  // namespace librebird::apps
