#pragma once

// Counters, gauges and histograms of the process. Names are an API: `librebird_<area>_<what>_<unit>`, counters end in
// `_total`. Labels are few and bounded (never an id, never user input).
//
//   static metrics::Counter& turns = metrics::counter("librebird_turns_total", "Turns finished", {{"status", "done"}});
//   turns.add();
//
// Thread-safe. Registered instruments live as long as the process; ask once and keep the reference.

#include <atomic>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace librebird::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

class Counter {
 public:
  void add(std::uint64_t by = 1) { value_.fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t by) { value_.fetch_add(by, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Durations in seconds, in fixed buckets from 1 ms to 60 s.
class Histogram {
 public:
  static const std::vector<double>& bounds();
  Histogram();
  void observe(double seconds);
  [[nodiscard]] std::vector<std::uint64_t> counts() const;  // one per bound, then +Inf; not cumulative
  [[nodiscard]] double sum() const { return static_cast<double>(sum_micros_.load(std::memory_order_relaxed)) / 1e6; }

 private:
  std::vector<std::atomic<std::uint64_t>> counts_;
  std::atomic<std::uint64_t> sum_micros_{0};
};

Counter& counter(const std::string& name, const std::string& help, Labels labels = {});
Gauge& gauge(const std::string& name, const std::string& help, Labels labels = {});
Histogram& histogram(const std::string& name, const std::string& help, Labels labels = {});

enum class Kind { counter, gauge, histogram };

struct Sample {
  Labels labels;
  double value = 0;  // counter, gauge; a histogram's sum
  std::vector<std::uint64_t> bucket_counts;  // histogram only
};

struct Family {
  std::string name;
  std::string help;
  Kind kind = Kind::counter;
  std::vector<Sample> samples;
};

// All instruments at this moment, by name; what an exporter writes out.
[[nodiscard]] std::vector<Family> snapshot();

}  // namespace librebird::metrics
