#include "hub/memory_shares.h"

#include <gtest/gtest.h>

namespace hawser::hub {
namespace {

TEST(MemoryShares, AreAQuarterOfTheTotalAtMost) {
  EXPECT_EQ(MemoryShares({.total = 1000, .per_identity = 100}).share(), 100u);
  EXPECT_EQ(MemoryShares({.total = 1000, .per_identity = 900}).share(), 250u);
}

TEST(MemoryShares, ConnectionsOfAnIdentityHaveOneTogether) {
  MemoryShares shares({.total = 1000, .per_identity = 100});
  const auto ann = shares.Of("ann"), again = shares.Of("ann"), bob = shares.Of("bob");
  EXPECT_EQ(ann, again);
  EXPECT_NE(ann, bob);
  tunnel::MemoryCharge charge(ann);
  charge.Set(70);
  EXPECT_EQ(bob->used(), 0u);
  EXPECT_EQ(shares.total()->used(), 70u);
}

TEST(MemoryShares, MayChangeWhileTheyAreUsed) {
  MemoryShares shares({.total = 1000, .per_identity = 100});
  const auto ann = shares.Of("ann");
  shares.Set({.total = 2000, .per_identity = 200});
  EXPECT_EQ(ann->cap(), 200u);
  EXPECT_EQ(shares.Of("bob")->cap(), 200u);
  EXPECT_EQ(shares.total()->cap(), 2000u);
}

TEST(MemoryShares, TheMachinesOwnHaveAQuarter) {
  MemoryShares shares({.total = 1000, .per_identity = 100});
  const auto local = shares.Of("uid 0", MemoryShares::Whose::kLocal);
  EXPECT_EQ(local->cap(), 250u);
  shares.Set({.total = 2000, .per_identity = 200});
  EXPECT_EQ(local->cap(), 500u);
}

TEST(MemoryShares, AreForgottenWithTheirIdentities) {
  MemoryShares shares({.total = 1000, .per_identity = 100});
  const auto kept = shares.Of("kept");
  for (int i = 0; i < 1000; ++i) shares.Of("passer-by " + std::to_string(i));
  EXPECT_EQ(shares.Of("kept"), kept);
}

}  // namespace
}  // namespace hawser::hub
