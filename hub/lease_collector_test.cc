#include "hub/lease_collector.h"

#include <gtest/gtest.h>

#include <optional>

#include "lib/kube/fake_api_server.h"
#include "lib/testing/status_matchers.h"

namespace hawser::hub {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::IsOk;

using Answers = decltype(kube::RequestCounts::Picture::answers);

class LeaseCollectorTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, seconds age, const std::string& ns = "kube-system",
           const std::string& app = "konnectivity-server") {
    const kube::Lease lease{.name = {ns, name},
                            .labels = {{"k8s-app", app}},
                            .holder = name,
                            .duration = seconds(30),
                            .renewed = now_ - age};
    ASSERT_THAT(client_.Create(kube::kLeases, kube::LeaseObject(lease)), IsOk());
  }
  void Start(base::Duration interval = hours(1)) {
    collector_.emplace(client_, LeaseCollector::Options{
                                    .leases = {.ns = "kube-system",
                                               .label_selector = "k8s-app=konnectivity-server"},
                                    .interval = interval,
                                    .now = [this] { return now_; }});
  }
  bool IsThere(const std::string& name, const std::string& ns = "kube-system") {
    return client_.Get(kube::kLeases, {ns, name}).ok();
  }
  void Await(const kube::RequestCounts& requests, const Answers& answers) {
    while (requests.picture().answers != answers) std::this_thread::yield();
  }

  const kube::WallTime now_ = *kube::ParseTimestamp("2026-06-01T12:00:00Z");
  kube::FakeApiServer server_;
  kube::Client client_{server_.config(), {.qps = 0}};
  std::optional<LeaseCollector> collector_;
};

TEST_F(LeaseCollectorTest, DeletesWhatHasExpired) {
  Put("fresh", seconds(29));
  Put("dead", seconds(30));
  Put("dead-too", seconds(1000));
  Put("elsewhere", seconds(1000), "default");
  Put("other", seconds(1000), "kube-system", "other");
  Start();
  Await(collector_->deletes(), {{{200, ""}, 2}});
  collector_.reset();
  EXPECT_FALSE(IsThere("dead"));
  EXPECT_FALSE(IsThere("dead-too"));
  EXPECT_TRUE(IsThere("fresh"));
  EXPECT_TRUE(IsThere("elsewhere", "default"));
  EXPECT_TRUE(IsThere("other"));
}

TEST_F(LeaseCollectorTest, CountsWhatItDid) {
  Put("dead", seconds(30));
  Start(milliseconds(1));
  while (collector_->culled() == 0) std::this_thread::yield();
  EXPECT_GE(collector_->lists().picture().answers.at({200, ""}), 1u);
  EXPECT_EQ(collector_->deletes().picture().latencies.at(200).count(), 1u);
  EXPECT_EQ(collector_->culled(), 1u);
}

TEST_F(LeaseCollectorTest, LeavesAloneWhatWasRenewedMeanwhile) {
  Put("dead", seconds(30));
  server_.Script({.method = "DELETE", .held = true});
  Start();
  while (server_.Count("DELETE", "/leases/dead") == 0) std::this_thread::yield();
  kube::Lease lease = kube::ParseLease(*client_.Get(kube::kLeases, {"kube-system", "dead"}));
  lease.renewed = now_;
  ASSERT_THAT(client_.Update(kube::kLeases, kube::LeaseObject(lease)), IsOk());
  server_.ClearScript();
  Await(collector_->deletes(), {{{409, "Conflict"}, 1}});
  EXPECT_TRUE(IsThere("dead"));
  EXPECT_EQ(collector_->culled(), 0u);
}

TEST_F(LeaseCollectorTest, AnotherHubMayBeFaster) {
  Put("dead", seconds(30));
  server_.Script({.method = "DELETE",
                  .status = 404,
                  .body = R"({"kind":"Status","reason":"NotFound","message":"gone"})"});
  Start();
  Await(collector_->deletes(), {{{404, "NotFound"}, 1}});
  EXPECT_EQ(collector_->culled(), 0u);
}

TEST_F(LeaseCollectorTest, TriesAgainWhenItMayNotList) {
  Put("dead", seconds(30));
  const std::string forbidden = R"({"kind":"Status","reason":"Forbidden","message":"no"})";
  server_.Script({.method = "GET", .target = "/leases?", .status = 403, .body = forbidden});
  server_.Script({.method = "DELETE", .status = 403, .body = forbidden});
  Start(milliseconds(1));
  while (collector_->culled() == 0) std::this_thread::yield();
  EXPECT_EQ(collector_->lists().picture().answers.at({403, "Forbidden"}), 1u);
  EXPECT_EQ(collector_->deletes().picture().answers,
            (Answers{{{200, ""}, 1}, {{403, "Forbidden"}, 1}}));
}

TEST_F(LeaseCollectorTest, EndsWhileItWaits) {
  server_.Script({.target = "/leases?", .held = true});
  Start();
  while (server_.Count("GET", "/leases?") == 0) std::this_thread::yield();
  collector_.reset();
}

}  // namespace
}  // namespace hawser::hub
