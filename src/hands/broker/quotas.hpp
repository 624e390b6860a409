#pragma once

// What users and workspaces may use of tools in an hour and in a day: calls, processor time, wall time, bytes.
// Counted in memory, written to the database in batches (one write for all calls that ended meanwhile), and read from
// it after a start; other processes on the same database are seen with every write. Loop only.

#include <librebird/base/async/task.hpp>
#include <librebird/base/clock.hpp>
#include <librebird/base/config.hpp>
#include <librebird/core/model/principal.hpp>
#include <librebird/core/ports/approval_stores.hpp>

#include <array>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace librebird::hands {

// 0: no limit. By scope (user, workspace), then window (hour, day).
using QuotaLimits = std::array<std::array<ToolUsage, 2>, 2>;

[[nodiscard]] std::vector<ConfigKey> quota_config();
[[nodiscard]] QuotaLimits quota_limits(const Config& config);

class Quotas {
 public:
  Quotas(const Clock& clock, QuotaStore& store, QuotaLimits limits) : clock_(clock), store_(store), limits_(limits) {}

  // Takes room for one call; leave() must follow. resource_exhausted: which quota is used up, until when
  // (retry_after), and which setting raises it. Then leave() must not follow.
  Task<Status> enter(Principal principal);
  // Gives the room back and counts what was used; zero if the call did not run.
  Task<void> leave(Principal principal, ToolUsage used);

 private:
  struct Entry {
    QuotaUse stored;     // with what the database knows
    ToolUsage pending;   // not yet written
    ToolUsage writing;   // on its way
    std::int64_t running = 0;
    bool loaded = false;
  };
  using Key = std::string;
  using Entries = std::array<std::map<Key, Entry>::iterator, 4>;

  Entries entries_of(const Principal& principal);
  Task<Status> load(Principal principal);
  Status check(const Entry& entry) const;
  Task<void> flush();
  void forget_idle();

  const Clock& clock_;
  QuotaStore& store_;
  QuotaLimits limits_;
  std::map<Key, Entry> entries_;
  std::set<Key> dirty_;          // keys of entries with something pending
  std::vector<QuotaUse> ended_;  // of windows that are over, still to be written
  std::size_t active_ = 0;
  bool flushing_ = false;
};

}  // namespace librebird::hands
