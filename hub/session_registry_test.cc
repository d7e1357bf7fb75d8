#include "hub/session_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "hub/shard.h"

namespace hawser::hub {
namespace {

using ::testing::HasSubstr;
using tunnel::Failure;
using tunnel::Reason;

class SessionRegistryTest : public ::testing::Test {
 protected:
  std::variant<DialLease, Failure> Reserve(const std::string& client) {
    const auto destination = std::get<tunnel::Destination>(registry_.Resolve("web.paris"));
    return registry_.Reserve(destination, client, std::nullopt);
  }
  // Reserves places for `client` until it is refused.
  std::vector<DialLease> TakeAll(const std::string& client) {
    std::vector<DialLease> leases;
    for (;;) {
      auto reserved = Reserve(client);
      if (std::holds_alternative<Failure>(reserved)) return leases;
      leases.push_back(std::get<DialLease>(std::move(reserved)));
    }
  }

  Shard shard_;
  SessionRegistry registry_{
      {tunnel::Strategy::kDefault}, {}, {.pending_dials = 100, .sessions_per_cluster = 2}};
};

TEST_F(SessionRegistryTest, AClientHasAQuarterOfTheDialsOfASession) {
  const auto session = registry_.Add(shard_, {.cluster = "paris"});
  std::vector<DialLease> greedy = TakeAll("ann");
  EXPECT_EQ(greedy.size(), 25u);
  const auto refused = Reserve("ann");
  ASSERT_TRUE(std::holds_alternative<Failure>(refused));
  EXPECT_EQ(std::get<Failure>(refused).reason, Reason::kOverloaded);
  EXPECT_THAT(std::get<Failure>(refused).text, HasSubstr("too many dials of this client"));
  EXPECT_TRUE(std::holds_alternative<DialLease>(Reserve("bob")));
  EXPECT_EQ(registry_.refused_dials(LimitKind::kIdentity), 2u);
  EXPECT_EQ(registry_.refused_dials(LimitKind::kTotal), 0u);

  greedy.pop_back();
  EXPECT_TRUE(std::holds_alternative<DialLease>(Reserve("ann")));
  registry_.Remove(session);
  greedy.clear();
  EXPECT_EQ(registry_.pending_dials(), 0u);
}

TEST_F(SessionRegistryTest, AllClientsTogetherHaveTheDialsOfASession) {
  registry_.Add(shard_, {.cluster = "paris"});
  std::vector<std::vector<DialLease>> leases;
  for (const char* client : {"ann", "bob", "cid", "dan"}) leases.push_back(TakeAll(client));
  const auto refused = Reserve("eve");
  ASSERT_TRUE(std::holds_alternative<Failure>(refused));
  EXPECT_THAT(std::get<Failure>(refused).text, HasSubstr("too many dials are pending"));
  EXPECT_EQ(registry_.refused_dials(LimitKind::kTotal), 2u) << "the last of dan, and eve";
}

TEST(SessionRegistry, SmallLimitsLeaveAClientEnough) {
  EXPECT_EQ(SessionRegistry::ClientShare(1000), 250u);
  EXPECT_EQ(SessionRegistry::ClientShare(20), 16u);
  EXPECT_EQ(SessionRegistry::ClientShare(1), 1u);
}

TEST_F(SessionRegistryTest, AClusterHasSoManySessions) {
  const AgentIdentity paris{.cluster = "paris"};
  const AgentIdentity asserted{.identifiers = {.hosts = {"rome"}}};
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(registry_.HasRoomFor(paris));
    registry_.Add(shard_, paris);
    registry_.Add(shard_, asserted);
  }
  EXPECT_FALSE(registry_.HasRoomFor(paris));
  EXPECT_TRUE(registry_.HasRoomFor({.cluster = "tokyo"}));
  EXPECT_TRUE(registry_.HasRoomFor(asserted)) << "one word of its own is as good as another";
  EXPECT_EQ(registry_.refused_sessions(), 1u);
}

}  // namespace
}  // namespace hawser::hub
