#include "lib/tunnel/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace hawser::tunnel {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

const base::Time kStart{std::chrono::hours(1)};
constexpr double kAlmostOne = 0.999999;

// Limits are what Next() approaches for random numbers close to one.
milliseconds Limit(Backoff& backoff, base::Time now) {
  return std::chrono::round<milliseconds>(backoff.Next(now, kAlmostOne));
}

TEST(Backoff, DoublesFromFirstToCap) {
  Backoff backoff({}, kStart - seconds(60));
  for (const int limit : {200, 400, 800, 1600, 3200, 6400, 10000, 10000})
    EXPECT_EQ(Limit(backoff, kStart), milliseconds(limit));
}

TEST(Backoff, JitterCoversEverythingBelowTheLimit) {
  Backoff backoff({}, kStart);
  EXPECT_EQ(backoff.Next(kStart, 0), base::Duration::zero());
  EXPECT_EQ(backoff.Next(kStart, 0.5), milliseconds(200));
}

TEST(Backoff, BeginsAnewOnlyAfterHealth) {
  Backoff backoff({}, kStart - seconds(60));
  for (int i = 0; i < 5; ++i) backoff.Next(kStart, 0);
  backoff.OnLost(kStart + milliseconds(29'999), kStart);
  EXPECT_EQ(Limit(backoff, kStart + seconds(40)), milliseconds(6400));
  backoff.OnLost(kStart + seconds(80), kStart + seconds(50));
  EXPECT_EQ(Limit(backoff, kStart + seconds(90)), milliseconds(200));
}

TEST(Backoff, StaysPromptInTheFirstSecondOfAnOutage) {
  Backoff backoff({}, kStart - seconds(60));
  for (int i = 0; i < 9; ++i) backoff.Next(kStart, 0);
  const base::Time lost = kStart + seconds(5);
  backoff.OnLost(lost, kStart);  // not healthy yet, but a link
  EXPECT_EQ(Limit(backoff, lost + milliseconds(999)), milliseconds(800));
  EXPECT_EQ(Limit(backoff, lost + milliseconds(1000)), seconds(10));
}

TEST(Backoff, LinksThatDieAtOnceBeginNoOutage) {
  Backoff backoff({}, kStart - seconds(60));
  for (int i = 0; i < 9; ++i) backoff.Next(kStart, 0);
  backoff.OnLost(kStart + milliseconds(999), kStart);
  EXPECT_EQ(Limit(backoff, kStart + seconds(1)), seconds(10));
}

// The promise itself, over random histories: after an outage below a second the next attempt is
// due within a second of its end.
TEST(Backoff, FindsAServerThatIsBackWithinASecond) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> random(0, 1);
  for (int round = 0; round < 1000; ++round) {
    base::Time now = kStart;
    Backoff backoff({}, now - seconds(60));
    for (int failures = round % 10; failures > 0; --failures) backoff.Next(now, random(generator));
    const base::Time lost = now + seconds(2);
    backoff.OnLost(lost, now);
    const base::Time back = lost + milliseconds(round % 1000);
    for (now = lost; now < back;)
      now += std::max<base::Duration>(backoff.Next(now, random(generator)), milliseconds(1));
    EXPECT_LT(now - back, seconds(1));
  }
}

}  // namespace
}  // namespace hawser::tunnel
