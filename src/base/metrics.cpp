#include <librebird/base/metrics.hpp>

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

namespace librebird::metrics {
namespace {

template <class Instrument>
struct Group {
  std::string help;
  std::map<Labels, std::unique_ptr<Instrument>> instruments;
};

struct Registry {
  std::mutex mutex;
  std::map<std::string, Group<Counter>> counters;
  std::map<std::string, Group<Gauge>> gauges;
  std::map<std::string, Group<Histogram>> histograms;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

template <class Instrument>
Instrument& find(std::map<std::string, Group<Instrument>>& groups, const std::string& name, const std::string& help,
                 Labels labels) {
  const std::lock_guard lock(registry().mutex);
  auto& group = groups[name];
  group.help = help;
  std::ranges::sort(labels);
  auto& slot = group.instruments[std::move(labels)];
  if (!slot) slot = std::make_unique<Instrument>();
  return *slot;
}

template <class Instrument, class Fill>
void collect(std::vector<Family>& out, const std::map<std::string, Group<Instrument>>& groups, Kind kind, Fill fill) {
  for (const auto& [name, group] : groups) {
    Family family{name, group.help, kind, {}};
    for (const auto& [labels, instrument] : group.instruments) {
      Sample sample{labels, 0, {}};
      fill(sample, *instrument);
      family.samples.push_back(std::move(sample));
    }
    out.push_back(std::move(family));
  }
}

}  // namespace

const std::vector<double>& Histogram::bounds() {
  static const std::vector<double> values{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                          0.5,   1,      2.5,   5,    10,    30,   60};
  return values;
}

Histogram::Histogram() : counts_(bounds().size() + 1) {}

void Histogram::observe(double seconds) {
  const auto& limits = bounds();
  const auto at = std::ranges::lower_bound(limits, seconds) - limits.begin();
  counts_[static_cast<std::size_t>(at)].fetch_add(1, std::memory_order_relaxed);
  sum_micros_.fetch_add(static_cast<std::uint64_t>(std::max(0.0, seconds) * 1e6), std::memory_order_relaxed);
}

std::vector<std::uint64_t> Histogram::counts() const {
  std::vector<std::uint64_t> out;
  out.reserve(counts_.size());
  for (const auto& count : counts_) out.push_back(count.load(std::memory_order_relaxed));
  return out;
}

Counter& counter(const std::string& name, const std::string& help, Labels labels) {
  return find(registry().counters, name, help, std::move(labels));
}
Gauge& gauge(const std::string& name, const std::string& help, Labels labels) {
  return find(registry().gauges, name, help, std::move(labels));
}
Histogram& histogram(const std::string& name, const std::string& help, Labels labels) {
  return find(registry().histograms, name, help, std::move(labels));
}

std::vector<Family> snapshot() {
  const std::lock_guard lock(registry().mutex);
  std::vector<Family> out;
  collect(out, registry().counters, Kind::counter,
          [](Sample& s, const Counter& c) { s.value = static_cast<double>(c.value()); });
  collect(out, registry().gauges, Kind::gauge,
          [](Sample& s, const Gauge& g) { s.value = static_cast<double>(g.value()); });
  collect(out, registry().histograms, Kind::histogram, [](Sample& s, const Histogram& h) {
    s.value = h.sum();
    s.bucket_counts = h.counts();
  });
  std::ranges::sort(out, {}, &Family::name);
  return out;
}

}  // namespace librebird::metrics
