// A whole hub over loopback with real TLS: agents and clients of both front ends.
#include "hub/hub.h"

#include <sys/stat.h>
#include <unistd.h>

#include <string>

#include "hub/test_hub.h"
#include "lib/control/client.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using ::testing::Not;
using ::testing::StartsWith;
using testing::StatusIs;
using tunnel::Hop;
using tunnel::Reason;

TEST_F(HubTest, ConnectOverUnixSocketReachesTheNamedCluster) {
  StartHub();
  // Several of each, so that sessions live on both shards.
  const auto paris = StartAgent("paris", "p"), tokyo = StartAgent("tokyo", "t");
  const auto rome = StartAgent("rome", "r");
  for (const auto& [cluster, answer] :
       {std::pair("paris", "p"), std::pair("tokyo", "t"), std::pair("ROME.", "r")}) {
    RawClient client(folder_ + "/connect.sock");
    EXPECT_EQ(Connect(client, std::string("name.default.svc.") + cluster + ":80"), kEstablished);
    EXPECT_EQ(client.ReadToEnd(), answer) << "no stray byte, and the target's end";
  }
  EXPECT_THAT(paris->dials(), ElementsAre("name.default.svc.paris:80"))
      << "the address goes to the agent unchanged";
}

TEST_F(HubTest, ConnectOverTlsEchoes) {
  StartHub();
  const auto agents = {StartAgent("paris", "1"), StartAgent("paris", "2")};
  for (const char* alpn : {"", "http/1.1"}) {
    for (int i = 0; i < 2; ++i) {  // one replica after the other
      RawClient client(PortOf("http-connect"), certificates_.Client("ann"), alpn);
      ASSERT_TRUE(client.ok());
      ASSERT_EQ(Connect(client, "echo.paris:7"), kEstablished);
      client.Send("hello");
      EXPECT_EQ(client.ReadUntil("hello"), "hello");
      client.FinishSending();
      EXPECT_EQ(client.ReadToEnd(), "");
    }
  }
  for (const auto& agent : agents) EXPECT_TRUE(agent->AwaitOpen(0));
}

