#include "lib/base/keyed_log_limit.h"

#include <gtest/gtest.h>

namespace hawser::base {
namespace {

using std::chrono::seconds;

KeyedLogLimit::Options Small() {
  return {.each = {.burst = 2, .interval = seconds(1)},
          .all = {.burst = 5, .interval = seconds(1)},
          .max_keys = 3};
}

TEST(KeyedLogLimit, OneWhoMakesManyLinesLeavesRoomForOthers) {
  KeyedLogLimit limit(Small());
  const Time now{seconds(1000)};
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(limit.Admit(now, "paris"));
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limit.Admit(now, "paris"));
  EXPECT_TRUE(limit.Admit(now, "tokyo"));
  const auto later = limit.Admit(now + seconds(1), "paris");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->left_out, 1000);
  EXPECT_FALSE(limit.Admit(now + seconds(1), "paris"));
}

TEST(KeyedLogLimit, AllTogetherAreBounded) {
  KeyedLogLimit limit(Small());
  const Time now{seconds(1000)};
  int lines = 0;
  // More than are told apart.
  for (int i = 0; i < 1000; ++i) lines += limit.Admit(now, std::to_string(i)).has_value();
  EXPECT_EQ(lines, 5);
  const auto later = limit.Admit(now + seconds(1), "late");
  ASSERT_TRUE(later);
  EXPECT_EQ(later->left_out, 995);
}

}  // namespace
}  // namespace hawser::base
