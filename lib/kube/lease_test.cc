#include "lib/kube/lease.h"

#include <gtest/gtest.h>

namespace hawser::kube {
namespace {

using std::chrono::seconds;

const WallTime kNow = *ParseTimestamp("2026-08-01T10:00:00.5Z");

TEST(Lease, ReadsWhatItWrites) {
  const Lease lease{.name = {"kube-system", "hub-1"},
                    .labels = {{"k8s-app", "konnectivity-server"}},
                    .holder = "hub-1",
                    .duration = seconds(30),
                    .acquired = kNow - seconds(60),
                    .renewed = kNow,
                    .transitions = 2,
                    .resource_version = "7"};
  const Object object = LeaseObject(lease);
  EXPECT_EQ(ParseLease(object), lease);
  EXPECT_EQ(StringAt(object, {"apiVersion"}), "coordination.k8s.io/v1");
  EXPECT_EQ(StringAt(object, {"spec", "renewTime"}), "2026-08-01T10:00:00.500000Z");
  EXPECT_EQ(ParseLease(LeaseObject(Lease())), Lease());
}

TEST(Lease, KeepsWhoseItIs) {
  const Object metadata = {{"namespace", "ns"},
                           {"name", "lock"},
                           {"resourceVersion", "7"},
                           {"annotations", {{"meta.helm.sh/release-name", "cluster-proxy"}}},
                           {"ownerReferences", {{{"kind", "Pod"}, {"name", "a"}}}}};
  Object read = {{"metadata", metadata}};
  read["metadata"]["managedFields"] = Object::array();
  Lease lease = ParseLease(read);
  lease.holder = "a";
  EXPECT_EQ(LeaseObject(lease)["metadata"], metadata);
}

TEST(Lease, CopesWithAnything) {
  const Lease lease = ParseLease(Object::parse(
      R"({"metadata":{"labels":{"a":7}},"spec":{"holderIdentity":7,"renewTime":"never",
          "leaseDurationSeconds":99999999999999999,"leaseTransitions":"x"}})"));
  EXPECT_EQ(lease.holder, "");
  EXPECT_TRUE(lease.labels.empty());
  EXPECT_EQ(lease.renewed, std::nullopt);
  EXPECT_EQ(lease.duration, seconds(365 * 24 * 3600));
  EXPECT_EQ(ParseLease(Object::parse(R"({"spec":{"leaseDurationSeconds":-5}})")).duration,
            seconds(0));
  EXPECT_EQ(ParseLease(Object()), Lease());
  EXPECT_EQ(ParseLease(Object::parse(R"({"metadata":[7]})")), Lease());
}

TEST(Lease, Expires) {
  const Lease lease{.duration = seconds(30), .renewed = kNow};
  EXPECT_FALSE(HasExpired(lease, kNow + seconds(29)));
  EXPECT_TRUE(HasExpired(lease, kNow + seconds(30)));
  EXPECT_TRUE(HasExpired(Lease(), kNow));
  EXPECT_EQ(ExpiryOf({.duration = seconds(30), .acquired = kNow}), kNow + seconds(30));
  EXPECT_EQ(ExpiryOf({.duration = seconds(30), .acquired = kNow, .renewed = kNow + seconds(5)}),
            kNow + seconds(35));
  EXPECT_EQ(ExpiryOf({.duration = seconds(30), .renewed = WallTime::max() - seconds(1)}),
            WallTime::max());
}

}  // namespace
}  // namespace hawser::kube
