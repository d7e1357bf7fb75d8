// A hub that publishes its Lease and removes those of hubs that are gone.
#include <fstream>
#include <thread>

#include "hub/test_hub.h"
#include "lib/kube/client.h"
#include "lib/kube/fake_api_server.h"
#include "lib/kube/lease.h"

namespace hawser::hub {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;

const kube::ObjectName kOwn{"kube-system", "konnectivity-proxy-server-hub-1"};

class HubLeaseTest : public HubTest {
 protected:
  // Before the API server.
  ~HubLeaseTest() override { StopHub(); }

  Options LeaseOptions() {
    Options options = DefaultOptions();
    options.kubernetes.kubeconfig = folder_ + "/kubeconfig";
    std::ofstream(options.kubernetes.kubeconfig) << api_.Kubeconfig();
    options.leases = {kOwn.name, kOwn.ns, {{"k8s-app", "konnectivity-server"}}};
    return options;
  }
  bool IsThere(const kube::ObjectName& name) { return client_.Get(kube::kLeases, name).ok(); }
  template <typename Condition>
  static void Await(Condition condition) {
    while (!condition()) std::this_thread::yield();
  }

  kube::FakeApiServer api_;
  kube::Client client_{api_.config(), {.qps = 0}};
};

TEST_F(HubLeaseTest, IsThereFromTheStartToTheStop) {
  StartHub(LeaseOptions());
  Await([&] { return IsThere(kOwn); });
  const kube::Lease lease = kube::ParseLease(*client_.Get(kube::kLeases, kOwn));
  EXPECT_EQ(lease.holder, "hub-1");
  EXPECT_EQ(lease.labels.at("k8s-app"), "konnectivity-server");
  // Agents look elsewhere while what is open goes on.
  const auto paris = StartAgent("paris");
  RawClient client(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(client, "echo.paris:7"), kEstablished);
  hub_->Stop();
  Await([&] { return !IsThere(kOwn); });
  client.Send("still here");
  EXPECT_EQ(client.ReadUntil("here"), "still here");
}

TEST_F(HubLeaseTest, ExpiredOnesAreRemovedAndCounted) {
  const kube::ObjectName dead{"kube-system", "konnectivity-proxy-server-hub-0"};
  const kube::Lease lease{.name = dead,
                          .labels = {{"k8s-app", "konnectivity-server"}},
                          .holder = "hub-0",
                          .duration = std::chrono::seconds(30),
                          .renewed = kube::ParseTimestamp("2026-01-01T00:00:00Z")};
  ASSERT_THAT(client_.Create(kube::kLeases, kube::LeaseObject(lease)), IsOk());
  StartHub(LeaseOptions());
  const std::string prefix = "konnectivity_network_proxy_server_";
  EXPECT_TRUE(AwaitMetric(prefix + "culled_leases_count 1"));
  EXPECT_FALSE(IsThere(dead));
  for (const char* line :
       {"lease_list_total{http_status_code=\"200\",reason=\"\"} 1",
        "lease_delete_total{http_status_code=\"200\",reason=\"\"} 1",
        "lease_list_latency_seconds_count{http_status_code=\"200\"} 1",
        "lease_delete_latency_seconds_count{http_status_code=\"200\"} 1",
        "lease_delete_latency_seconds_bucket{http_status_code=\"200\",le=\"10\"} 1"})
    EXPECT_TRUE(AwaitMetric(prefix + line)) << line;
}

TEST_F(HubLeaseTest, AnApiServerThatIsSilentDisturbsNobody) {
  api_.Script({.target = "/leases", .times = 1'000'000, .held = true});
  StartHub(LeaseOptions());
  Await([&] { return api_.Count("GET", "/leases") >= 2; });
  const auto paris = StartAgent("paris");
  RawClient client(folder_ + "/connect.sock");
  EXPECT_EQ(Connect(client, "echo.paris:7"), kEstablished);
  StopHub();
}

TEST_F(HubLeaseTest, WithoutThemTheApiServerIsLeftAlone) {
  Options options = LeaseOptions();
  options.leases.reset();
  StartHub(options);
  EXPECT_TRUE(AwaitMetric("konnectivity_network_proxy_server_culled_leases_count 0"));
  StopHub();
  EXPECT_EQ(api_.seen().size(), 0u);
}

TEST_F(HubLeaseTest, DoesNotStartWithoutAWayToTheApiServer) {
  Options options = LeaseOptions();
  std::ofstream(options.kubernetes.kubeconfig) << "contexts: torn\n";
  EXPECT_THAT(Hub::Create(options).status(),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("publish a lease"), HasSubstr("kubeconfig"))));
}

}  // namespace
}  // namespace hawser::hub
