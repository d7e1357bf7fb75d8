#include "lib/tunnel/hold_ups.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "lib/tunnel/memory.h"

namespace hawser::tunnel {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class HoldUpsTest : public ::testing::Test {
 protected:
  base::Duration Patience(const HoldUps::Owner& owner, base::Time opened) const {
    return hold_ups_.Patience(owner, opened, seconds(5), now_);
  }
  void Note(int times) {
    for (; times > 0; --times) hold_ups_.Note(owner_, now_ += seconds(1));
  }

  HoldUps hold_ups_;
  const HoldUps::Owner owner_ = std::make_shared<MemoryBudget>(1000);
  base::Time now_ = base::Time() + seconds(5);
};

TEST_F(HoldUpsTest, OnceMayBeAnybody) {
  EXPECT_EQ(Patience(owner_, now_), seconds(5));
  Note(1);
  EXPECT_EQ(Patience(owner_, now_ + seconds(1)), seconds(5));
}

TEST_F(HoldUpsTest, WhatIsOpenedAfterTheFirstOfTwoHasLessPatience) {
  Note(2);
  EXPECT_EQ(Patience(owner_, now_ - seconds(1)), seconds(5)) << "it was there before";
  EXPECT_EQ(Patience(owner_, now_ + seconds(1)), seconds(1));
  EXPECT_EQ(Patience(std::make_shared<MemoryBudget>(1000), now_ + seconds(1)), seconds(5));
  EXPECT_EQ(Patience(nullptr, now_ + seconds(1)), seconds(5));
  now_ += seconds(61);
  EXPECT_EQ(Patience(owner_, now_), seconds(5)) << "long ago";
}

TEST_F(HoldUpsTest, WhoWentTogetherCountOnce) {
  for (int i = 0; i < 8; ++i) hold_ups_.Note(owner_, now_);
  EXPECT_EQ(Patience(owner_, now_ + seconds(1)), seconds(5));
}

TEST_F(HoldUpsTest, AfterFourAllHaveLessPatience) {
  Note(4);
  EXPECT_EQ(Patience(owner_, now_ - seconds(30)), seconds(1));
}

TEST_F(HoldUpsTest, AfterSixWhatIsOpenedThenHasNextToNone) {
  Note(6);
  EXPECT_EQ(Patience(owner_, now_ - seconds(30)), seconds(1));
  EXPECT_EQ(Patience(owner_, now_ + seconds(1)), milliseconds(100));
  EXPECT_TRUE(hold_ups_.OneAtATime(owner_, now_ + seconds(1), now_));
  EXPECT_FALSE(hold_ups_.OneAtATime(owner_, now_ - seconds(30), now_));
  EXPECT_FALSE(hold_ups_.OneAtATime(nullptr, now_ + seconds(1), now_));
  now_ += seconds(59);
  EXPECT_EQ(Patience(owner_, now_), seconds(5)) << "fewer within a minute";
  EXPECT_FALSE(hold_ups_.OneAtATime(owner_, now_, now_));
}

}  // namespace
}  // namespace hawser::tunnel
