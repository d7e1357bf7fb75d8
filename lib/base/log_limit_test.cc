#include "lib/base/log_limit.h"

#include <gtest/gtest.h>

#include <sstream>

namespace hawser::base {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

std::string Text(const LogLimit::Admitted& admitted) {
  std::ostringstream out;
  out << admitted;
  return out.str();
}

TEST(LogLimit, LetsABurstThroughAndThenOneLinePerInterval) {
  LogLimit limit({.burst = 3, .interval = seconds(1)});
  Time now{std::chrono::hours(1)};
  for (int i = 0; i < 3; ++i) {
    const auto admitted = limit.Admit(now);
    ASSERT_TRUE(admitted) << i;
    EXPECT_EQ(Text(*admitted), "");
  }
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(limit.Admit(now));
  EXPECT_FALSE(limit.Admit(now + milliseconds(999)));
  now += seconds(1);
  const auto admitted = limit.Admit(now);
  ASSERT_TRUE(admitted);
  EXPECT_EQ(Text(*admitted), " (6 lines like this were left out)");
  EXPECT_FALSE(limit.Admit(now)) << "one per interval";
  now += seconds(1);
  ASSERT_TRUE(limit.Admit(now));
}

TEST(LogLimit, QuietTimeBringsTheBurstBack) {
  LogLimit limit({.burst = 3, .interval = seconds(1)});
  Time now{std::chrono::hours(1)};
  while (limit.Admit(now)) {
  }
  now += std::chrono::hours(1);
  int lines = 0;
  while (limit.Admit(now)) ++lines;
  EXPECT_EQ(lines, 3);
}

TEST(LogLimit, ADayOfFloodStaysSmall) {
  LogLimit limit;
  Time now{std::chrono::hours(1)};
  uint64_t written = 0, left_out = 0;
  for (int tenth = 0; tenth < 864'000; ++tenth) {
    for (int i = 0; i < 3; ++i) {
      const auto admitted = limit.Admit(now);
      written += admitted.has_value();
      if (admitted) left_out += admitted->left_out;
    }
    now += milliseconds(100);
  }
  EXPECT_NEAR(written, 86'400 + 100, 2);
  EXPECT_NEAR(written + left_out, 3 * 864'000, 100) << "every line is written or counted";
}

TEST(LogLimit, ClocksOfSeveralLoopsMayDisagree) {
  LogLimit limit({.burst = 1, .interval = seconds(1)});
  const Time now{std::chrono::hours(1)};
  EXPECT_TRUE(limit.Admit(now));
  EXPECT_FALSE(limit.Admit(now - seconds(5)));
  EXPECT_TRUE(limit.Admit(now + seconds(1)));
}

}  // namespace
}  // namespace hawser::base
