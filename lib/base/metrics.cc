#include "lib/base/metrics.h"

#include <glog/logging.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

namespace hawser::base {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

Histogram::Histogram(std::vector<double> bounds)
    : bounds_(std::move(bounds)), buckets_(bounds_.size() + 1) {}

void Histogram::Observe(Duration duration) {
  const double seconds = std::chrono::duration<double>(duration).count();
  ++buckets_[std::lower_bound(bounds_.begin(), bounds_.end(), seconds) - bounds_.begin()];
  sum_ += seconds;
}

void Histogram::Add(const Histogram& other) {
  CHECK(bounds_ == other.bounds_);
  for (size_t i = 0; i < buckets_.size(); ++i) buckets_[i] += other.buckets_[i];
  sum_ += other.sum_;
}

uint64_t Histogram::count() const {
  return std::accumulate(buckets_.begin(), buckets_.end(), uint64_t{0});
}

MetricFamily& MetricFamilies::Family(const std::string& name, const std::string& help,
                                     MetricType type) {
  MetricFamily& family = families_.emplace_back();
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

void MetricFamilies::Add(MetricFamily& family, const Labels& labels, double value) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = labels;
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void MetricFamilies::Gauge(const std::string& name, const std::string& help, double value) {
  Add(Family(name, help, MetricType::Gauge), {}, value);
}

void MetricFamilies::Counter(const std::string& name, const std::string& help, double value) {
  Add(Family(name, help, MetricType::Counter), {}, value);
}

void MetricFamilies::Add(MetricFamily& family, const Labels& labels, const Histogram& histogram) {
  ClientMetric& metric = family.metric.emplace_back();
  metric.label = labels;
  uint64_t below = 0;
  for (size_t i = 0; i < histogram.buckets_.size(); ++i) {
    below += histogram.buckets_[i];
    const bool last = i == histogram.bounds_.size();
    metric.histogram.bucket.push_back(
        {below, last ? std::numeric_limits<double>::infinity() : histogram.bounds_[i]});
  }
  metric.histogram.sample_count = below;
  metric.histogram.sample_sum = histogram.sum_;
}

void MetricFamilies::Durations(const std::string& name, const std::string& help,
                               const Histogram& histogram) {
  Add(Family(name, help, MetricType::Histogram), {}, histogram);
}

std::string MetricFamilies::Text() const {
  return prometheus::TextSerializer().Serialize({families_.begin(), families_.end()});
}

}  // namespace hawser::base
