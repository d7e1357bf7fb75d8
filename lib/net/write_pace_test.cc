#include "lib/net/write_pace.h"

#include <gtest/gtest.h>

namespace hawser::net {
namespace {

constexpr uint64_t kMegabit = 1'000'000 / 8;

TEST(WritePace, KeepsFiveMillisecondsOfTheRate) {
  WritePace pace;
  EXPECT_TRUE(pace.OnRate(200 * kMegabit, false));
  EXPECT_EQ(pace.low_water(), 125'000u);
  EXPECT_EQ(pace.batch(), 62'500u);
}

// It would keep less and less waiting, and run dry ever more often.
TEST(WritePace, ALinkThatRanDryTakesAtLeastThatMuch) {
  WritePace pace;
  pace.OnRate(200 * kMegabit, false);
  EXPECT_FALSE(pace.OnRate(100 * kMegabit, true));
  EXPECT_TRUE(pace.OnRate(400 * kMegabit, true));
  EXPECT_EQ(pace.low_water(), 250'000u);
}

TEST(WritePace, HasBounds) {
  WritePace pace;
  EXPECT_TRUE(pace.OnRate(1 * kMegabit, false));
  EXPECT_EQ(pace.low_water(), WritePace::kLeast);
  EXPECT_FALSE(pace.OnRate(0, false));
  EXPECT_TRUE(pace.OnRate(100'000 * kMegabit, false));
  EXPECT_EQ(pace.low_water(), WritePace::kMost);
  EXPECT_FALSE(pace.OnRate(UINT64_MAX, false));
}

TEST(WritePace, SmallChangesAreNone) {
  WritePace pace;
  pace.OnRate(160 * kMegabit, false);
  EXPECT_FALSE(pace.OnRate(180 * kMegabit, false));
  EXPECT_FALSE(pace.OnRate(140 * kMegabit, false));
  EXPECT_EQ(pace.low_water(), 100'000u);
  EXPECT_TRUE(pace.OnRate(320 * kMegabit, false));
}

}  // namespace
}  // namespace hawser::net
