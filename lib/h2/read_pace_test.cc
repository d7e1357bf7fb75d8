#include "lib/h2/read_pace.h"

#include <gtest/gtest.h>

namespace hawser::h2 {
namespace {

constexpr base::Duration kLong = ReadPace::kTurn;
constexpr base::Duration kShort = ReadPace::kTurn / 10;

TEST(ReadPace, ReadsLessOfWhatTakesLong) {
  ReadPace pace;
  const size_t before = pace.batch();
  pace.OnBatch(before, kLong);
  EXPECT_EQ(pace.batch(), before / 2);
  for (int n = 0; n < 20; ++n) pace.OnBatch(pace.batch(), kLong);
  EXPECT_EQ(pace.batch(), ReadPace::kLeast);
}

TEST(ReadPace, ReadsMoreOfWhatIsQuick) {
  ReadPace pace;
  const size_t before = pace.batch();
  pace.OnBatch(before, kShort);
  EXPECT_EQ(pace.batch(), before * 2);
  for (int n = 0; n < 20; ++n) pace.OnBatch(pace.batch(), kShort);
  EXPECT_EQ(pace.batch(), ReadPace::kMost);
}

// That few bytes were quick says nothing of many.
TEST(ReadPace, ShortReadsChangeNothing) {
  ReadPace pace;
  const size_t before = pace.batch();
  pace.OnBatch(before - 1, kShort);
  EXPECT_EQ(pace.batch(), before);
}

}  // namespace
}  // namespace hawser::h2
