#include "lib/kube/leader_election.h"

#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "lib/kube/fake_api_server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::kube {
namespace {

using ::hawser::testing::IsOk;
using ::std::chrono::seconds;

const ObjectName kName{"ns", "lock"};

// Candidates over one server, on a clock that the test moves.
class LeaderElectionTest : public ::testing::Test {
 protected:
  struct Candidate {
    Candidate(LeaderElectionTest& test, const std::string& identity)
        : elector(test.client_, test.Options(identity, *this)) {}
    void Step() { elector.Step({}); }

    int elected = 0;
    int lost = 0;
    LeaderElector elector;
  };

  LeaderElectionOptions Options(const std::string& identity, Candidate& candidate) {
    return {.lease = kName,
            .identity = identity,
            .on_elected = [&] { ++candidate.elected; },
            .on_lost = [&] { ++candidate.lost; },
            .now = [this] { return now_; },
            .wall_now = [this] { return wall_now_; }};
  }
  Lease Current() { return ParseLease(*client_.Get(kLeases, kName)); }

  FakeApiServer server_;
  // Nothing is tried again: the answers are the test's.
  Client client_{server_.config(), {.qps = 0}};
  base::Time now_{std::chrono::hours(1)};
  WallTime wall_now_ = *ParseTimestamp("2026-08-01T10:00:00Z");
  Candidate a_{*this, "a"};
  Candidate b_{*this, "b"};
};

TEST_F(LeaderElectionTest, OneOfTwoLeads) {
  EXPECT_FALSE(a_.elector.IsLeader());
  a_.Step();
  b_.Step();
  EXPECT_TRUE(a_.elector.IsLeader());
  EXPECT_FALSE(b_.elector.IsLeader());
  EXPECT_EQ(a_.elected, 1);
  EXPECT_EQ(b_.elector.holder(), "a");
  const Lease lease = Current();
  EXPECT_EQ(lease.holder, "a");
  EXPECT_EQ(lease.duration, seconds(15));
  EXPECT_EQ(lease.acquired, wall_now_);
  EXPECT_EQ(lease.transitions, 0);
}

TEST_F(LeaderElectionTest, RenewsForAsLongAsItLives) {
  for (int i = 0; i < 30; ++i) {
    a_.Step();
    b_.Step();
    now_ += seconds(2);
    wall_now_ += seconds(2);
  }
  EXPECT_EQ(a_.elected, 1);
  EXPECT_EQ(a_.lost, 0);
  EXPECT_EQ(b_.elected, 0);
  EXPECT_EQ(Current().renewed, wall_now_ - seconds(2));
  EXPECT_EQ(Current().acquired, wall_now_ - seconds(60));
}

TEST_F(LeaderElectionTest, AnotherOneTakesOverWhenNothingIsHeard) {
  a_.Step();
  b_.Step();
  now_ += seconds(14);
  EXPECT_FALSE(a_.elector.IsLeader());  // since its deadline, even before it notices
  b_.Step();
  EXPECT_EQ(b_.elected, 0);
  now_ += seconds(1);
  b_.Step();
  EXPECT_EQ(b_.elected, 1);
  EXPECT_EQ(Current().holder, "b");
  EXPECT_EQ(Current().transitions, 1);
  a_.Step();
  EXPECT_EQ(a_.lost, 1);
  EXPECT_FALSE(a_.elector.IsLeader());
}

// The wall clocks of two machines may be hours apart.
TEST_F(LeaderElectionTest, ComparesNoWallClocks) {
  a_.Step();
  wall_now_ += std::chrono::hours(5);
  b_.Step();
  EXPECT_EQ(b_.elected, 0);
  wall_now_ -= std::chrono::hours(10);
  now_ += seconds(15);
  b_.Step();
  EXPECT_EQ(b_.elected, 1);
}

TEST_F(LeaderElectionTest, IsLostWhenItCannotBeRenewedInTime) {
  a_.Step();
  server_.Script({.target = "leases", .times = 1000, .status = 500});
  now_ += seconds(8);
  a_.Step();
  EXPECT_EQ(a_.lost, 0);
  EXPECT_TRUE(a_.elector.IsLeader());
  now_ += seconds(2);
  EXPECT_FALSE(a_.elector.IsLeader());
  a_.Step();
  EXPECT_EQ(a_.lost, 1);
  a_.Step();
  EXPECT_EQ(a_.lost, 1);
  server_.ClearScript();
  a_.Step();
  EXPECT_EQ(a_.elected, 2);
}

TEST_F(LeaderElectionTest, IsLostAtOnceToSomebodyElse) {
  a_.Step();
  Lease lease = Current();
  lease.holder = "c";
  ASSERT_THAT(client_.Update(kLeases, LeaseObject(lease)), IsOk());
  a_.Step();
  EXPECT_EQ(a_.lost, 1);
  EXPECT_EQ(a_.elector.holder(), "c");
}

TEST_F(LeaderElectionTest, AReleasedLeaseIsTakenAtOnce) {
  a_.Step();
  b_.Step();
  a_.elector.Release();
  EXPECT_FALSE(a_.elector.IsLeader());
  EXPECT_EQ(a_.lost, 0);
  EXPECT_EQ(Current().holder, "");
  b_.Step();
  EXPECT_EQ(b_.elected, 1);
  // Not its own any more: left alone.
  a_.elector.Release();
  EXPECT_EQ(Current().holder, "b");
}

TEST_F(LeaderElectionTest, ComesBackToItsOwnLease) {
  a_.Step();
  Candidate again(*this, "a");
  again.Step();
  EXPECT_EQ(again.elected, 1);
  EXPECT_EQ(Current().transitions, 0);
}

TEST_F(LeaderElectionTest, TheFasterOfTwoWritersWins) {
  ASSERT_THAT(client_.Create(kLeases, LeaseObject({.name = kName})), IsOk());
  server_.Script({.method = "PUT",
                  .status = 409,
                  .body = R"({"kind":"Status","reason":"Conflict","message":"changed"})"});
  a_.Step();
  EXPECT_EQ(a_.elected, 0);
  a_.Step();
  EXPECT_EQ(a_.elected, 1);
}

TEST_F(LeaderElectionTest, ALeaseThatWasThereIsTakenAndStaysWhatItIs) {
  const Object annotations = {{"meta.helm.sh/release-name", "cluster-proxy"}};
  const Object lease = {
      {"apiVersion", "coordination.k8s.io/v1"},
      {"kind", "Lease"},
      {"metadata", {{"namespace", kName.ns}, {"name", kName.name}, {"annotations", annotations}}}};
  ASSERT_THAT(client_.Create(kLeases, lease), IsOk());
  a_.Step();
  EXPECT_TRUE(a_.elector.IsLeader());
  EXPECT_EQ(Current().holder, "a");
  EXPECT_EQ(Current().other_metadata["annotations"], annotations);
  a_.elector.Release();
  EXPECT_EQ(Current().other_metadata["annotations"], annotations);
}

TEST_F(LeaderElectionTest, RunsOnAThread) {
  std::promise<void> elected;
  LeaderElection election(
      client_, {.lease = kName, .identity = "thread", .on_elected = [&] { elected.set_value(); }});
  election.Start();
  elected.get_future().wait();
  EXPECT_TRUE(election.IsLeader());
  election.Stop();
  EXPECT_FALSE(election.IsLeader());
  EXPECT_EQ(Current().holder, "");
}

}  // namespace
}  // namespace hawser::kube