TEST_F(HubTest, BytesSentWithTheRequestAreNotLost) {
  StartHub();
  const auto paris = StartAgent("paris");
  for (const size_t size : {5, 10'000}) {  // within and beyond what travels with a dial
    RawClient client(folder_ + "/connect.sock");
    const std::string early(size, 'e');
    client.Send("CONNECT echo.paris:7 HTTP/1.1\r\n\r\n" + early);
    client.FinishSending();
    EXPECT_EQ(client.ReadToEnd(), kEstablished + early);
  }
}

TEST_F(HubTest, PlainAgentsWorkToo) {
  StartHub();
  TestAgent agent({.hub = AgentsPort(certificates_.Agent("paris")), .plain = true});
  ASSERT_THAT(agent.Connected(), IsOk());
  RawClient client(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(client, "echo.paris:7"), kEstablished);
  client.Send("hello");
  EXPECT_EQ(client.ReadUntil("hello"), "hello");
  TestClient grpc(GrpcSocket());
  ASSERT_THAT(grpc.Connected(), IsOk());
  const auto tunnel = grpc.Dial("echo.paris:7");
  ASSERT_EQ(tunnel->Dialled(), std::nullopt);
  tunnel->Send("hello");
  EXPECT_TRUE(tunnel->AwaitReceived("hello"));
}

TEST_F(HubTest, ConnectFailuresSayWhy) {
  StartHub();
  const auto paris = StartAgent("paris");
  const auto answer = [this](const std::string& target) {
    RawClient client(folder_ + "/connect.sock");
    return Connect(client, target);
  };
  EXPECT_THAT(answer("refused.paris:80"),
              AllOf(StartsWith("HTTP/1.1 502 dial tcp refused.paris:80: connection refused "
                               "(refused at the target)\r\n"),
                    HasSubstr("Connection: close\r\n"),
                    HasSubstr("Hawser-Reason: refused\r\nHawser-Hop: target\r\n"),
                    HasSubstr("dial tcp refused.paris:80: connection refused")));
  EXPECT_THAT(answer("web.rome:80"),
              AllOf(StartsWith("HTTP/1.1 503 no agent available for \"web.rome\" "
                               "(no_agent at the hub)\r\n"),
                    HasSubstr("Hawser-Reason: no_agent\r\nHawser-Hop: hub\r\n"),
                    HasSubstr("no agent available for \"web.rome\"")));
  EXPECT_THAT(answer("10.0.0.1:80"), StartsWith("HTTP/1.1 503"));
  EXPECT_THAT(answer("web.paris"), StartsWith("HTTP/1.1 400"));
}

TEST_F(HubTest, PagesThatNameTenantsAreOnTheUnixSocketOnly) {
  StartHub();
  for (const char* page : {"/debug/sessions", "/debug/connections"}) {
    EXPECT_THAT(GetDebug(page), StartsWith("HTTP/1.1 200"));
    for (const char* port : {"admin", "health"})
      EXPECT_THAT(Get(port, page), StartsWith("HTTP/1.1 404")) << port;
  }
  const auto mode = std::filesystem::status(folder_ + "/admin.sock").permissions();
  EXPECT_EQ(mode, std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST_F(HubTest, OnlyConnectIsServed) {
  StartHub();
  RawClient client(folder_ + "/connect.sock");
  client.Send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_THAT(client.ReadToEnd(),
              StartsWith("HTTP/1.1 405 this proxy only supports CONNECT passthrough\r\n"));
  RawClient garbage(folder_ + "/connect.sock");
  garbage.Send("\x16\x03\x01 garbage\r\n\r\n");
  EXPECT_THAT(garbage.ReadToEnd(), StartsWith("HTTP/1.1 400"));
  RawClient endless(folder_ + "/connect.sock");
  endless.Send("CONNECT a.b:1 HTTP/1.1\r\nX: " + std::string(64 * 1024, 'x'));
  EXPECT_THAT(endless.ReadToEnd(), StartsWith("HTTP/1.1 431"));
}

TEST_F(HubTest, SlowHeadsAreCutOff) {
  Options options = DefaultOptions();
  options.limits.request_head_timeout = std::chrono::milliseconds(50);
  StartHub(options);
  RawClient client(folder_ + "/connect.sock");
  client.Send("CONNECT web.paris:80 HT");
  EXPECT_THAT(client.ReadToEnd(), StartsWith("HTTP/1.1 408"));
}

TEST_F(HubTest, GrpcCarriesBytesAndEndsBothWays) {
  StartHub();
  const auto paris = StartAgent("paris"), tokyo = StartAgent("tokyo");
  for (const HubAddress& front : {GrpcSocket(), GrpcPort(certificates_.Client("ann"))}) {
    TestClient client(front);
    ASSERT_THAT(client.Connected(), IsOk());
    // Both clusters: one session shares the client's shard, the other does not.
    for (const char* cluster : {"paris", "tokyo"}) {
      const auto tunnel = client.Dial(std::string("echo.") + cluster + ":7");
      ASSERT_EQ(tunnel->Dialled(), std::nullopt);
      const std::string bytes(3'000'000, 'b');
      tunnel->Send(bytes);
      EXPECT_TRUE(tunnel->AwaitReceived(bytes));
      tunnel->Finish();
      EXPECT_TRUE(tunnel->AwaitEnd());
      EXPECT_EQ(tunnel->Closed(), std::nullopt);
    }
  }
  EXPECT_TRUE(paris->AwaitOpen(0));
  EXPECT_TRUE(tokyo->AwaitOpen(0));
}

TEST_F(HubTest, GrpcFailuresSayWhy) {
  StartHub();
  const auto paris = StartAgent("paris");
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  const auto refused = client.Dial("refused.paris:80")->Dialled();
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, Reason::kRefused);
  EXPECT_EQ(refused->hop, Hop::kTarget);
  const auto unknown = client.Dial("web.rome:80")->Dialled();
  ASSERT_TRUE(unknown);
  EXPECT_EQ(unknown->reason, Reason::kNoAgent);
  EXPECT_THAT(unknown->text, HasSubstr("web.rome"));
  const auto malformed = client.Dial("nowhere")->Dialled();
  ASSERT_TRUE(malformed);
  EXPECT_EQ(malformed->reason, Reason::kProtocolError);
}

TEST_F(HubTest, ForeignNamesAreRefused) {
  StartHub();
  TestAgent impostor(
      {.hub = AgentsPort(certificates_.Agent("paris")), .identifiers = "host=tokyo"});
  EXPECT_THAT(impostor.Connected(),
              StatusIs(StatusCode::kPermissionDenied,
                       HasSubstr("cluster paris, but it announced host=tokyo")));
  impostor.Ended().IgnoreError();
  EXPECT_THAT(Get("admin", "/metrics"),
              HasSubstr("hawser_refused_agents_total{reason=\"foreign_name\"} 1"));
  RawClient client(folder_ + "/connect.sock");
  EXPECT_THAT(Connect(client, "web.tokyo:80"), StartsWith("HTTP/1.1 503"));
}

TEST_F(HubTest, CertificateModeRefusesUnnamedAgents) {
  Options options = DefaultOptions();
  options.agent_identity = AgentIdentityMode::kCertificate;
  StartHub(options);
  TestAgent agent({.hub = AgentsPort(certificates_.AgentWithoutIdentity())});
  EXPECT_THAT(agent.Connected(), StatusIs(StatusCode::kPermissionDenied, HasSubstr("no cluster")));
}

TEST_F(HubTest, ClaimedNamesAreClosedToAssertedAgents) {
  StartHub();
  TestAgent asserted({.hub = AgentsPort(certificates_.AgentWithoutIdentity()),
                      .agent_id = "impostor",
                      .identifiers = "host=paris&default-route=true"});
  ASSERT_THAT(asserted.Connected(), IsOk());
  auto paris = StartAgent("paris", "genuine");
  const auto ask = [this](const std::string& target) {
    RawClient client(folder_ + "/connect.sock");
    const std::string answer = Connect(client, target);
    return answer == kEstablished ? client.ReadToEnd() : answer;
  };
  EXPECT_EQ(ask("name.paris:80"), "genuine");
  EXPECT_EQ(ask("name.elsewhere:80"), "impostor");
  paris->Lose();
  paris->Ended().IgnoreError();
  std::string answer;
  do {
    answer = ask("name.paris:80");
  } while (answer.find("agent_lost") != std::string::npos);  // until the hub has noticed
  EXPECT_THAT(answer, HasSubstr("no_agent"));
}

TEST_F(HubTest, StrangersDoNotGetIn) {
  StartHub();
  for (const net::TlsFiles& files :
       {certificates_.ForeignAgent("paris"), certificates_.ExpiredAgent("paris"),
        certificates_.Client("ann")}) {
    TestAgent agent({.hub = AgentsPort(files)});
    EXPECT_FALSE(agent.Connected().ok());
  }
  // An agent's certificate opens no front end.
  RawClient client(PortOf("http-connect"), certificates_.Agent("paris"), "");
  EXPECT_EQ(Connect(client, "web.paris:80"), "");
  EXPECT_THAT(Get("admin", "/metrics"), HasSubstr("hawser_failed_handshakes_total"));
}

TEST_F(HubTest, LostAgentFailsItsDialsAtOnce) {
  StartHub();
  const auto paris = StartAgent("paris");
  RawClient client(folder_ + "/connect.sock");
  client.Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n");
  TestClient grpc(GrpcSocket());
  ASSERT_THAT(grpc.Connected(), IsOk());
  const auto tunnel = grpc.Dial("silent.paris:80");
  ASSERT_TRUE(paris->AwaitDials(2));
  paris->Lose();
  EXPECT_THAT(client.ReadToEnd(), AllOf(StartsWith("HTTP/1.1 502"), HasSubstr("agent_lost")));
  const auto failure = tunnel->Dialled();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, Reason::kAgentLost);
}

TEST_F(HubTest, AnotherReplicaIsTriedWhenOneIsLost) {
  StartHub();
  auto first = StartAgent("paris", "1");
  RawClient client(folder_ + "/connect.sock");
  client.Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n");
  TestClient grpc(GrpcSocket());
  ASSERT_THAT(grpc.Connected(), IsOk());
  const auto tunnel = grpc.Dial("silent.paris:80");
  ASSERT_TRUE(first->AwaitDials(2));
  const auto second = StartAgent("paris", "2");
  first->Lose();
  EXPECT_TRUE(second->AwaitDials(2));
  second->Lose();
  EXPECT_THAT(client.ReadToEnd(), HasSubstr("agent_lost")) << "once only";
  EXPECT_TRUE(tunnel->Dialled());
}

TEST_F(HubTest, FirstBytesGoAlongWhenAnotherReplicaIsTried) {
  StartHub();
  auto first = StartAgent("paris", "1");
  RawClient client(folder_ + "/connect.sock");
  client.Send("CONNECT held.paris:80 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(first->AwaitDials(1));
  client.Send("first, ");
  ASSERT_TRUE(client.AwaitRead());
  const auto second = StartAgent("paris", "2");
  first->Lose();
  EXPECT_EQ(client.ReadUntil("\r\n\r\n"), kEstablished);
  client.Send("second");
  EXPECT_EQ(client.ReadUntil("second"), "first, second");
}

TEST_F(HubTest, FirstBytesGoAlongWhenTheFirstReplicaHasNoRoom) {
  StartHub();
  const auto full = StartAgent("paris", "1"), other = StartAgent("paris", "2");
  // Whichever is asked first.
  for (int i = 0; i < 8; ++i) {
    RawClient client(folder_ + "/connect.sock");
    client.Send("CONNECT full.paris:80 HTTP/1.1\r\n\r\nfirst, ");
    EXPECT_EQ(client.ReadUntil("\r\n\r\n"), kEstablished);
    client.Send("second");
    EXPECT_EQ(client.ReadUntil("second"), "first, second");
    TestClient grpc(GrpcSocket());
    ASSERT_THAT(grpc.Connected(), IsOk());
    EXPECT_EQ(grpc.Dial("full.paris:80")->Dialled(), std::nullopt);
  }
  EXPECT_FALSE(full->dials().empty());
}

TEST_F(HubTest, LostAgentEndsItsConnections) {
  StartHub();
  const auto paris = StartAgent("paris");
  RawClient client(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(client, "echo.paris:7"), kEstablished);
  TestClient grpc(GrpcSocket());
  ASSERT_THAT(grpc.Connected(), IsOk());
  const auto tunnel = grpc.Dial("echo.paris:7");
  ASSERT_EQ(tunnel->Dialled(), std::nullopt);
  paris->Lose();
  EXPECT_EQ(client.ReadToEnd(), "");
  const auto failure = tunnel->Closed();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, Reason::kAgentLost);
}

TEST_F(HubTest, DialsHaveADeadline) {
  Options options = DefaultOptions();
  options.backend_dial_timeout = std::chrono::milliseconds(50);
  StartHub(options);
  const auto paris = StartAgent("paris");
  RawClient client(folder_ + "/connect.sock");
  EXPECT_THAT(Connect(client, "silent.paris:80"),
              AllOf(StartsWith("HTTP/1.1 504"), HasSubstr("timed_out")));
  EXPECT_TRUE(paris->AwaitCancelled(1));
}

TEST_F(HubTest, ClientsThatHangUpLeaveNoDial) {
  StartHub();
  const auto paris = StartAgent("paris");
  {
    RawClient client(folder_ + "/connect.sock");
    client.Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(paris->AwaitDials(1));
  }
  EXPECT_TRUE(paris->AwaitCancelled(1));
  {
    RawClient client(PortOf("http-connect"), certificates_.Client("ann"), "");
    client.Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(paris->AwaitDials(2));
    client.FinishSending();  // it has not sent anything: nobody waits for an answer
    EXPECT_TRUE(paris->AwaitCancelled(2));
  }
  {
    RawClient client(folder_ + "/connect.sock");
    client.Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(paris->AwaitDials(3));
    client.Send("in haste");
    ASSERT_TRUE(client.AwaitRead());
  }
  EXPECT_TRUE(paris->AwaitCancelled(3));
  TestClient grpc(GrpcSocket());
  ASSERT_THAT(grpc.Connected(), IsOk());
  const auto tunnel = grpc.Dial("silent.paris:80");
  ASSERT_TRUE(paris->AwaitDials(4));
  tunnel->Cancel();
  EXPECT_TRUE(paris->AwaitCancelled(4));
}

TEST_F(HubTest, PendingDialsAreLimited) {
  Options options = DefaultOptions();
  options.limits.pending_dials = 1;
  StartHub(options);
  const auto paris = StartAgent("paris");
  RawClient first(folder_ + "/connect.sock");
  first.Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(paris->AwaitDials(1));
  RawClient second(folder_ + "/connect.sock");
  EXPECT_THAT(Connect(second, "echo.paris:7"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("overloaded")));
}

TEST_F(HubTest, OneClientLeavesPendingDialsToOthers) {
  Options options = DefaultOptions();
  options.limits.pending_dials = 20;  // 16 for one client
  StartHub(options);
  const auto paris = StartAgent("paris");
  std::vector<std::unique_ptr<RawClient>> greedy;
  for (int i = 0; i < 17; ++i) {
    greedy.push_back(std::make_unique<RawClient>(folder_ + "/connect.sock"));
    greedy.back()->Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n");
  }
  ASSERT_TRUE(paris->AwaitDials(16));
  EXPECT_TRUE(
      AwaitMetric("hawser_refusals_total{resource=\"pending_dials\",limit=\"identity\"} 1"));
  RawClient other(PortOf("http-connect"), certificates_.Client("ann"), "");
  EXPECT_EQ(Connect(other, "echo.paris:7"), kEstablished);
}

TEST_F(HubTest, AnAgentsConnectionCarriesTwoStreams) {
  StartHub();
  const auto paris = StartAgent("paris");
  EXPECT_EQ(paris->streams_available(), 1u);
}

TEST_F(HubTest, ConnectionsOfOneClusterAreLimited) {
  Options options = DefaultOptions();
  options.limits.sessions_per_cluster = 1;
  StartHub(options);
  const auto paris = StartAgent("paris");
  TestAgent second({.hub = AgentsPort(certificates_.Agent("paris"))});
  EXPECT_FALSE(second.Connected().ok());
  EXPECT_TRUE(
      AwaitMetric("hawser_refusals_total{resource=\"agent_connections\",limit=\"identity\"} 1"));
  StartAgent("tokyo");
}

TEST_F(HubTest, ConnectionsOfOneIdentityAreLimited) {
  Options options = DefaultOptions();
  options.limits.connections_per_identity = 1;
  StartHub(options);
  const auto paris = StartAgent("paris");
  RawClient first(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(first, "echo.paris:7"), kEstablished);
  RawClient second(folder_ + "/connect.sock");
  EXPECT_EQ(Connect(second, "echo.paris:7"), "");
  RawClient other(PortOf("http-connect"), certificates_.Client("ann"), "");
  EXPECT_EQ(Connect(other, "echo.paris:7"), kEstablished);
}

TEST_F(HubTest, AnAgentThatHangsLosesItsDialsToAnother) {
  StartHub();
  const auto hangs = StartAgent("paris", "1"), works = StartAgent("paris", "2");
  hangs->Pause();
  for (int i = 0; i < 4; ++i) {
    RawClient client(folder_ + "/connect.sock");
    EXPECT_EQ(Connect(client, "name.paris:80"), kEstablished);
    EXPECT_EQ(client.ReadToEnd(), "2");
    TestClient grpc(GrpcSocket());
    ASSERT_THAT(grpc.Connected(), IsOk());
    EXPECT_TRUE(grpc.Dial("name.paris:80")->AwaitReceived("2"));
  }
  hangs->Resume();
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  for (bool again = false; !again;) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "it is not asked again";
    RawClient client(folder_ + "/connect.sock");
    EXPECT_EQ(Connect(client, "name.paris:80"), kEstablished);
    again = client.ReadToEnd() == "1";
  }
}

