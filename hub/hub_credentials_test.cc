// Connections end when what proved who they are is no longer good, on a whole hub.
#include <fstream>

#include "hub/test_hub.h"
#include "lib/pki/certificate.h"
#include "lib/testing/log_capture.h"

namespace hawser::hub {
namespace {

using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LogCapture;
using ::testing::Not;
using ::testing::StartsWith;
using testing::StatusIs;

class HubCredentialsTest : public HubTest {
 protected:
  HubCredentialsTest() {
    options_ = DefaultOptions();
    options_.config_file = folder_ + "/hub.yaml";
    std::ofstream(options_.config_file) << "deny: []\n";
  }

  void Deny(const std::string& entry) {
    std::ofstream(options_.config_file) << "deny:\n  - " << entry << "\n";
    hub_->Reload();
    ASSERT_THAT(Get("admin", "/metrics"), HasSubstr("200"));  // behind the reload
  }
  static void ExpectCutOff(RawClient& client) { EXPECT_EQ(client.ReadToEnd(), ""); }
  void ExpectServes(RawClient& client) {
    client.Send("still here");
    EXPECT_EQ(client.ReadUntil("here"), "still here");
  }

  Options options_;
  LogCapture log_;
};

TEST_F(HubCredentialsTest, ADeniedClusterLosesItsSessionsAndComesNoMore) {
  StartHub(options_);
  const auto paris = StartAgent("paris"), rome = StartAgent("rome");
  RawClient to_paris(folder_ + "/connect.sock"), to_rome(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(to_paris, "echo.paris:7"), kEstablished);
  ASSERT_EQ(Connect(to_rome, "echo.rome:7"), kEstablished);
  Deny("cluster: paris");
  EXPECT_FALSE(paris->Ended().ok());
  ExpectCutOff(to_paris);
  EXPECT_THAT(log_.text(), AllOf(HasSubstr("connection of cluster paris from 127.0.0.1:"),
                                 HasSubstr("is denied by cluster paris")));
  TestAgent again({.hub = AgentsPort(certificates_.Agent("paris"))});
  EXPECT_THAT(again.Connected(), StatusIs(absl::StatusCode::kPermissionDenied,
                                          HasSubstr("is denied by cluster paris")));
  EXPECT_THAT(log_.text(), HasSubstr("refused: the certificate of cluster paris"));
  ExpectServes(to_rome);
  EXPECT_TRUE(AwaitMetric("hawser_ended_credentials_total{reason=\"denied\"} 2"));

  Deny("cluster: tokyo");
  TestAgent forgiven({.hub = AgentsPort(certificates_.Agent("paris"))});
  EXPECT_THAT(forgiven.Connected(), IsOk());
}

TEST_F(HubCredentialsTest, ADeniedClientLosesTunnelsOnBothFrontEnds) {
  StartHub(options_);
  // Several, so that tunnels move between the shards.
  const auto agents = {StartAgent("paris", "1"), StartAgent("paris", "2"),
                       StartAgent("paris", "3")};
  const net::TlsFiles ann = certificates_.Client("ann"), bob = certificates_.Client("bob");
  const auto serial = pki::Certificate::Load(ann.certificate);
  ASSERT_THAT(serial, IsOk());
  TestClient ann_grpc(GrpcPort(ann)), bob_grpc(GrpcPort(bob));
  ASSERT_THAT(ann_grpc.Connected(), IsOk());
  ASSERT_THAT(bob_grpc.Connected(), IsOk());
  std::vector<std::unique_ptr<RawClient>> anns;
  for (int i = 0; i < 6; ++i) {
    anns.push_back(std::make_unique<RawClient>(PortOf("http-connect"), ann, ""));
    ASSERT_EQ(Connect(*anns.back(), "echo.paris:7"), kEstablished);
    ExpectServes(*anns.back());
  }
  // One that has not said what it wants, and one whose dial is pending.
  anns.push_back(std::make_unique<RawClient>(PortOf("http-connect"), ann, ""));
  anns.back()->Send("CONNECT echo.par");
  anns.push_back(std::make_unique<RawClient>(PortOf("http-connect"), ann, ""));
  anns.back()->Send("CONNECT silent.paris:7 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(AwaitMetric("konnectivity_network_proxy_server_pending_backend_dials 1"));
  RawClient other(PortOf("http-connect"), bob, "");
  ASSERT_EQ(Connect(other, "echo.paris:7"), kEstablished);
  const auto tunnel = ann_grpc.Dial("echo.paris:7");
  ASSERT_EQ(tunnel->Dialled(), std::nullopt);

  Deny("serial: \"" + serial->serial() + "\"");
  EXPECT_NE(tunnel->Closed(), std::nullopt) << "never a clean end";
  EXPECT_FALSE(ann_grpc.Ended().ok());
  for (const auto& client : anns) ExpectCutOff(*client);
  EXPECT_TRUE(AwaitMetric("konnectivity_network_proxy_server_http_connections 1"));
  EXPECT_TRUE(AwaitMetric("konnectivity_network_proxy_server_pending_backend_dials 0"));
  ExpectServes(other);
  EXPECT_EQ(bob_grpc.Dial("echo.paris:7")->Dialled(), std::nullopt);
  // Who comes again is told why, a few at a time.
  RawClient again(PortOf("http-connect"), ann, "");
  EXPECT_THAT(again.ReadToEnd(),
              AllOf(StartsWith("HTTP/1.1 403 "), HasSubstr("is denied by serial"),
                    HasSubstr("Hawser-Reason: policy_denied")));
  TestClient again_grpc(GrpcPort(ann));
  ASSERT_THAT(again_grpc.Connected(), IsOk());
  EXPECT_FALSE(again_grpc.Dial("echo.paris:7")->Dialled() == std::nullopt);
  EXPECT_THAT(log_.text(), HasSubstr("http-connect: connection of client/ann from"));
  EXPECT_THAT(log_.text(), Not(HasSubstr("client/bob")));
}

TEST_F(HubCredentialsTest, ConnectionsEndWithTheirCertificates) {
  StartHub(options_);
  const auto rome = StartAgent("rome");
  TestAgent paris({.hub = AgentsPort(certificates_.Agent("paris", seconds(3)))});
  ASSERT_THAT(paris.Connected(), IsOk());
  RawClient ann(PortOf("http-connect"), certificates_.Client("ann", seconds(3)), "");
  RawClient bob(PortOf("http-connect"), certificates_.Client("bob"), "");
  ASSERT_EQ(Connect(ann, "echo.rome:7"), kEstablished);
  ASSERT_EQ(Connect(bob, "echo.rome:7"), kEstablished);
  EXPECT_FALSE(paris.Ended().ok());
  ExpectCutOff(ann);
  ExpectServes(bob);
  EXPECT_TRUE(AwaitMetric("hawser_ended_credentials_total{reason=\"expired\"} 2"));
  EXPECT_THAT(log_.text(), HasSubstr("has expired"));
}

}  // namespace
}  // namespace hawser::hub
