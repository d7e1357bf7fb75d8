// What changes while a hub runs: certificates, grants and tokens on disk; and its end.
#include <sys/stat.h>

#include <fstream>

#include "hub/test_hub.h"
#include "lib/pki/pem_file.h"
#include "lib/testing/log_capture.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::LogCapture;
using ::testing::Not;
using ::testing::StartsWith;
using testing::StatusIs;

using HubReloadTest = HubTest;

constexpr char kFailures[] = "hawser_certificate_reload_failures_total{certificate=\"agents\"} ";

TEST_F(HubReloadTest, ANewCaDecidesWhoComesAndWhoStays) {
  Options options = DefaultOptions();
  const auto old_ca = pki::ReadPemFile(options.cluster_tls.ca);
  ASSERT_THAT(old_ca, IsOk());
  StartHub(options);
  const auto paris = StartAgent("paris");
  // From now on agents may have a certificate of the clients' CA, which is what the test has at
  // hand.
  const std::string new_ca = certificates_.clients().certificate().ToPem();
  ASSERT_THAT(pki::WritePemFile(options.cluster_tls.ca, *old_ca + new_ca, pki::kPublicFile),
              IsOk());
  hub_->Reload();
  ASSERT_TRUE(AwaitMetric(std::string(kFailures) + "0"));  // behind the reload
  RawClient client(folder_ + "/connect.sock");
  EXPECT_EQ(Connect(client, "echo.paris:7"), kEstablished) << "both are believed: it goes on";

  // And now they must.
  ASSERT_THAT(pki::WritePemFile(options.cluster_tls.ca, new_ca, pki::kPublicFile), IsOk());
  hub_->Reload();
  ASSERT_TRUE(AwaitMetric(std::string(kFailures) + "0"));  // behind the reload
  TestAgent tokyo({.hub = AgentsPort(certificates_.Agent("tokyo"))});
  EXPECT_FALSE(tokyo.Connected().ok()) << "its CA is gone";
  EXPECT_FALSE(paris->Ended().ok()) << "and so is its session";
  EXPECT_EQ(client.ReadToEnd(), "");

  ASSERT_THAT(pki::WritePemFile(options.cluster_tls.ca, *old_ca, pki::kPublicFile), IsOk());
  hub_->Reload();
  StartAgent("rome");
}

TEST_F(HubReloadTest, ATornPairKeepsTheOldOne) {
  Options options = DefaultOptions();
  StartHub(options);
  // A server certificate of another CA, so that peers can tell.
  const auto key = pki::PrivateKey::Generate();
  ASSERT_THAT(key, IsOk());
  const auto leaf = certificates_.clients().Issue({.common_name = "hub",
                                                   .dns_names = {"localhost"},
                                                   .ip_addresses = {"127.0.0.1"},
                                                   .server = true},
                                                  key->get());
  ASSERT_THAT(leaf, IsOk());
  ASSERT_THAT(pki::WritePemFile(options.cluster_tls.certificate, leaf->ToPem(), pki::kPublicFile),
              IsOk());
  hub_->Reload();
  EXPECT_TRUE(AwaitMetric(std::string(kFailures) + "1"));
  hub_->Reload();
  EXPECT_TRUE(AwaitMetric(std::string(kFailures) + "2")) << "whenever asked";
  StartAgent("paris");

  ASSERT_THAT(key->Save(options.cluster_tls.key), IsOk());
  hub_->Reload();
  EXPECT_TRUE(AwaitMetric(std::string(kFailures) + "2"));
  net::TlsFiles files = certificates_.Agent("tokyo");
  TestAgent old({.hub = AgentsPort(files)});
  EXPECT_FALSE(old.Connected().ok()) << "it knows the old server CA only";
  ASSERT_THAT(
      pki::WritePemFile(files.ca, certificates_.clients().certificate().ToPem(), pki::kPublicFile),
      IsOk());
  TestAgent young({.hub = AgentsPort(files)});
  EXPECT_THAT(young.Connected(), IsOk());
}