TEST_F(HubTest, FirstBytesAreNotGivenToASecondAgent) {
  StartHub();
  const auto hangs = StartAgent("paris", "1");
  hangs->Pause();
  RawClient hasty(folder_ + "/connect.sock"), patient(folder_ + "/connect.sock");
  hasty.Send("CONNECT echo.paris:7 HTTP/1.1\r\n\r\nhello");
  patient.Send("CONNECT name.paris:80 HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(AwaitMetric("hawser_resource_in_use{resource=\"pending_dials\"} 2"));
  const auto works = StartAgent("paris", "2");
  EXPECT_THAT(hasty.ReadToEnd(), AllOf(StartsWith("HTTP/1.1 50"), HasSubstr("agent_lost")));
  EXPECT_EQ(patient.ReadToEnd(), std::string(kEstablished) + "2");
  EXPECT_THAT(works->dials(), ElementsAre("name.paris:80"));
}

TEST_F(HubTest, TheNewestSessionOfAnAgentGoesFirst) {
  StartHub();
  const auto older = StartAgent("paris", "a1"), newer = StartAgent("paris", "a1");
  for (int i = 0; i < 4; ++i) {
    RawClient client(folder_ + "/connect.sock");
    EXPECT_EQ(Connect(client, "name.paris:80"), kEstablished);
  }
  EXPECT_EQ(newer->dials().size(), 4u);
  newer->Lose();
  RawClient client(folder_ + "/connect.sock");
  EXPECT_EQ(Connect(client, "name.paris:80"), kEstablished);
  EXPECT_EQ(older->dials().size(), 1u);
}

