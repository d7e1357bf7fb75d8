// Metrics for a scrape, in Prometheus' text format. Whoever counts keeps plain numbers; a scrape
// puts them into families:
//
//   MetricFamilies families;
//   families.Gauge("hawser_connections", "Open connections.", count);
//   auto& bytes = families.Family("hawser_bytes_total", "Bytes.", MetricType::Counter);
//   MetricFamilies::Add(bytes, {{"direction", "to_agent"}}, sent);
//   return families.Text();
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "lib/base/scheduler.h"

namespace hawser::base {

// Durations by their size. Threads: one.
class Histogram {
 public:
  // Upper bounds of the buckets in seconds, ascending; one more bucket takes the rest.
  explicit Histogram(std::vector<double> bounds);

  void Observe(Duration duration);
  // Adds what `other`, of the same bounds, has observed.
  void Add(const Histogram& other);
  uint64_t count() const;

 private:
  friend class MetricFamilies;
  std::vector<double> bounds_;
  std::vector<uint64_t> buckets_;  // not cumulative
  double sum_ = 0;                 // seconds
};

class MetricFamilies {
 public:
  using Labels = std::vector<prometheus::ClientMetric::Label>;

  // An empty family of counters or gauges. The reference stays valid.
  prometheus::MetricFamily& Family(const std::string& name, const std::string& help,
                                   prometheus::MetricType type);
  static void Add(prometheus::MetricFamily& family, const Labels& labels, double value);
  static void Add(prometheus::MetricFamily& family, const Labels& labels,
                  const Histogram& histogram);

  // Families of one metric without labels.
  void Gauge(const std::string& name, const std::string& help, double value);
  void Counter(const std::string& name, const std::string& help, double value);
  void Durations(const std::string& name, const std::string& help, const Histogram& histogram);

  std::string Text() const;

 private:
  std::deque<prometheus::MetricFamily> families_;
};

}  // namespace hawser::base
