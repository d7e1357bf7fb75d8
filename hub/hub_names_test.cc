// Whose dials a spoke gets, on a whole hub: none of another cluster's by the name it was given.
#include "hub/test_hub.h"
#include "lib/pki/identity.h"
#include "lib/testing/log_capture.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::Contains;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LogCapture;
using ::testing::StartsWith;
using testing::StatusIs;

constexpr char kSuffix[] = "open-cluster-management-agent-addon";

class HubNamesTest : public HubTest {
 protected:
  HubNamesTest() {
    Options options = DefaultOptions();
    options.agent_identity = AgentIdentityMode::kCertificate;
    options.cluster_domain = tunnel::Domain::Parse(".clusters.test").value();
    options.grants.names = {options.cluster_domain, {tunnel::Domain::Parse(kSuffix).value()}};
    StartHub(options);
  }

  absl::Status Refused(const std::string& cluster, const std::string& identifiers) {
    TestAgent agent({AgentsPort(certificates_.Agent(cluster)), "evil", identifiers});
    return agent.Connected().status();
  }
  std::string Answer(const std::string& host) {
    RawClient client(folder_ + "/connect.sock");
    return Connect(client, host + ":80");
  }
};

TEST_F(HubNamesTest, ClustersCalledLikeWhatNamesEndInAreRefused) {
  LogCapture log;
  for (const std::string cluster : {"test", "clusters", "proxy", kSuffix}) {
    EXPECT_THAT(Refused(cluster, ""), StatusIs(StatusCode::kPermissionDenied,
                                               HasSubstr("no cluster may be called " + cluster)));
    EXPECT_THAT(log.text(), HasSubstr("no cluster may be called " + cluster));
  }
  EXPECT_TRUE(AwaitMetric("hawser_refused_agents_total{reason=\"reserved_name\"} 4"));
}

TEST_F(HubNamesTest, NamesGoToTheirOwnerOnly) {
  const std::string proxy = pki::ServiceProxyHost("london");
  const auto rival = StartAgent("management", "rival");
  const std::string hosts[] = {"london", "london.clusters.test", "x.svc.london.clusters.test",
                               std::string("london.") + kSuffix, proxy};
  for (const std::string& host : hosts) {
    EXPECT_THAT(Refused("management", "host=" + host),
                StatusIs(StatusCode::kPermissionDenied, HasSubstr("announced host=" + host)));
    EXPECT_THAT(Answer(host), StartsWith("HTTP/1.1 503")) << host;
  }
  const auto london = StartAgent("london", "l");
  for (const std::string& host : hosts) {
    for (int i = 0; i < 3; ++i) EXPECT_THAT(Answer("refused." + host), StartsWith("HTTP/1.1 502"));
    EXPECT_THAT(london->dials(), Contains("refused." + host + ":80").Times(3));
  }
  london->Lose();
  ASSERT_TRUE(AwaitMetric("hawser_sessions{cluster=\"london\"} 0"));
  for (const std::string& host : hosts) EXPECT_THAT(Answer(host), StartsWith("HTTP/1.1 503"));
  EXPECT_TRUE(rival->dials().empty());
}

using HubTrustDomainTest = HubTest;

TEST_F(HubTrustDomainTest, NamesOfAnotherOneAreRefusedOnEveryPort) {
  LogCapture log;
  Options options = DefaultOptions();
  options.trust_domain = options.grants.trust_domain = "hawser.test";
  StartHub(options);
  const auto paris = StartAgent("paris");
  TestAgent evil(
      {AgentsPort(certificates_.AgentWithUri("spiffe://evil.example/cluster/paris")), "evil", ""});
  EXPECT_THAT(evil.Connected().status(),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("trust domain evil.example")));
  TestClient ann(GrpcPort(certificates_.Client("ann")));
  ASSERT_THAT(ann.Connected(), IsOk());
  EXPECT_EQ(ann.Dial("echo.paris:7")->Dialled(), std::nullopt);
  StopHub();

  options.trust_domain = "other.example";
  StartHub(options);
  TestClient other(GrpcPort(certificates_.Client("ann")));
  // By TLS 1.3 the hub looks at the certificate after the client has done with the handshake.
  ASSERT_THAT(other.Connected(), IsOk());
  EXPECT_NE(other.Dial("echo.paris:7")->Dialled(), std::nullopt);
  RawClient connect(PortOf("http-connect"), certificates_.Client("ann"), "");
  EXPECT_THAT(connect.ReadToEnd(),
              StartsWith("HTTP/1.1 403 client certificate: it is of the trust"));
  log.Await("client certificate: it is of the trust domain hawser.test, not of other.example");
}

}  // namespace
}  // namespace hawser::hub