TEST_F(HubTest, DrainingAgentsAreTheLastResort) {
  StartHub();
  const auto first = StartAgent("paris", "1"), second = StartAgent("paris", "2");
  first->Drain();
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  // The hub has read the DRAIN when it answers what was sent behind it.
  while (GetDebug("/debug/sessions").find("\"draining\": true") == std::string::npos) {
  }
  for (int i = 0; i < 4; ++i) EXPECT_TRUE(client.Dial("name.paris:80")->AwaitReceived("2"));
  second->Lose();
  while (!client.Dial("name.paris:80")->AwaitReceived("1")) {
  }
}

TEST_F(HubTest, UnixSocketsHaveTheAccessTheyAreGiven) {
  const auto mode = [this](const char* name) {
    struct stat info {};
    EXPECT_EQ(stat((folder_ + name).c_str(), &info), 0) << name;
    return info.st_mode & 0777;
  };
  StartHub();
  EXPECT_EQ(mode("/grpc.sock"), 0600u);
  EXPECT_EQ(mode("/connect.sock"), 0600u);
  StopHub();
  Options options = DefaultOptions();
  options.uds_access = {.mode = 0660, .group = getgid()};
  StartHub(options);
  EXPECT_EQ(mode("/grpc.sock"), 0660u);
  EXPECT_EQ(mode("/connect.sock"), 0660u);
}

