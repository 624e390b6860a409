#include "metrics_text.hpp"

#include <librebird/base/metrics.hpp>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>

namespace librebird::gateway {
namespace {

prometheus::MetricType type_of(metrics::Kind kind) {
  switch (kind) {
    case metrics::Kind::counter: return prometheus::MetricType::Counter;
    case metrics::Kind::gauge: return prometheus::MetricType::Gauge;
    case metrics::Kind::histogram: return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric convert(metrics::Kind kind, const metrics::Sample& sample) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : sample.labels) {
    prometheus::ClientMetric::Label label;
    label.name = name;
    label.value = value;
    metric.label.push_back(std::move(label));
  }
  switch (kind) {
    case metrics::Kind::counter: metric.counter.value = sample.value; break;
    case metrics::Kind::gauge: metric.gauge.value = sample.value; break;
    case metrics::Kind::histogram: {
      metric.histogram.sample_sum = sample.value;
      std::uint64_t total = 0;
      for (std::size_t i = 0; i < sample.bucket_counts.size(); ++i) {
        total += sample.bucket_counts[i];
        prometheus::ClientMetric::Bucket bucket;
        bucket.cumulative_count = total;
        const auto& bounds = metrics::Histogram::bounds();
        bucket.upper_bound = i < bounds.size() ? bounds[i] : std::numeric_limits<double>::infinity();
        metric.histogram.bucket.push_back(bucket);
      }
      metric.histogram.sample_count = total;
      break;
    }
  }
  return metric;
}

}  // namespace

std::string metrics_text() {
  std::vector<prometheus::MetricFamily> families;
  for (const metrics::Family& family : metrics::snapshot()) {
    prometheus::MetricFamily converted;
    converted.name = family.name;
    converted.help = family.help;
    converted.type = type_of(family.kind);
    for (const metrics::Sample& sample : family.samples) converted.metric.push_back(convert(family.kind, sample));
    families.push_back(std::move(converted));
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace librebird::gateway
