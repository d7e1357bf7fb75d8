#include "cli/table.h"

#include <gtest/gtest.h>

namespace hawser::cli {
namespace {

using std::chrono::hours;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

TEST(TableTest, PadsToTheWidestCellSoFar) {
  Table table({"NAME", "N"});
  table.AddRow({"a", "1"});
  EXPECT_EQ(table.Take(), "NAME   N\na      1\n");
  table.AddRow({"longer", "2"});
  EXPECT_EQ(table.Take(), "longer   2\n");
  EXPECT_EQ(table.Take(), "");
}

TEST(TableTest, AgesHaveOneOrTwoUnits) {
  EXPECT_EQ(AgeText(seconds(-5)), "0s");
  EXPECT_EQ(AgeText(seconds(59)), "59s");
  EXPECT_EQ(AgeText(seconds(60)), "1m");
  EXPECT_EQ(AgeText(minutes(5) + seconds(30)), "5m30s");
  EXPECT_EQ(AgeText(hours(3) + minutes(20) + seconds(10)), "3h20m");
  EXPECT_EQ(AgeText(hours(47)), "47h");
  EXPECT_EQ(AgeText(hours(48)), "2d");
}

TEST(TableTest, RoundTripsHaveThreeDigits) {
  EXPECT_EQ(RoundTripText(microseconds(123)), "0.12ms");
  EXPECT_EQ(RoundTripText(microseconds(12345)), "12.3ms");
  EXPECT_EQ(RoundTripText(milliseconds(1500)), "1.50s");
}

TEST(TableTest, TimesAreUtc) {
  EXPECT_EQ(TimeText(std::chrono::system_clock::from_time_t(0)), "1970-01-01T00:00:00Z");
}

}  // namespace
}  // namespace hawser::cli
