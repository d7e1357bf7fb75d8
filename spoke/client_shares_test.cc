#include "spoke/client_shares.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace hawser::spoke {
namespace {

using tunnel::MemoryBudget;
using tunnel::MemoryCharge;

constexpr uint64_t kAnn = 1, kBob = 2, kNobody = 0;

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
  ClientShares shares_{memory_, 6};
  std::vector<ClientShares::Place> places_;
};

TEST_F(ClientSharesTest, AClientHasHalfOfTheTunnels) {
  for (int i = 0; i < 3; ++i) EXPECT_EQ(Take(kAnn), "");
  EXPECT_EQ(Take(kAnn), "this client has too many connections through the agent");
  EXPECT_EQ(shares_.refused(), 1u);
  EXPECT_EQ(Take(kBob), "");
  places_.clear();
  EXPECT_EQ(Take(kAnn), "") << "given back";
}

TEST_F(ClientSharesTest, AClientHasHalfOfTheMemory) {
  ASSERT_EQ(Take(kAnn), "");
  ASSERT_EQ(Take(kAnn), "");
  EXPECT_EQ(places_[0].memory(), places_[1].memory()) << "all its tunnels together";
  MemoryCharge charge(places_[0].memory());
  charge.Set(460);
  EXPECT_EQ(memory_->used(), 460u);
  EXPECT_EQ(Take(kAnn), "connections of this client hold too much memory");
  EXPECT_EQ(memory_->tally(MemoryBudget::Scope::kShare).refused_dials, 1u);
  EXPECT_EQ(Take(kBob), "");
}

TEST_F(ClientSharesTest, TheTotalIsEverybodys) {
  MemoryCharge charge(memory_);
  charge.Set(910);
  EXPECT_EQ(Take(kBob), "memory for queued bytes is short");
  EXPECT_EQ(Take(kNobody), "memory for queued bytes is short");
  EXPECT_EQ(memory_->tally(MemoryBudget::Scope::kTotal).refused_dials, 2u);
}

TEST_F(ClientSharesTest, WhoIsNotNamedHasNoShare) {
  for (int i = 0; i < 10; ++i) EXPECT_EQ(Take(kNobody), "");
  EXPECT_EQ(places_[0].memory(), memory_);
}

}  // namespace
}  // namespace hawser::spoke
