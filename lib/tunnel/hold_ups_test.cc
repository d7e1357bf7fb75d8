#include "lib/tunnel/hold_ups.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

#include "lib/tunnel/memory.h"

namespace hawser::tunnel {
namespace {

using std::chrono::seconds;

class HoldUpsTest : public ::testing::Test {
 protected:
  base::Duration Patience(const HoldUps::Owner& owner, base::Time opened) const {
    return hold_ups_.Patience(owner, opened, seconds(5), now_);
  }
  void Note(int times) {
    for (; times > 0; --times) hold_ups_.Note(owner_, "slow:1", now_ += seconds(1));
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

TEST_F(HoldUpsTest, WhatIsOpenedAfterTheSecondHasLessPatience) {
  Note(2);
  EXPECT_EQ(Patience(owner_, now_), seconds(5)) << "it was there before";
  EXPECT_EQ(Patience(owner_, now_ + seconds(1)), seconds(1));
  EXPECT_EQ(Patience(std::make_shared<MemoryBudget>(1000), now_ + seconds(1)), seconds(5));
  now_ += seconds(61);
  EXPECT_EQ(Patience(owner_, now_), seconds(5)) << "long ago";
}

TEST_F(HoldUpsTest, WhoWentTogetherCountOnce) {
  for (int i = 0; i < 8; ++i) hold_ups_.Note(owner_, "slow:" + std::to_string(i), now_);
  EXPECT_EQ(Patience(owner_, now_ + seconds(1)), seconds(5));
  Note(5);
  EXPECT_TRUE(hold_ups_.Pauses(owner_, "slow:7", now_));
}

TEST_F(HoldUpsTest, AfterFourAllHaveLessPatience) {
  Note(4);
  EXPECT_EQ(Patience(owner_, now_ - seconds(30)), seconds(1));
  EXPECT_FALSE(hold_ups_.Pauses(owner_, "slow:1", now_));
}

TEST_F(HoldUpsTest, AfterSixThereIsAPause) {
  Note(6);
  EXPECT_TRUE(hold_ups_.Pauses(owner_, "slow:1", now_));
  EXPECT_FALSE(hold_ups_.Pauses(owner_, "web:1", now_)) << "somebody else's, perhaps";
  EXPECT_FALSE(hold_ups_.Pauses(nullptr, "slow:1", now_));
  now_ += seconds(10);
  EXPECT_FALSE(hold_ups_.Pauses(owner_, "slow:1", now_));
  Note(1);
  EXPECT_TRUE(hold_ups_.Pauses(owner_, "slow:1", now_)) << "another six within a minute";
  now_ += seconds(58);
  Note(1);
  EXPECT_FALSE(hold_ups_.Pauses(owner_, "slow:1", now_));
}

}  // namespace
}  // namespace hawser::tunnel
