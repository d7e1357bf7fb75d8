#include "lib/net/write_pace.h"

#include <gtest/gtest.h>

namespace hawser::net {
namespace {

constexpr uint64_t kMegabit = 1'000'000 / 8;

TEST(WritePace, KeepsTwoMillisecondsOfTheRate) {
  WritePace pace;
  EXPECT_TRUE(pace.OnRate(200 * kMegabit));
  EXPECT_EQ(pace.low_water(), 50'000u);
  EXPECT_EQ(pace.batch(), 25'000u);
}

TEST(WritePace, HasBounds) {
  WritePace pace;
  EXPECT_TRUE(pace.OnRate(1 * kMegabit));
  EXPECT_EQ(pace.low_water(), WritePace::kLeast);
  EXPECT_FALSE(pace.OnRate(0));
  EXPECT_TRUE(pace.OnRate(100'000 * kMegabit));
  EXPECT_EQ(pace.low_water(), WritePace::kMost);
  EXPECT_FALSE(pace.OnRate(UINT64_MAX));
}

TEST(WritePace, SmallChangesAreNone) {
  WritePace pace;
  pace.OnRate(400 * kMegabit);
  EXPECT_FALSE(pace.OnRate(450 * kMegabit));
  EXPECT_FALSE(pace.OnRate(350 * kMegabit));
  EXPECT_EQ(pace.low_water(), 100'000u);
  EXPECT_TRUE(pace.OnRate(800 * kMegabit));
}

}  // namespace
}  // namespace hawser::net
