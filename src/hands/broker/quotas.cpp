#include "quotas.hpp"

#include <librebird/base/log.hpp>

#include <fmt/format.h>

#include <algorithm>

namespace librebird::hands {
namespace {

constexpr std::size_t kMaxRemembered = 40'000;

struct Measure {
  std::string_view key;   // in settings: "<key>_per_hour"
  std::string_view name;  // for a person
  std::int64_t ToolUsage::* field;
  std::int64_t unit;      // of the field in one of the setting
  std::string_view help;
};
constexpr std::array<Measure, 4> kMeasures{
    {{"calls", "tool calls", &ToolUsage::calls, 1, "Tool calls"},
     {"cpu_seconds", "seconds of processor time", &ToolUsage::cpu_ms, 1000, "Processor seconds of tools"},
     {"wall_seconds", "seconds of running tools", &ToolUsage::wall_ms, 1000, "Seconds that tools run"},
     {"megabytes", "megabytes of tool output and network", &ToolUsage::bytes, 1'000'000,
      "Megabytes of tools' output and network traffic"}}};
constexpr std::array kScopes{QuotaScope::user, QuotaScope::workspace};
constexpr std::array kWindows{QuotaWindow::hour, QuotaWindow::day};
// In the setting's units, by scope, window, measure. Generous for people, an end for what runs away.
constexpr std::int64_t kDefaults[2][2][4] = {
    {{1'000'000, 14'400, 36'000, 20'000}, {10'000'000, 86'400, 360'000, 100'000}},
    {{4'000'000, 57'600, 144'000, 80'000}, {40'000'000, 345'600, 1'440'000, 400'000}}};

std::string setting(QuotaScope scope, QuotaWindow window, const Measure& measure) {
  return fmt::format("hands.quota.{}.{}_per_{}", to_string(scope), measure.key, to_string(window));
}

// "21:00 UTC (in 12 minutes)"
std::string when(UnixMillis end, UnixMillis now) {
  const std::int64_t minutes = std::max<std::int64_t>(1, (end - now + 59'999) / 60'000);
  const std::string time = to_rfc3339(end).substr(11, 5);
  if (minutes < 120) return fmt::format("{} UTC (in {} minute{})", time, minutes, minutes == 1 ? "" : "s");
  return fmt::format("{} UTC (in {} hours)", time, (minutes + 30) / 60);
}

bool is_zero(const ToolUsage& usage) { return usage == ToolUsage{}; }

}  // namespace

std::vector<ConfigKey> quota_config() {
  std::vector<ConfigKey> keys;
  for (std::size_t scope = 0; scope < kScopes.size(); ++scope) {
    for (std::size_t window = 0; window < kWindows.size(); ++window) {
      for (std::size_t i = 0; i < kMeasures.size(); ++i) {
        keys.push_back({setting(kScopes[scope], kWindows[window], kMeasures[i]), ConfigType::integer,
                        kDefaults[scope][window][i], "", false,
                        fmt::format("{} of one {} in {}; 0: no limit.", kMeasures[i].help, to_string(kScopes[scope]),
                                    kWindows[window] == QuotaWindow::hour ? "an hour" : "a day")});
      }
    }
  }
  return keys;
}

QuotaLimits quota_limits(const Config& config) {
  QuotaLimits limits;
  for (std::size_t scope = 0; scope < kScopes.size(); ++scope) {
    for (std::size_t window = 0; window < kWindows.size(); ++window) {
      for (const Measure& measure : kMeasures) {
        const std::int64_t value = config.integer(setting(kScopes[scope], kWindows[window], measure));
        limits[scope][window].*measure.field = std::clamp<std::int64_t>(value, 0, 1'000'000'000'000) * measure.unit;
      }
    }
  }
  return limits;
}

Quotas::Entries Quotas::entries_of(const Principal& principal) {
  const UnixMillis now = clock_.unix_now();
  Entries found{};
  std::size_t next = 0;
  for (const QuotaScope scope : kScopes) {
    for (const QuotaWindow window : kWindows) {
      const std::string subject =
          scope == QuotaScope::user ? principal.workspace_id + "/" + principal.user_id : principal.workspace_id;
      const auto place =
          entries_.try_emplace(fmt::format("{}/{}/{}", to_string(scope), to_string(window), subject)).first;
      Entry& entry = place->second;
      const UnixMillis start = window_start(window, now);
      if (entry.stored.start != start) {
        if (!is_zero(entry.pending)) {
          ended_.push_back(entry.stored);
          ended_.back().used = entry.pending;
        }
        entry.stored = {scope, subject, window, start, {}};
        entry.pending = {};
        entry.writing = {};
        entry.loaded = false;
      }
      found[next++] = place;
    }
  }
  return found;
}

Task<Status> Quotas::load(Principal principal) {
  std::vector<QuotaUse> missing;
  for (const auto& place : entries_of(principal)) {
    if (!place->second.loaded) missing.push_back(place->second.stored);
  }
  if (missing.empty()) co_return Ok{};
  LB_CO_TRY(read, co_await store_.read(std::move(missing)));
  for (const auto& place : entries_of(principal)) {
    Entry& entry = place->second;
    if (entry.loaded) continue;
    const auto same = [&entry](const QuotaUse& use) {
      return use.scope == entry.stored.scope && use.window == entry.stored.window && use.start == entry.stored.start;
    };
    const auto found = std::ranges::find_if(read, same);
    if (found == read.end()) continue;  // the window ended meanwhile
    entry.stored.used = found->used;
    entry.loaded = true;
  }
  co_return Ok{};
}

Status Quotas::check(const Entry& entry) const {
  const ToolUsage& limit =
      limits_[entry.stored.scope == QuotaScope::user ? 0 : 1][entry.stored.window == QuotaWindow::hour ? 0 : 1];
  ToolUsage used = entry.stored.used;
  used += entry.pending;
  used += entry.writing;
  used.calls += entry.running;
  for (const Measure& measure : kMeasures) {
    const std::int64_t most = limit.*measure.field;
    if (most <= 0 || used.*measure.field < most) continue;
    const UnixMillis now = clock_.unix_now();
    const UnixMillis end = entry.stored.start + length_ms(entry.stored.window);
    Error error = make_error(
        Code::resource_exhausted,
        fmt::format("Blocked: {} used all {} {} of this {}. It works again at {}; who runs this server can raise {}.",
                    entry.stored.scope == QuotaScope::user ? "you have" : "this workspace has", most / measure.unit,
                    measure.name, to_string(entry.stored.window), when(end, now),
                    setting(entry.stored.scope, entry.stored.window, measure)));
    error.retry_after = Millis(end - now);
    error.limit = std::make_shared<const LimitUse>(
        LimitUse{std::string(to_string(entry.stored.scope)),
                 fmt::format("tool_{}_per_{}", measure.key, to_string(entry.stored.window)),
                 used.*measure.field / measure.unit, most / measure.unit, "operator", end});
    return error;
  }
  return Ok{};
}

void Quotas::forget_idle() {
  if (entries_.size() < kMaxRemembered) return;
  std::erase_if(entries_, [](const auto& item) {
    return item.second.running == 0 && is_zero(item.second.pending) && is_zero(item.second.writing);
  });
}

Task<Status> Quotas::enter(Principal principal) {
  forget_idle();
  LB_CO_CHECK(co_await load(principal));
  const Entries entries = entries_of(principal);
  for (const auto& place : entries) LB_CO_CHECK(check(place->second));
  for (const auto& place : entries) ++place->second.running;
  ++active_;
  co_return Ok{};
}

Task<void> Quotas::leave(Principal principal, ToolUsage used) {
  for (const auto& place : entries_of(principal)) {
    --place->second.running;
    if (is_zero(used)) continue;
    place->second.pending += used;
    dirty_.insert(place->first);
  }
  --active_;
  co_await flush();
}

Task<void> Quotas::flush() {
  if (flushing_) co_return;
  flushing_ = true;
  // While other calls run, the next to end writes what came in meanwhile.
  do {
    std::vector<QuotaUse> batch = std::move(ended_);
    ended_.clear();
    const std::size_t over = batch.size();
    std::vector<Key> keys;
    for (const Key& key : std::exchange(dirty_, {})) {
      const auto place = entries_.find(key);
      if (place == entries_.end() || is_zero(place->second.pending)) continue;
      Entry& entry = place->second;
      keys.push_back(key);
      batch.push_back(entry.stored);
      batch.back().used = entry.pending;
      entry.writing = std::exchange(entry.pending, {});
    }
    if (batch.empty()) break;
    const std::vector<QuotaUse> sent = batch;
    auto totals = co_await store_.add(std::move(batch));
    if (!totals) {
      log::warn("the use of tools could not be written; it is kept in memory", {{"error", totals.error().message}});
      ended_.insert(ended_.end(), sent.begin(), sent.begin() + static_cast<std::ptrdiff_t>(over));
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const QuotaUse& was = sent[over + i];
      Entry& entry = entries_[keys[i]];
      if (entry.stored.start != was.start) {  // its window ended while it was written
        if (!totals) ended_.push_back(was);
        continue;
      }
      entry.writing = {};
      if (totals) {
        entry.stored.used = (*totals)[over + i].used;
        entry.loaded = true;
      } else {
        entry.pending += was.used;
        dirty_.insert(keys[i]);
      }
    }
    if (!totals) break;
  } while (active_ == 0);
  flushing_ = false;
}

}  // namespace librebird::hands