TEST_F(HubTest, ReadinessFollowsTheAgents) {
  StartHub();
  const auto is_ok = AllOf(StartsWith("HTTP/1.1 200"), EndsWith("\r\n\r\nok"));
  EXPECT_THAT(Get("health", "/healthz"), is_ok);
  EXPECT_THAT(Get("health", "/readyz"),
              AllOf(StartsWith("HTTP/1.1 503"), HasSubstr("no agent is connected")));
  const auto paris = StartAgent("paris");
  for (const char* path : {"/readyz", "/ready"}) EXPECT_THAT(Get("health", path), is_ok);
  EXPECT_THAT(Get("health", "/readyz?verbose"), HasSubstr("[+]agents ok"));
}

TEST_F(HubTest, MetricsAndListingsShowWhatGoesOn) {
  StartHub();
  const auto paris = StartAgent("paris");
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  const auto tunnel = client.Dial("echo.paris:7");
  ASSERT_EQ(tunnel->Dialled(), std::nullopt);
  tunnel->Send("hello");
  ASSERT_TRUE(tunnel->AwaitReceived("hello"));
  const std::string metrics = Get("admin", "/metrics");
  EXPECT_THAT(Get("health", "/metrics"), HasSubstr("_server_established_connections 1\n"));
  for (const char* line :
       {"konnectivity_network_proxy_server_dial_duration_seconds_count 1",
        "konnectivity_network_proxy_server_grpc_connections{service_method=\"Proxy\"} 1",
        "konnectivity_network_proxy_server_ready_backend_connections 1",
        "konnectivity_network_proxy_server_established_connections 1",
        "konnectivity_network_proxy_server_pending_backend_dials 0",
        "stream_packets_total{segment=\"from_client\",packet_type=\"DIAL_REQ\"} 1",
        "stream_packets_total{segment=\"to_agent\",packet_type=\"DATA\"} 1",
        "hawser_bytes_total{cluster=\"paris\",direction=\"to_agent\"} 5",
        "hawser_sessions{cluster=\"paris\"} 1", "hawser_certificate_expiry_seconds",
        "hawser_build_info"})
    EXPECT_THAT(metrics, HasSubstr(line));
  EXPECT_THAT(GetDebug("/debug/sessions"),
              AllOf(HasSubstr("\"cluster\": \"paris\""), HasSubstr("\"connections\": 1"),
                    HasSubstr("demand,early,fin,reason,window")));
  EXPECT_THAT(GetDebug("/debug/connections"), HasSubstr("\"bytes_to_target\": 5"));
}

