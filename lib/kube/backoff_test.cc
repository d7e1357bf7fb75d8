#include "lib/kube/backoff.h"

#include <gtest/gtest.h>

#include <thread>

namespace hawser::kube {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Backoff, DoublesUpToItsCap) {
  Backoff backoff(milliseconds(100), seconds(1));
  EXPECT_EQ(backoff.Next(0), milliseconds(50));
  EXPECT_EQ(backoff.Next(0), milliseconds(100));
  EXPECT_EQ(backoff.Next(0.5), milliseconds(300));
  EXPECT_EQ(backoff.Next(0), milliseconds(400));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(backoff.Next(0), milliseconds(500));
  backoff.Reset();
  EXPECT_EQ(backoff.Next(0), milliseconds(50));
}

TEST(Random, IsAFraction) {
  for (int i = 0; i < 1000; ++i) {
    const double random = Random();
    EXPECT_GE(random, 0);
    EXPECT_LT(random, 1);
  }
}

TEST(Pause, EndsWithTimeOrAStop) {
  std::stop_source source;
  EXPECT_TRUE(Pause(milliseconds(1), source.get_token()));
  const base::Time started = base::Clock::now();
  std::thread stopper([&] { source.request_stop(); });
  EXPECT_FALSE(Pause(std::chrono::hours(1), source.get_token()));
  stopper.join();
  EXPECT_FALSE(Pause(std::chrono::hours(1), source.get_token()));
  EXPECT_LT(base::Clock::now() - started, std::chrono::minutes(10));
}

}  // namespace
}  // namespace hawser::kube
