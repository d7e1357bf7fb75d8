#include "lib/tunnel/memory.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace hawser::tunnel {
namespace {

using Pressure = MemoryBudget::Pressure;

TEST(MemoryBudget, PressureRisesWithUse) {
  MemoryBudget budget(1000);
  MemoryCharge charge(&budget);
  const std::vector<std::pair<uint64_t, Pressure>> levels = {
      {0, Pressure::kNone},     {500, Pressure::kNone},   {501, Pressure::kStopGrowing},
      {751, Pressure::kShrink}, {901, Pressure::kRefuse}, {1000, Pressure::kFull},
      {5000, Pressure::kFull},  {10, Pressure::kNone}};
  for (const auto& [bytes, pressure] : levels) {
    charge.Set(bytes);
    EXPECT_EQ(budget.used(), bytes);
    EXPECT_EQ(budget.pressure(), pressure) << bytes;
  }
}

TEST(MemoryBudget, ItsCapMayChange) {
  MemoryBudget budget(1000);
  MemoryCharge charge(&budget);
  charge.Set(800);
  budget.SetCap(800);
  EXPECT_EQ(budget.pressure(), Pressure::kFull);
  budget.SetCap(1'000'000);
  EXPECT_EQ(budget.pressure(), Pressure::kNone);
}

TEST(MemoryBudget, ChargesAreGivenBack) {
  MemoryBudget first(1000), second(1000);
  {
    MemoryCharge charge(&first);
    charge.Set(300);
    charge.Attach(&second);
    EXPECT_EQ(first.used(), 0u);
    EXPECT_EQ(second.used(), 300u);
  }
  EXPECT_EQ(second.used(), 0u);
}

TEST(MemoryBudget, WithoutABudgetNothingIsCounted) {
  MemoryCharge charge;
  charge.Set(1u << 30);
}

TEST(MemoryBudget, IsSharedByThreads) {
  MemoryBudget budget(1u << 30);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&budget] {
      MemoryCharge charge(&budget);
      for (uint64_t i = 0; i < 10000; ++i) charge.Set(i * 7 % 1000);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace hawser::tunnel