TEST_F(HubTest, ControlApiShowsClustersAndSessions) {
  Options options = DefaultOptions();
  options.control_path = folder_ + "/control.sock";
  StartHub(options);
  const auto first = StartAgent("paris", "1"), second = StartAgent("paris", "2");
  const auto tokyo = StartAgent("tokyo", "3");
  first->Drain();
  auto control = control::Client::Make("unix:" + options.control_path);
  ASSERT_THAT(control, IsOk());
  const auto clusters = control->GetClusters();
  ASSERT_THAT(clusters, IsOk());
  ASSERT_EQ(clusters->clusters_size(), 2);
  const control::Cluster& paris = clusters->clusters(0);
  EXPECT_EQ(paris.name(), "paris");
  EXPECT_EQ(paris.agents(), 2);
  EXPECT_EQ(paris.state(), control::READY);
  EXPECT_GT(paris.connected_since().seconds(), 0);
  EXPECT_GT(paris.certificate_not_after().seconds(), paris.connected_since().seconds());
  const auto sessions = control->GetSessions("tokyo");
  ASSERT_THAT(sessions, IsOk());
  ASSERT_EQ(sessions->sessions_size(), 1);
  EXPECT_EQ(sessions->sessions(0).agent_id(), "3");
  EXPECT_EQ(sessions->sessions(0).features_size(), 5);

  // A watch sees an agent leave.
  bool synced = false;
  const absl::Status watched = control->WatchClusters([&](const control::ClusterEvent& event) {
    if (event.type() == control::ClusterEvent::SYNCED) {
      synced = true;
      tokyo->Lose();
    }
    return !(event.type() == control::ClusterEvent::DELETED && event.cluster().name() == "tokyo");
  });
  EXPECT_THAT(watched, IsOk());
  EXPECT_TRUE(synced);
}

