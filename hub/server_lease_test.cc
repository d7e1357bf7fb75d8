#include "hub/server_lease.h"

#include <gtest/gtest.h>

#include <optional>

#include "lib/kube/fake_api_server.h"
#include "lib/kube/lease.h"
#include "lib/testing/status_matchers.h"

namespace hawser::hub {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::IsOk;

const kube::ObjectName kName{"kube-system", "konnectivity-proxy-server-hub-1"};

class ServerLeaseTest : public ::testing::Test {
 protected:
  void Start(base::Duration interval = hours(1)) {
    lease_.emplace(client_, ServerLease::Options{.name = kName,
                                                 .labels = {{"k8s-app", "konnectivity-server"}},
                                                 .holder = "hub-1",
                                                 .interval = interval,
                                                 .first_retry = milliseconds(1)});
  }
  std::optional<kube::Lease> Stored() {
    const auto object = client_.Get(kube::kLeases, kName);
    if (!object.ok()) return std::nullopt;
    return kube::ParseLease(*object);
  }
  // Until the condition holds, which another thread brings about.
  template <typename Condition>
  static void Await(Condition condition) {
    while (!condition()) std::this_thread::yield();
  }

  kube::FakeApiServer server_;
  kube::Client client_{server_.config(), {.qps = 0}};
  std::optional<ServerLease> lease_;
};

TEST_F(ServerLeaseTest, IsThereWhileTheHubServes) {
  Start();
  Await([&] { return Stored().has_value(); });
  const kube::Lease lease = *Stored();
  EXPECT_EQ(lease.holder, "hub-1");
  EXPECT_EQ(lease.labels, (std::map<std::string, std::string>{{"k8s-app", "konnectivity-server"}}));
  EXPECT_EQ(lease.duration, seconds(30));
  EXPECT_FALSE(kube::HasExpired(lease, std::chrono::system_clock::now()));
  lease_->Withdraw();
  Await([&] { return !Stored().has_value(); });
}

TEST_F(ServerLeaseTest, IsRenewed) {
  Start(milliseconds(1));
  Await([&] { return Stored().has_value(); });
  const kube::Lease first = *Stored();
  Await([&] { return Stored()->renewed > first.renewed; });
  EXPECT_EQ(Stored()->acquired, first.acquired);
  EXPECT_EQ(server_.Count("POST", "/leases"), 1);
  lease_.reset();
  EXPECT_EQ(Stored(), std::nullopt);
}

TEST_F(ServerLeaseTest, TakesOverWhatItsPredecessorLeft) {
  const kube::Lease old{.name = kName,
                        .labels = {{"k8s-app", "other"}},
                        .holder = "hub-0",
                        .duration = seconds(1),
                        .acquired = kube::ParseTimestamp("2026-01-01T00:00:00Z"),
                        .renewed = kube::ParseTimestamp("2026-01-01T00:00:00Z")};
  ASSERT_THAT(client_.Create(kube::kLeases, kube::LeaseObject(old)), IsOk());
  Start();
  Await([&] { return Stored()->holder == "hub-1"; });
  EXPECT_EQ(Stored()->labels.at("k8s-app"), "konnectivity-server");
  EXPECT_EQ(Stored()->acquired, Stored()->renewed);
  EXPECT_EQ(Stored()->duration, seconds(30));
}

TEST_F(ServerLeaseTest, ComesBackWhenSomebodyDeletesIt) {
  Start(milliseconds(1));
  Await([&] { return Stored().has_value(); });
  // Or is renewed in between: then it is not the one to delete.
  Await([&] { return client_.Delete(kube::kLeases, kName).ok(); });
  Await([&] { return server_.Count("POST", "/leases") == 2; });
}

TEST_F(ServerLeaseTest, TriesAgainWhateverIsWrong) {
  server_.Script({.target = "/leases", .times = 2, .status = 403});
  server_.Script({.method = "POST",
                  .status = 409,
                  .body = R"({"kind":"Status","reason":"AlreadyExists","message":"there"})"});
  Start();
  Await([&] { return Stored().has_value(); });
}

TEST_F(ServerLeaseTest, AnAnswerThatDoesNotComeHoldsNoStopUp) {
  server_.Script({.method = "GET", .target = "/leases/", .held = true});
  Start();
  Await([&] { return server_.Count("GET", "/leases/") == 1; });
  lease_.reset();
  EXPECT_EQ(server_.Count("DELETE", "/leases/konnectivity-proxy-server-hub-1"), 1);
}

}  // namespace
}  // namespace hawser::hub
