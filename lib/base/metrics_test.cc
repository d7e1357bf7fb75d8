#include "lib/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hawser::base {
namespace {

using ::testing::HasSubstr;

TEST(MetricFamilies, CountersAndGaugesWithLabels) {
  MetricFamilies families;
  families.Gauge("open", "Open ones.", 3);
  auto& bytes = families.Family("bytes_total", "Bytes.", prometheus::MetricType::Counter);
  MetricFamilies::Add(bytes, {{"direction", "up"}}, 7);
  MetricFamilies::Add(bytes, {{"direction", "down"}}, 8);
  const std::string text = families.Text();
  EXPECT_THAT(text, HasSubstr("# HELP open Open ones.\n# TYPE open gauge\nopen 3"));
  EXPECT_THAT(text, HasSubstr("# TYPE bytes_total counter\nbytes_total{direction=\"up\"} 7"));
  EXPECT_THAT(text, HasSubstr("bytes_total{direction=\"down\"} 8"));
}

TEST(MetricFamilies, HistogramsAreCumulative) {
  Histogram histogram({.5, 1});
  for (const int milliseconds : {100, 500, 501, 5000})
    histogram.Observe(std::chrono::milliseconds(milliseconds));
  Histogram sum({.5, 1});
  sum.Add(histogram);
  EXPECT_EQ(sum.count(), 4);
  MetricFamilies families;
  families.Durations("wait_seconds", "Waits.", sum);
  const std::string text = families.Text();
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{le=\"0.5\"} 2"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{le=\"1\"} 3"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_bucket{le=\"+Inf\"} 4"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_sum 6.101"));
  EXPECT_THAT(text, HasSubstr("wait_seconds_count 4"));
}

}  // namespace
}  // namespace hawser::base