TEST_F(HubReloadTest, GrantsAreReadAgain) {
  Options options = DefaultOptions();
  options.config_file = folder_ + "/hub.yaml";
  std::ofstream(options.config_file) << "grants: {}\n";
  StartHub(options);
  const std::string identifiers = "ipv4=10.0.0.7&cidr=10.1.0.0/16";
  const auto ask = [this](const std::string& target) {
    RawClient client(folder_ + "/connect.sock");
    client.Send("CONNECT " + target + " HTTP/1.1\r\n\r\n");
    return client.ReadToEnd();
  };
  const auto before = StartAgent("paris", "1", identifiers);
  EXPECT_THAT(ask("10.0.0.7:80"), HasSubstr("no_agent"));

  std::ofstream(options.config_file) << "grants:\n  paris: " << identifiers << "\n";
  hub_->Reload();
  ASSERT_THAT(Get("admin", "/metrics"), StartsWith("HTTP/1.1 200"));  // behind the reload
  const auto after = StartAgent("paris", "2", identifiers);
  RawClient exact(folder_ + "/connect.sock"), range(folder_ + "/connect.sock");
  exact.Send("CONNECT 10.0.0.7:80 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(after->AwaitDials(1));
  range.Send("CONNECT [::ffff:10.1.2.3]:80 HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(after->AwaitDials(2));

  std::ofstream(options.config_file) << "grants: [torn\n";
  hub_->Reload();
  ASSERT_THAT(Get("admin", "/metrics"), StartsWith("HTTP/1.1 200"));
  const auto last = StartAgent("paris", "3", identifiers);
  EXPECT_THAT(GetDebug("/debug/sessions"), HasSubstr("\"agent_id\": \"3\""));
}

TEST_F(HubReloadTest, LimitsAreReadAgain) {
  LogCapture log;
  Options options = DefaultOptions();
  options.config_file = folder_ + "/hub.yaml";
  std::ofstream(options.config_file) << "limits: {}\n";
  StartHub(options);
  const auto paris = StartAgent("paris");
  std::vector<std::unique_ptr<RawClient>> clients;
  const auto dial = [&](const std::string& target) -> RawClient& {
    clients.push_back(std::make_unique<RawClient>(folder_ + "/connect.sock"));
    clients.back()->Send("CONNECT " + target + " HTTP/1.1\r\n\r\n");
    return *clients.back();
  };
  dial("silent.paris:80");
  ASSERT_TRUE(paris->AwaitDials(1));
  dial("silent.paris:80");
  ASSERT_TRUE(paris->AwaitDials(2));

  const auto reload = [&](const std::string& limits) {
    std::ofstream(options.config_file) << "limits: {" << limits << "}\n";
    hub_->Reload();
    // Made by the loop that reloads, behind it.
    ASSERT_THAT(Get("admin", "/metrics"), HasSubstr("hawser_build_info"));
  };
  reload("max-pending-dials: 2");
  EXPECT_THAT(dial("silent.paris:80").ReadToEnd(),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("overloaded")));
  reload("max-pending-dials: many");
  EXPECT_THAT(log.text(), HasSubstr("flag --max-pending-dials: not a number: \"many\""));
  EXPECT_THAT(dial("silent.paris:80").ReadToEnd(), StartsWith("HTTP/1.1 503"));
  // More than the process began with.
  reload("max-pending-dials: 2000, handshake-timeout: 1s");
  EXPECT_THAT(log.text(), HasSubstr("take effect at the next start: handshake-timeout"));
  for (int i = 3; i <= 110; ++i) dial("silent.paris:80");
  EXPECT_TRUE(paris->AwaitDials(110));

  reload("max-connections-per-identity: 1");
  EXPECT_EQ(dial("echo.paris:7").ReadToEnd(), "");
}

TEST_F(HubReloadTest, AgentsMustSendAToken) {
  Options options = DefaultOptions();
  const std::string user = "system:serviceaccount:kube-system:konnectivity-agent";
  options.agent_tokens = {folder_ + "/tokens", user};
  std::ofstream(options.agent_tokens.file) << "s3cret-good " << user << "\ns3cret-other other\n";
  chmod(options.agent_tokens.file.c_str(), 0600);
  StartHub(options);
  const auto connect = [this](const std::string& token) {
    TestAgent agent({.hub = AgentsPort(certificates_.Agent("paris")), .token = token});
    const absl::Status status = agent.Connected().status();
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("s3cret")));
    return status;
  };
  EXPECT_THAT(connect("s3cret-good"), IsOk());
  EXPECT_THAT(connect("s3cret-bad"), StatusIs(StatusCode::kUnauthenticated,
                                              HasSubstr("agent refused: its token is not known")));
  EXPECT_THAT(connect("s3cret-other"),
              StatusIs(StatusCode::kPermissionDenied, HasSubstr("of user \"other\"")));
  EXPECT_THAT(connect(""), StatusIs(StatusCode::kUnauthenticated, HasSubstr("no token")));
  ExpectTokenChecks(/*accepted=*/1, /*denied=*/2, /*missing=*/1);
  ExpectNowhereOnPages("s3cret");

  std::ofstream(options.agent_tokens.file) << "s3cret-bad " << user << "\n";
  hub_->Reload();
  ASSERT_THAT(Get("admin", "/metrics"), StartsWith("HTTP/1.1 200"));  // behind the reload
  EXPECT_THAT(connect("s3cret-bad"), IsOk());
  EXPECT_FALSE(connect("s3cret-good").ok());
}

TEST_F(HubReloadTest, AStopTellsOurAgentsAndDialsNoMore) {
  StartHub();
  const auto paris = StartAgent("paris");
  TestAgent plain({.hub = AgentsPort(certificates_.Agent("tokyo")), .plain = true});
  ASSERT_THAT(plain.Connected(), IsOk());
  RawClient ours(folder_ + "/connect.sock");
  auto theirs = std::make_unique<RawClient>(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(ours, "echo.paris:7"), kEstablished);
  ASSERT_EQ(Connect(*theirs, "echo.tokyo:7"), kEstablished);
  RawClient slow(folder_ + "/connect.sock");
  slow.Send("CONNECT echo.paris:7 HT");
  ASSERT_TRUE(AwaitMetric("konnectivity_network_proxy_server_http_connections 3"));

  hub_->Stop();
  EXPECT_TRUE(paris->AwaitDrained());
  while (Get("health", "/readyz").find("the hub is stopping") == std::string::npos) {
  }
  slow.Send("TP/1.1\r\n\r\n");
  EXPECT_THAT(slow.ReadToEnd(), AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("is stopping")));
  for (RawClient* client : {&ours, theirs.get()}) {
    client->Send("still here");
    EXPECT_EQ(client->ReadUntil("here"), "still here");
  }
  EXPECT_FALSE(plain.drained()) << "Konnectivity's agents are left alone";
  ours.FinishSending();
  EXPECT_EQ(ours.ReadToEnd(), "");
  theirs.reset();
  AwaitStopped();
}

}  // namespace
}  // namespace hawser::hub
