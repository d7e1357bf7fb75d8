#include "spoke/lease_watch.h"

#include <gtest/gtest.h>

#include <optional>
#include <thread>

#include "lib/kube/fake_api_server.h"
#include "lib/kube/lease.h"
#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::IsOk;
using std::chrono::seconds;

class LeaseWatchTest : public ::testing::Test {
 protected:
  void Put(const std::string& name, seconds duration, const std::string& ns = "kube-system",
           const std::string& app = "konnectivity-server") {
    const kube::Lease lease{.name = {ns, name},
                            .labels = {{"k8s-app", app}},
                            .holder = name,
                            .duration = duration,
                            .renewed = now_};
    ASSERT_THAT(client_.Create(kube::kLeases, kube::LeaseObject(lease)), IsOk());
  }
  void Start() {
    const LeaseFilter filter{"kube-system", *LabelSelector::Parse("k8s-app=konnectivity-server")};
    watch_.emplace(server_.config(), filter, [this] { return now_; });
  }
  void AwaitCount(size_t count) {
    while (watch_->Count() != count) std::this_thread::yield();
  }
  uint64_t Answers(const kube::RequestCounts& requests, int http_status) {
    const auto answers = requests.picture().answers;
    const auto found = answers.find({http_status, ""});
    return found == answers.end() ? 0 : found->second;
  }

  kube::FakeApiServer server_;
  kube::Client client_{server_.config(), {.qps = 0}};
  kube::WallTime now_ = *kube::ParseTimestamp("2026-06-01T12:00:00Z");
  std::optional<LeaseWatch> watch_;
};

TEST_F(LeaseWatchTest, CountsLeasesThatHaveNotExpired) {
  Put("a", seconds(30));
  Put("b", seconds(31));
  Put("c", seconds(32));
  Put("elsewhere", seconds(30), "default");
  Put("other", seconds(30), "kube-system", "other");
  Start();
  AwaitCount(3);
  now_ += seconds(30);
  EXPECT_EQ(watch_->Count(), 2u);
  now_ += seconds(30);
  EXPECT_EQ(watch_->Count(), 1u);  // whoever asks is talking to one
  EXPECT_EQ(Answers(watch_->counters().lists, 200), 1u);
  EXPECT_EQ(Answers(watch_->counters().watches, 200), 1u);
}

TEST_F(LeaseWatchTest, FollowsThem) {
  Start();
  server_.AwaitWatches(1);
  Put("a", seconds(30));
  Put("b", seconds(30));
  AwaitCount(2);
  Put("c", seconds(30));
  AwaitCount(3);
  ASSERT_THAT(client_.Delete(kube::kLeases, {"kube-system", "b"}), IsOk());
  AwaitCount(2);
}

TEST_F(LeaseWatchTest, AssumesOneUntilItIsTold) {
  Put("a", seconds(30));
  Put("b", seconds(30));
  server_.Script({.target = "/leases?", .held = true});
  Start();
  while (server_.Count("GET", "/leases?") == 0) std::this_thread::yield();
  EXPECT_EQ(watch_->Count(), 1u);
  server_.ClearScript();
  AwaitCount(2);
}

TEST_F(LeaseWatchTest, KeepsTheLastNumberWhileTheApiServerDoesNotAnswer) {
  Put("a", seconds(30));
  Put("b", seconds(30));
  Start();
  AwaitCount(2);
  server_.Script({.target = "/leases?", .times = 1'000'000, .status = 403});
  server_.EndWatches();
  while (Answers(watch_->counters().watches, 403) < 2) std::this_thread::yield();
  now_ += seconds(60);
  EXPECT_EQ(watch_->Count(), 2u);
  server_.ClearScript();
  AwaitCount(1);
}

TEST_F(LeaseWatchTest, EndsWhileItWaits) {
  server_.Script({.target = "/leases?", .held = true});
  Start();
  while (server_.Count("GET", "/leases?") == 0) std::this_thread::yield();
  watch_.reset();
}

}  // namespace
}  // namespace hawser::spoke
