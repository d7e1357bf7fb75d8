#include "lib/tunnel/memory.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace hawser::tunnel {
namespace {

using Pressure = MemoryBudget::Pressure;

TEST(MemoryBudget, PressureRisesWithUse) {
  const auto budget = std::make_shared<MemoryBudget>(1000);
  MemoryCharge charge(budget);
  const std::vector<std::pair<uint64_t, Pressure>> levels = {
      {0, Pressure::kNone},     {500, Pressure::kNone},   {501, Pressure::kStopGrowing},
      {751, Pressure::kShrink}, {901, Pressure::kRefuse}, {1000, Pressure::kFull},
      {5000, Pressure::kFull},  {10, Pressure::kNone}};
  for (const auto& [bytes, pressure] : levels) {
    charge.Set(bytes);
    EXPECT_EQ(budget->used(), bytes);
    EXPECT_EQ(budget->pressure(), pressure) << bytes;
  }
}

TEST(MemoryBudget, ItsCapMayChange) {
  const auto budget = std::make_shared<MemoryBudget>(1000);
  MemoryCharge charge(budget);
  charge.Set(800);
  budget->SetCap(800);
  EXPECT_EQ(budget->pressure(), Pressure::kFull);
  budget->SetCap(1'000'000);
  EXPECT_EQ(budget->pressure(), Pressure::kNone);
}

TEST(MemoryBudget, HalfOfItIsToSpare) {
  const auto budget = std::make_shared<MemoryBudget>(1000);
  MemoryCharge charge(budget);
  EXPECT_EQ(budget->Spare(), 500u);
  charge.Set(499);
  EXPECT_EQ(budget->Spare(), 1u);
  charge.Set(2000);
  EXPECT_EQ(budget->Spare(), 0u);
}

TEST(MemoryBudget, NobodyHasMoreToSpareThanThereIsInAll) {
  const auto total = std::make_shared<MemoryBudget>(1000);
  const MemoryBudget share(800, total);
  MemoryCharge others(total);
  EXPECT_EQ(share.Spare(), 400u);
  others.Set(300);
  EXPECT_EQ(share.Spare(), 200u);
}

TEST(MemoryBudget, ChargesAreGivenBack) {
  const auto first = std::make_shared<MemoryBudget>(1000);
  const auto second = std::make_shared<MemoryBudget>(1000);
  {
    MemoryCharge charge(first);
    charge.Set(300);
    charge.Attach(second);
    EXPECT_EQ(first->used(), 0u);
    EXPECT_EQ(second->used(), 300u);
  }
  EXPECT_EQ(second->used(), 0u);
}

TEST(MemoryBudget, WithoutABudgetNothingIsCounted) {
  MemoryCharge charge;
  charge.Set(1u << 30);
}

TEST(MemoryBudget, IsSharedByThreads) {
  const auto budget = std::make_shared<MemoryBudget>(1u << 30);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&budget] {
      MemoryCharge charge(budget);
      for (uint64_t i = 0; i < 10000; ++i) charge.Set(i * 7 % 1000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget->used(), 0u);
}

class SharedMemoryTest : public ::testing::Test {
 protected:
  static constexpr base::Time At(int round) {
    return base::Time(round * MemoryBudget::kStallRound + std::chrono::milliseconds(1));
  }

