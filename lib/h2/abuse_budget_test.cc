#include "lib/h2/abuse_budget.h"

#include <gtest/gtest.h>

#include <chrono>

namespace hawser::h2 {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Charges until refused; returns how often it was granted.
int Spend(AbuseBudget& budget, base::Time now) {
  int granted = 0;
  while (budget.Charge(1, now)) ++granted;
  return granted;
}

TEST(AbuseBudgetTest, GrantsTheBurstAtOnceAndNoMore) {
  AbuseBudget budget({.burst = 10, .per_second = 1, .per_sent_data_frame = 0}, base::Time());
  EXPECT_EQ(Spend(budget, base::Time()), 10);
}

TEST(AbuseBudgetTest, SomeThingsCostMoreThanOthers) {
  AbuseBudget budget({.burst = 10, .per_second = 0, .per_sent_data_frame = 0}, base::Time());
  EXPECT_TRUE(budget.Charge(4, base::Time()));
  EXPECT_TRUE(budget.Charge(4, base::Time()));
  EXPECT_FALSE(budget.Charge(4, base::Time()));
  EXPECT_EQ(Spend(budget, base::Time()), 2);
}

TEST(AbuseBudgetTest, ComesBackWithTimeUpToTheBurst) {
  AbuseBudget budget({.burst = 10, .per_second = 2, .per_sent_data_frame = 0}, base::Time());
  Spend(budget, base::Time());
  EXPECT_EQ(Spend(budget, base::Time() + milliseconds(400)), 0);
  EXPECT_EQ(Spend(budget, base::Time() + milliseconds(1500)), 3);
  EXPECT_EQ(Spend(budget, base::Time() + seconds(1000)), 10);
}

TEST(AbuseBudgetTest, SentDataPaysForTheAnswersThatItCauses) {
  AbuseBudget budget({.burst = 10, .per_second = 0, .per_sent_data_frame = 3}, base::Time());
  Spend(budget, base::Time());
  budget.OnDataFrameSent();
  EXPECT_EQ(Spend(budget, base::Time()), 3);
  for (int i = 0; i < 100; ++i) budget.OnDataFrameSent();
  EXPECT_EQ(Spend(budget, base::Time()), 10) << "no hoard beyond the burst";
}

}  // namespace
}  // namespace hawser::h2
