#include "spoke/client_shares.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace hawser::spoke {
namespace {

using tunnel::MemoryBudget;
using tunnel::MemoryCharge;

constexpr uint64_t kAnn = 1, kBob = 2, kNobody = 0;
const std::string kNoDescriptors =
    "this client holds as many of the agent's descriptors as it may (ulimit -n)";
const std::string kMemoryOfAll =
    "the agent's memory for queued bytes is short (--max-buffered-bytes)";

class ClientSharesTest : public ::testing::Test {
 protected:
  // Keeps the place; "" or why there is none.
  std::string Take(uint64_t client) {
    auto taken = shares_.Take(client);
    if (const auto* failure = std::get_if<tunnel::Failure>(&taken)) {
      EXPECT_EQ(failure->reason, tunnel::Reason::kOverloaded);
      EXPECT_EQ(failure->hop, tunnel::Hop::kAgent);
      return failure->text;
    }
    places_.push_back(std::get<ClientShares::Place>(std::move(taken)));
    return "";
  }

  const std::shared_ptr<MemoryBudget> memory_ = std::make_shared<MemoryBudget>(1000);
  ClientShares shares_{memory_, 136};  // half of which are for other things
  std::vector<ClientShares::Place> places_;
};

TEST_F(ClientSharesTest, AClientHasThreeFifthsOfTheDescriptors) {
  ASSERT_EQ(shares_.descriptor_share(), 39u);
  EXPECT_EQ(ClientShares(memory_, 1128).descriptor_share(), 600u);
  for (int i = 0; i < 9; ++i) ASSERT_EQ(Take(kAnn), "") << "four each";
  EXPECT_EQ(Take(kAnn), kNoDescriptors);
  EXPECT_EQ(shares_.refused_for_share(), 1u);
  EXPECT_EQ(Take(kBob), "");
  EXPECT_EQ(shares_.descriptors(), 40u);
  for (auto& place : places_) place.Opened();
  EXPECT_EQ(shares_.descriptors(), 10u);
  EXPECT_EQ(Take(kAnn), "") << "an open one has one";
  places_.clear();
  EXPECT_EQ(shares_.descriptors(), 0u);
}

TEST_F(ClientSharesTest, SomeDescriptorsAreKeptForNewcomers) {
  for (int i = 0; i < 9; ++i) ASSERT_EQ(Take(kAnn), "");
  int bobs = 0;
  while (Take(kBob).empty()) ++bobs;
  EXPECT_EQ(bobs, 6) << "60 of 68 are taken: an eighth is kept";
  EXPECT_EQ(Take(kBob), "the agent's descriptors are in use (ulimit -n)");
  EXPECT_EQ(shares_.refused_for_total(), 2u);
  EXPECT_EQ(Take(3), "");
  EXPECT_EQ(shares_.descriptors(), 64u);
}

TEST_F(ClientSharesTest, AClientHasThreeFifthsOfTheMemory) {
  ASSERT_EQ(Take(kAnn), "");
  ASSERT_EQ(Take(kAnn), "");
  EXPECT_EQ(places_[0].memory(), places_[1].memory()) << "all its tunnels together";
  MemoryCharge charge(places_[0].memory());
  charge.Set(750);  // a quarter more than its share
  EXPECT_EQ(memory_->used(), 750u);
  EXPECT_EQ(Take(kAnn),
            "too many bytes are queued at the agent for connections of this client "
            "(--max-buffered-bytes)");
  EXPECT_EQ(memory_->tally(MemoryBudget::Scope::kShare).refused_dials, 1u);
  EXPECT_EQ(Take(kBob), "");
}

TEST_F(ClientSharesTest, TheTotalIsEverybodys) {
  MemoryCharge charge(memory_);
  charge.Set(910);
  EXPECT_EQ(Take(kBob), kMemoryOfAll);
  EXPECT_EQ(Take(kNobody), kMemoryOfAll);
  EXPECT_EQ(memory_->tally(MemoryBudget::Scope::kTotal).refused_dials, 2u);
}

TEST_F(ClientSharesTest, WhoIsNotNamedHasNoShare) {
  for (int i = 0; i < 60; ++i) EXPECT_EQ(Take(kNobody), "");
  EXPECT_EQ(places_[0].memory(), memory_);
  EXPECT_EQ(shares_.descriptors(), 0u);
}

}  // namespace
}  // namespace hawser::spoke