TEST_F(HubTest, StopWaitsForOpenConnections) {
  StartHub();
  const auto paris = StartAgent("paris");
  RawClient raw(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(raw, "echo.paris:7"), kEstablished);
  TestClient grpc(GrpcSocket());
  ASSERT_THAT(grpc.Connected(), IsOk());
  const auto tunnel = grpc.Dial("echo.paris:7");
  ASSERT_EQ(tunnel->Dialled(), std::nullopt);
  hub_->Stop();
  while (Get("health", "/readyz").find("the hub is stopping") == std::string::npos) {
  }
  tunnel->Send("still here");
  EXPECT_TRUE(tunnel->AwaitReceived("still here"));
  raw.Send("still here");
  EXPECT_EQ(raw.ReadUntil("here"), "still here");
  tunnel->Finish();
  EXPECT_EQ(tunnel->Closed(), std::nullopt);
  EXPECT_THAT(grpc.Ended(), StatusIs(StatusCode::kUnavailable, HasSubstr("goaway")));
  raw.FinishSending();
  EXPECT_EQ(raw.ReadToEnd(), "");
  AwaitStopped();
}

// They drop what they have not written to the target when they are told of an end, or lose us.
TEST_F(HubTest, StopLeavesPlainAgentsTheTimeToWrite) {
  StartHub();
  TestAgent paris({.hub = AgentsPort(certificates_.Agent("paris")), .plain = true});
  ASSERT_THAT(paris.Connected(), IsOk());
  {
    RawClient client(folder_ + "/connect.sock");
    ASSERT_EQ(Connect(client, "stuck.paris:80"), kEstablished);
    client.Send("last words");
  }
  hub_->Stop();
  AwaitStopped();
  EXPECT_TRUE(paris.AwaitOpen(0));
  EXPECT_EQ(paris.cut(), 0u);
}

