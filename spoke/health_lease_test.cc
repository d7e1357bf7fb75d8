#include "spoke/health_lease.h"

#include <gtest/gtest.h>

#include <optional>

#include "lib/kube/fake_api_server.h"
#include "lib/kube/lease.h"
#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

const kube::ObjectName kName{"agents", "cluster-proxy"};

class HealthLeaseTest : public ::testing::Test {
 protected:
  HealthLease& Make(base::Duration interval) {
    return lease_.emplace(server_.config(), HealthLease::Options{.name = kName,
                                                                 .holder = "agent-1",
                                                                 .interval = interval,
                                                                 .first_retry = milliseconds(1)});
  }
  // Until the condition holds, which another thread brings about.
  template <typename Condition>
  static void Await(Condition condition) {
    while (!condition()) std::this_thread::yield();
  }
  kube::Lease Stored() {
    const auto object = client_.Get(kube::kLeases, kName);
    EXPECT_TRUE(object.ok()) << object.status();
    return object.ok() ? kube::ParseLease(*object) : kube::Lease{};
  }

  kube::FakeApiServer server_;
  kube::Client client_{server_.config()};
  std::optional<HealthLease> lease_;
};

TEST_F(HealthLeaseTest, IsLeftAloneWithoutALink) {
  Make(milliseconds(1));
  lease_.reset();
  EXPECT_EQ(server_.seen().size(), 0);
}

TEST_F(HealthLeaseTest, IsCreatedByTheFirstLink) {
  HealthLease& lease = Make(hours(1));
  lease.SetConnected(true);
  Await([&] { return lease.renewals() == 1; });
  const kube::Lease stored = Stored();
  EXPECT_EQ(stored.holder, "agent-1");
  EXPECT_EQ(stored.duration, hours(1));
  EXPECT_FALSE(kube::HasExpired(stored, std::chrono::system_clock::now()));
}

TEST_F(HealthLeaseTest, IsRenewedAgainAndAgain) {
  HealthLease& lease = Make(milliseconds(1));
  lease.SetConnected(true);
  Await([&] { return lease.renewals() >= 1; });
  const auto first = Stored().renewed;
  Await([&] { return Stored().renewed > first; });
  EXPECT_EQ(server_.Count("POST", "/leases"), 1);
  EXPECT_EQ(server_.Count("PUT", ""), 0);
}

TEST_F(HealthLeaseTest, IsNotRenewedMoreOftenBecauseTheLinkFlaps) {
  HealthLease& lease = Make(hours(1));
  lease.SetConnected(true);
  Await([&] { return lease.renewals() == 1; });
  lease.SetConnected(false);
  lease.SetConnected(true);
  lease_.reset();
  EXPECT_EQ(server_.Count("PATCH", "/leases/cluster-proxy"), 1);
}

TEST_F(HealthLeaseTest, IsLeftAloneOnceTheLinkIsLost) {
  HealthLease& lease = Make(milliseconds(1));
  // The first renewal is on its way while the link is lost.
  server_.Script({.method = "PATCH", .held = true});
  lease.SetConnected(true);
  Await([&] { return server_.Count("PATCH", "") == 1; });
  lease.SetConnected(false);
  server_.ClearScript();
  Await([&] { return lease.renewals() == 1; });
  lease_.reset();
  EXPECT_EQ(server_.Count("PATCH", ""), 1);
}

TEST_F(HealthLeaseTest, IsSharedByReplicas) {
  HealthLease& lease = Make(milliseconds(1));
  HealthLease other(server_.config(),
                    {.name = kName, .holder = "agent-2", .interval = milliseconds(1)});
  lease.SetConnected(true);
  other.SetConnected(true);
  Await([&] { return lease.renewals() >= 3 && other.renewals() >= 3; });
  EXPECT_EQ(lease.failures(), 0);
  EXPECT_EQ(other.failures(), 0);
}

TEST_F(HealthLeaseTest, AnotherReplicaWasFasterToCreateIt) {
  // Not there when it is asked for, there when it is created.
  ASSERT_THAT(
      client_.Create(kube::kLeases, kube::LeaseObject({.name = kName, .holder = "agent-2"})),
      testing::IsOk());
  server_.Script({.method = "PATCH", .status = 404});
  HealthLease& lease = Make(hours(1));
  lease.SetConnected(true);
  Await([&] { return lease.renewals() == 1; });
  EXPECT_EQ(lease.failures(), 0);
}

TEST_F(HealthLeaseTest, RefusalsAreCountedAndTriedAgain) {
  server_.Script({.method = "PATCH", .times = 3, .status = 403});
  HealthLease& lease = Make(hours(1));
  lease.SetConnected(true);
  Await([&] { return lease.renewals() == 1; });
  EXPECT_EQ(lease.failures(), 3);
}

TEST_F(HealthLeaseTest, AnAnswerThatDoesNotComeHoldsNothingUp) {
  server_.Script({.method = "PATCH", .held = true});
  HealthLease& lease = Make(hours(1));
  lease.SetConnected(true);
  Await([&] { return server_.Count("PATCH", "") == 1; });
  lease_.reset();
}

}  // namespace
}  // namespace hawser::spoke
