#include "audit_keeper.hpp"

#include <librebird/base/async/scope.hpp>
#include <librebird/base/async/sync.hpp>
#include <librebird/base/log.hpp>

namespace librebird::apps {
namespace {

constexpr Millis kEvery{3'600'000};
constexpr std::int64_t kDay = 24LL * 3600 * 1000;

Task<void> look_after(Platform& platform) {
  AuditStore& audit = platform.storage->audit();
  const auto closed = co_await audit.close_interrupted();
  if (!closed) {
    log::error("interrupted calls cannot be closed in the audit log", {{"cause", closed.error().message}});
  } else if (*closed > 0) {
    log::warn("calls were interrupted by the end of a server", {{"calls", *closed}});
  }
  const std::int64_t days = platform.config.integer("audit.retention_days");
  if (days <= 0) co_return;
  const auto removed = co_await audit.prune(platform.clock.unix_now() - days * kDay);
  if (!removed) {
    log::error("old rows of the audit log are kept", {{"cause", removed.error().message}});
  } else if (*removed > 0) {
    log::info("old rows of the audit log were removed", {{"rows", *removed}});
  }
}

Task<void> keep(Platform& platform, std::stop_token stop) {
  while (!stop.stop_requested()) {
    co_await look_after(platform);
    (void)co_await sleep_for(kEvery, stop);
  }
}

}  // namespace

Task<int> keep_audit_during(Platform& platform, Task<int> body) {
  Scope scope(platform.loop.executor());
  scope.spawn(keep(platform, scope.token()), "audit keeper");
  const int code = co_await std::move(body);
  scope.cancel();
  co_await scope.join();
  co_return code;
}

}  // namespace librebird::apps