// Over TLS a client that closes looks like one that half-closes, whose answer is waited for.
TEST_F(HubTest, AClientThatClosedIsNotWaitedForBehindAPlainAgent) {
  StartHub();
  TestAgent paris({.hub = AgentsPort(certificates_.Agent("paris")), .plain = true});
  ASSERT_THAT(paris.Connected(), IsOk());
  RawClient stays(PortOf("http-connect"), certificates_.Client("ann"), "");
  ASSERT_EQ(Connect(stays, "stuck.paris:80"), kEstablished);
  stays.Send("request");
  stays.FinishSending();
  {
    RawClient leaves(PortOf("http-connect"), certificates_.Client("ann"), "");
    ASSERT_EQ(Connect(leaves, "stuck.paris:80"), kEstablished);
    leaves.Send("last words");
    leaves.FinishSending();
  }
  EXPECT_TRUE(paris.AwaitOpen(1));
  EXPECT_EQ(paris.cut(), 0u);
}

TEST_F(HubTest, StopHasADeadline) {
  Options options = DefaultOptions();
  options.graceful_shutdown_timeout = std::chrono::milliseconds(50);
  StartHub(options);
  const auto paris = StartAgent("paris");
  RawClient client(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(client, "echo.paris:7"), kEstablished);
  hub_->Stop();
  AwaitStopped();
  EXPECT_EQ(client.ReadToEnd(), "");
}

TEST_F(HubTest, PortsInUseAreNamed) {
  StartHub();
  Options options = DefaultOptions();
  options.agents.port = PortOf("agents");
  EXPECT_THAT(Hub::Create(options),
              StatusIs(StatusCode::kAlreadyExists,
                       AllOf(HasSubstr("serve agents"), HasSubstr("127.0.0.1:"))));
  EXPECT_THAT(Hub::Create(DefaultOptions()),
              StatusIs(StatusCode::kAlreadyExists, HasSubstr("grpc.sock")));
}

TEST_F(HubTest, MissingFilesAreNamed) {
  Options options = DefaultOptions();
  options.cluster_tls.certificate = folder_ + "/missing.crt";
  EXPECT_THAT(Hub::Create(options), StatusIs(StatusCode::kNotFound, HasSubstr("missing.crt")));
}

}  // namespace
}  // namespace hawser::hub
