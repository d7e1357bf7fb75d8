#include "hub/connection_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "lib/testing/status_matchers.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

constexpr ConnectionLimits::Options kRoomy{
    .per_address = 100, .per_identity = 100, .per_cluster = 100, .front_ends = 100};

TEST(ConnectionLimits, CountsPerAddressWhateverThePort) {
  ConnectionLimits::Options options = kRoomy;
  options.per_address = 2;
  ConnectionLimits limits(options);
  auto first = limits.Admit(Port::kAgents, "10.0.0.1:1000");
  auto second = limits.Admit(Port::kGrpc, "10.0.0.1:1001");
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(limits.Admit(Port::kGrpc, "10.0.0.1:1002"),
              StatusIs(StatusCode::kResourceExhausted,
                       HasSubstr("more than 2 connections from address 10.0.0.1")));
  EXPECT_EQ(limits.refused(Port::kGrpc), 1);
  EXPECT_THAT(limits.Admit(Port::kGrpc, "10.0.0.2:1002"), IsOk());
  EXPECT_THAT(limits.Admit(Port::kGrpc, ""), IsOk()) << "Unix sockets have no address";
  first = absl::CancelledError();
  EXPECT_THAT(limits.Admit(Port::kGrpc, "10.0.0.1:1002"), IsOk());
}

TEST(ConnectionLimits, CountsIpv6ByNetwork) {
  ConnectionLimits::Options options = kRoomy;
  options.per_address = 2;
  ConnectionLimits limits(options);
  const auto first = limits.Admit(Port::kAgents, "[2001:db8::1]:1000");
  const auto second = limits.Admit(Port::kAgents, "[2001:db8::2]:1000");
  EXPECT_THAT(limits.Admit(Port::kAgents, "[2001:db8::3]:1000"),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("2001:db8::/64")));
  EXPECT_THAT(limits.Admit(Port::kAgents, "[2001:db8:0:1::3]:1000"), IsOk());
}

TEST(ConnectionLimits, AgentsAndClientsLeaveEachOtherSome) {
  ConnectionLimits::Options options = kRoomy;
  options.front_ends = options.agents = 1;
  ConnectionLimits limits(options);
  const auto agent = limits.Admit(Port::kAgents, "10.0.0.1:1000");
  EXPECT_THAT(limits.Admit(Port::kAgents, "10.0.0.2:1000"),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("1 connections of agents")));
  EXPECT_EQ(limits.refused(Port::kAgents, LimitKind::kTotal), 1u);
  EXPECT_THAT(limits.Admit(Port::kGrpc, "10.0.0.1:1001"), IsOk());
}

TEST(ConnectionLimits, MayChange) {
  ConnectionLimits limits(kRoomy);
  const auto first = limits.Admit(Port::kGrpc, "10.0.0.1:1000");
  const auto second = limits.Admit(Port::kGrpc, "10.0.0.1:1001");
  limits.Set({.per_address = 1, .per_identity = 1, .per_cluster = 1, .front_ends = 3});
  EXPECT_EQ(limits.count(Port::kGrpc), 2u);
  EXPECT_FALSE(limits.Admit(Port::kGrpc, "10.0.0.1:1002").ok());
  auto third = limits.Admit(Port::kGrpc, "10.0.0.2:1000");
  ASSERT_THAT(third, IsOk());
  EXPECT_THAT(limits.Admit(Port::kGrpc, "10.0.0.3:1000"),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("3 client connections")));
}

TEST(ConnectionLimits, CountsPerIdentity) {
  ConnectionLimits::Options options = kRoomy;
  options.per_identity = 1;
  ConnectionLimits limits(options);
  auto first = limits.Admit(Port::kGrpc, "10.0.0.1:1");
  auto second = limits.Admit(Port::kGrpc, "10.0.0.2:1");
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(limits.Identify(*first, {"ann"}), IsOk());
  EXPECT_THAT(limits.Identify(*second, {"ann"}),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("connections of ann")));
  first = absl::CancelledError();
  EXPECT_THAT(limits.Identify(*second, {"ann"}), IsOk());
  EXPECT_EQ(limits.refused(Port::kGrpc, LimitKind::kIdentity), 1);
  EXPECT_EQ(limits.refused(Port::kGrpc, LimitKind::kTotal), 0);
}

TEST(ConnectionLimits, OneClientHasHalfOfTheFrontEnds) {
  ConnectionLimits::Options options = kRoomy;
  options.front_ends = 4;
  ConnectionLimits limits(options);
  std::vector<ConnectionPermit> permits;
  for (int i = 0; i < 2; ++i) {
    auto permit = limits.Admit(Port::kGrpc, "");
    ASSERT_THAT(permit, IsOk());
    EXPECT_THAT(limits.Identify(*permit, {"ann"}), IsOk());
    permits.push_back(*std::move(permit));
  }
  auto third = limits.Admit(Port::kHttpConnect, "");
  ASSERT_THAT(third, IsOk());
  EXPECT_THAT(
      limits.Identify(*third, {"ann"}),
      StatusIs(StatusCode::kResourceExhausted, HasSubstr("more than 2 connections of ann")));
  EXPECT_THAT(limits.Identify(*third, {"bob"}), IsOk());
}

TEST(ConnectionLimits, ClustersHaveALimitOfTheirOwn) {
  ConnectionLimits::Options options = kRoomy;
  options.per_cluster = 1;
  ConnectionLimits limits(options);
  auto first = limits.Admit(Port::kAgents, "10.0.0.1:1");
  auto second = limits.Admit(Port::kAgents, "10.0.0.1:2");
  ASSERT_THAT(first, IsOk());
  ASSERT_THAT(second, IsOk());
  EXPECT_THAT(limits.Identify(*first, {"cluster paris", PeerIdentity::kCluster}), IsOk());
  EXPECT_THAT(limits.Identify(*second, {"cluster paris", PeerIdentity::kCluster}),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("more than 1 connections")));
  EXPECT_THAT(limits.Identify(*second, {"a fleet", PeerIdentity::kUnnamedAgent}), IsOk());
}

TEST(ConnectionLimits, FrontEndsLeaveRoomForAgents) {
  ConnectionLimits::Options options = kRoomy;
  options.front_ends = 1;
  ConnectionLimits limits(options);
  const auto client = limits.Admit(Port::kHttpConnect, "");
  ASSERT_THAT(client, IsOk());
  EXPECT_THAT(limits.Admit(Port::kGrpc, ""),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("1 client connections")));
  EXPECT_THAT(limits.Admit(Port::kAgents, "10.0.0.1:1"), IsOk());
}

TEST(ConnectionLimits, TellsWhenTheFrontEndsAreIdle) {
  ConnectionLimits limits(kRoomy);
  int idle = 0;
  limits.OnFrontEndsIdle([&idle] { ++idle; });
  EXPECT_EQ(idle, 1) << "nothing to wait for";
  const auto agent = limits.Admit(Port::kAgents, "10.0.0.1:1");
  {
    auto first = limits.Admit(Port::kGrpc, "");
    const ConnectionPermit moved = *std::move(first);
    const auto second = limits.Admit(Port::kHttpConnect, "");
    limits.OnFrontEndsIdle([&idle] { ++idle; });
    EXPECT_EQ(limits.count(Port::kGrpc), 1);
    EXPECT_EQ(idle, 1);
  }
  EXPECT_EQ(idle, 2);
  EXPECT_EQ(limits.count(Port::kGrpc), 0);
  EXPECT_EQ(limits.count(Port::kAgents), 1);
}

}  // namespace
}  // namespace hawser::hub
