#include "lib/tunnel/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

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
  for (const int limit : {200, 400, 800, 1600, 3200, 6400, 12000, 12000})
    EXPECT_EQ(Limit(backoff, kStart), milliseconds(limit));
}

TEST(Backoff, JitterCoversEverythingBelowTheLimit) {
  Backoff backoff({}, kStart);
  EXPECT_EQ(backoff.Next(kStart, 0), base::Duration::zero());
  EXPECT_EQ(backoff.Next(kStart, 0.5), milliseconds(200));
}

TEST(Backoff, JitterLeavesHalfOfTheCap) {
  Backoff backoff({}, kStart - seconds(60));
  for (int i = 0; i < 6; ++i) backoff.Next(kStart, 0);
  EXPECT_EQ(backoff.Next(kStart, 0), seconds(6));
  EXPECT_EQ(backoff.Next(kStart, 0.5), seconds(9));
}

TEST(Backoff, BeginsAnewOnlyAfterHealth) {
  Backoff backoff({}, kStart - seconds(60));
  for (int i = 0; i < 5; ++i) backoff.Next(kStart, 0);
  backoff.OnLost(kStart + milliseconds(19'999), kStart);
  EXPECT_EQ(Limit(backoff, kStart + seconds(40)), milliseconds(6400));
  backoff.OnLost(kStart + seconds(70), kStart + seconds(50));
  EXPECT_EQ(Limit(backoff, kStart + seconds(90)), milliseconds(200));
}

TEST(Backoff, StaysPromptInTheFirstSecondOfAnOutage) {
  Backoff backoff({}, kStart - seconds(60));
  for (int i = 0; i < 9; ++i) backoff.Next(kStart, 0);
  const base::Time lost = kStart + seconds(5);
  backoff.OnLost(lost, kStart);  // not healthy yet, but a link
  EXPECT_EQ(backoff.Next(lost, 0), base::Duration::zero());
  EXPECT_EQ(Limit(backoff, lost + milliseconds(999)), milliseconds(800));
  EXPECT_EQ(Limit(backoff, lost + milliseconds(1000)), seconds(12));
}

TEST(Backoff, LinksThatDieAtOnceBeginNoOutage) {
  Backoff backoff({}, kStart - seconds(60));
  for (int i = 0; i < 9; ++i) backoff.Next(kStart, 0);
  backoff.OnLost(kStart + milliseconds(999), kStart);
  EXPECT_EQ(Limit(backoff, kStart + seconds(1)), seconds(12));
}

TEST(Backoff, LinksThatDieYoungBeginFewOutages) {
  Backoff backoff({}, kStart - seconds(60));
  for (int i = 0; i < 9; ++i) backoff.Next(kStart, 0);
  base::Time now = kStart;
  const auto lose = [&](base::Duration lived) {
    now += lived;
    backoff.OnLost(now, now - lived);
    return Limit(backoff, now);
  };
  for (int i = 0; i < 5; ++i) EXPECT_EQ(lose(seconds(1)), milliseconds(800));
  EXPECT_EQ(lose(seconds(1)), seconds(12));
  EXPECT_EQ(lose(seconds(20)), milliseconds(200)) << "a healthy one earns it again";
  for (int i = 0; i < 5; ++i) EXPECT_LE(lose(seconds(1)), milliseconds(800));
}

// The other promise: whatever links do, after the first minute of it no minute sees more than ten
// attempts.
TEST(Backoff, AsksNoMoreThanTenTimesAMinuteForLong) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> random(0, 1);
  for (const auto lived : {milliseconds(0), milliseconds(10), milliseconds(1000),
                           milliseconds(1500), milliseconds(7000), milliseconds(19'000)}) {
    Backoff backoff({}, kStart);
    std::vector<base::Time> attempts;
    for (base::Time now = kStart; now < kStart + std::chrono::minutes(60);) {
      attempts.push_back(now);
      const base::Time up_since = now;
      now += lived;
      if (lived > milliseconds(0)) backoff.OnLost(now, up_since);
      now += backoff.Next(now, random(generator));
    }
    const auto late = std::lower_bound(attempts.begin(), attempts.end(), kStart + seconds(60));
    for (auto at = late; at + 10 < attempts.end(); ++at)
      EXPECT_GE(at[10] - at[0], seconds(60)) << lived.count() << " ms";
  }
}

// The promise itself, over random histories: after an outage below a second the next attempt is
// due within a second of its end.
// One of five behind a balancer that draws lots: a healthy link was lost, the other four are up.
TEST(Backoff, FindsAServerAmongOthersWithinHalfAMinute) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> uniform;
  int late = 0;
  for (int run = 0; run < 1000; ++run) {
    Backoff backoff({}, kStart - seconds(60));
    for (int i = 0; i < 9; ++i) backoff.NextElsewhere(kStart - seconds(60), 0);
    backoff.OnLost(kStart, kStart - seconds(50));
    base::Time now = kStart;
    do {
      now += backoff.NextElsewhere(now, uniform(random));
    } while (uniform(random) > 0.2);
    late += now - kStart > seconds(30);
  }
  EXPECT_LT(late, 10);
}

TEST(Backoff, DoesNotSearchForLong) {
  Backoff backoff({}, kStart);
  backoff.NextElsewhere(kStart, 0);
  const base::Time later = kStart + seconds(40);
  for (int i = 0; i < 9; ++i) backoff.NextElsewhere(later, 0);
  EXPECT_EQ(backoff.NextElsewhere(later, 0), seconds(6));
  for (int i = 0; i < 5; ++i) {
    const base::Time lost = later + i * seconds(60);
    backoff.OnLost(lost, lost - seconds(19));
    backoff.OnLost(lost, lost - seconds(19));  // another link, in the same outage
    EXPECT_EQ(backoff.NextElsewhere(lost + seconds(2), 0), milliseconds(500)) << "another outage";
  }
  const base::Time last = later + seconds(300);
  backoff.OnLost(last, last - seconds(19));
  EXPECT_EQ(backoff.NextElsewhere(last, 0), seconds(6)) << "too many were young";
}

// Links that die young use the searches up; the others being well again is a reason for one more.
TEST(Backoff, SearchesOnceMoreWhenALinkElsewhereLasts) {
  Backoff backoff({}, kStart);
  backoff.NextElsewhere(kStart, 0);
  EXPECT_FALSE(backoff.OnUpElsewhere(kStart + seconds(30), kStart + seconds(10))) << "it searches";
  base::Time now = kStart + seconds(100);
  for (int i = 0; i < 9; ++i) backoff.NextElsewhere(now, 0);
  ASSERT_EQ(backoff.NextElsewhere(now, 0), seconds(6));
  EXPECT_FALSE(backoff.OnUpElsewhere(now, kStart - seconds(1))) << "it was up before the search";
  EXPECT_FALSE(backoff.OnUpElsewhere(now, now - seconds(7))) << "it is young";
  EXPECT_TRUE(backoff.OnUpElsewhere(now, now - seconds(8)));
  EXPECT_EQ(backoff.NextElsewhere(now, 0), milliseconds(500));
  now += std::chrono::minutes(10) - seconds(1);
  EXPECT_FALSE(backoff.OnUpElsewhere(now, now - seconds(8))) << "another one within ten minutes";
  now += seconds(1);
  EXPECT_TRUE(backoff.OnUpElsewhere(now, now - seconds(8)));
}

TEST(Backoff, FindsAServerThatIsBackWithinASecond) {
  std::mt19937 generator(1);
  std::uniform_real_distribution<double> random(0, 1);
  for (int round = 0; round < 1000; ++round) {
    base::Time now = kStart;
    Backoff backoff({}, now - seconds(60));
    for (int failures = round % 10; failures > 0; --failures) backoff.Next(now, random(generator));
    const base::Time lost = now + seconds(2 + round % 60);
    backoff.OnLost(lost, now);
    const base::Time back = lost + milliseconds(round % 1000);
    for (now = lost; now < back;)
      now += std::max<base::Duration>(backoff.Next(now, random(generator)), milliseconds(1));
    EXPECT_LT(now - back, seconds(1));
  }
}

}  // namespace
}  // namespace hawser::tunnel