  std::shared_ptr<MemoryBudget> total_ = std::make_shared<MemoryBudget>(10'000);
  std::shared_ptr<MemoryBudget> ann_ = std::make_shared<MemoryBudget>(1000, total_);
  std::shared_ptr<MemoryBudget> bob_ = std::make_shared<MemoryBudget>(1000, total_);
  MemoryCharge ann_charge_{ann_};
  MemoryCharge bob_charge_{bob_};
};

TEST_F(SharedMemoryTest, WhatAShareIsChargedCountsInTheTotal) {
  ann_charge_.Set(300);
  bob_charge_.Set(200);
  EXPECT_EQ(ann_->used(), 300u);
  EXPECT_EQ(total_->used(), 500u);
  ann_charge_.Set(0);
  EXPECT_EQ(total_->used(), 200u);
}

TEST_F(SharedMemoryTest, TheGreedyOneFeelsIt) {
  ann_charge_.Set(950);
  EXPECT_EQ(ann_->pressure(), Pressure::kRefuse);
  EXPECT_EQ(bob_->pressure(), Pressure::kNone);
  EXPECT_EQ(ann_->RefusesDial(), MemoryBudget::Scope::kShare);
  EXPECT_EQ(bob_->RefusesDial(), std::nullopt);
  EXPECT_FALSE(bob_->ShedsStalled(100, At(1)));
  EXPECT_FALSE(bob_->ShedsStalled(100, At(2)));
  EXPECT_FALSE(ann_->ShedsGrowing());
  ann_charge_.Set(1300);
  EXPECT_TRUE(ann_->ShedsGrowing());
  EXPECT_FALSE(bob_->ShedsGrowing());
  EXPECT_EQ(total_->tally(MemoryBudget::Scope::kShare).refused_dials, 1u);
  EXPECT_EQ(total_->tally(MemoryBudget::Scope::kShare).reset_queues, 1u);
  EXPECT_EQ(total_->tally(MemoryBudget::Scope::kTotal).refused_dials, 0u);
}

TEST_F(SharedMemoryTest, AFullTotalRefusesAllAndShedsThoseWhoHaveMuch) {
  MemoryCharge others(total_);
  others.Set(13'000);
  bob_charge_.Set(10);
  ann_charge_.Set(600);
  EXPECT_EQ(ann_->pressure(), Pressure::kFull);
  EXPECT_EQ(bob_->RefusesDial(), MemoryBudget::Scope::kTotal);
  EXPECT_TRUE(ann_->ShedsGrowing());
  EXPECT_FALSE(bob_->ShedsGrowing());
}

TEST_F(SharedMemoryTest, WhatAShareIsPromisedTakesNothingFromAnother) {
  const int64_t first = ann_->Promisable(0);
  EXPECT_EQ(first, static_cast<int64_t>(ann_->cap() / 2));
  ann_->Promise(first);
  EXPECT_EQ(ann_->Promisable(0), 0);
  // However much was promised on the session that both use.
  EXPECT_EQ(bob_->Promisable(first), first);
  ann_->Promise(-first);
}

TEST(MemoryBudget, WithoutSharesOneOwnerLeavesAsMuchToOthers) {
  MemoryBudget budget(1000);
  EXPECT_EQ(budget.Promisable(0), 500);
  budget.Promise(200);
  EXPECT_EQ(budget.Promisable(200), 100);
  EXPECT_EQ(budget.Promisable(0), 300);
}

TEST_F(SharedMemoryTest, TheLargestStalledQueuesGoFirst) {
  ann_charge_.Set(1000);
  for (const uint64_t bytes : {100, 700, 200})
    EXPECT_FALSE(ann_->ShedsStalled(bytes, At(1))) << "the others are not known yet";
  EXPECT_FALSE(ann_->ShedsStalled(100, At(2)));
  EXPECT_TRUE(ann_->ShedsStalled(700, At(2)));
  ann_charge_.Set(300);
  EXPECT_FALSE(ann_->ShedsStalled(700, At(2))) << "enough";
  ann_charge_.Set(1000);
  EXPECT_FALSE(ann_->ShedsStalled(200, At(3))) << "a larger one was just there";
  EXPECT_FALSE(ann_->ShedsStalled(50, At(4)));
  EXPECT_TRUE(ann_->ShedsStalled(200, At(4)));
  EXPECT_FALSE(ann_->ShedsStalled(200, At(9))) << "nobody was asked for long";
}

}  // namespace
}  // namespace hawser::tunnel
