// Each metric of the hub, driven by its cause.
#include <algorithm>
#include <cmath>
#include <map>
#include <regex>
#include <set>

#include "hub/test_hub.h"
#include "lib/base/descriptor_limit.h"

namespace hawser::hub {
namespace {

using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using ::testing::StartsWith;

class HubMetricsTest : public HubTest {
 protected:
  // Of a Konnectivity metric, with its labels.
  bool AwaitServer(const std::string& line) {
    return AwaitMetric("konnectivity_network_proxy_server_" + line);
  }
};

// Of `family`, by labels as they are written.
std::map<std::string, double> Samples(const std::string& page, const std::string& family) {
  std::map<std::string, double> samples;
  const std::regex line("\n" + family + R"(\{(.*)\} (\S+))");
  for (std::sregex_iterator each(page.begin(), page.end(), line), end; each != end; ++each)
    samples[(*each)[1]] = std::stod((*each)[2]);
  return samples;
}

TEST_F(HubMetricsTest, WhateverIsScarceHasAShareAndATotal) {
  StartHub();
  const auto paris = StartAgent("paris");
  const std::string page = Get("admin", "/metrics");
  const auto limits = Samples(page, "hawser_resource_limit");
  // The descriptors but those that agents and clients leave each other.
  const auto connections = static_cast<double>(base::DescriptorLimit() - 16);
  const double mib = 1024 * 1024;
  std::map<std::string, double> expected = {
      {R"(resource="pending_dials",limit="total")", 100},
      {R"(resource="pending_dials",limit="identity")", 25},
      {R"(resource="sessions",limit="total")", 2 * connections},
      {R"(resource="sessions",limit="identity")", 64},
      {R"(resource="agent_connections",limit="total")", connections},
      {R"(resource="agent_connections",limit="identity")", 64},
      {R"(resource="agent_connections",limit="address")", 1000},
      {R"(resource="client_connections",limit="total")", connections},
      {R"(resource="client_connections",limit="identity")",
       std::min(1000.0, std::floor(connections / 2))},
      {R"(resource="client_connections",limit="address")", 1000},
      {R"(resource="buffered_bytes",limit="total")", 64 * mib},
      {R"(resource="buffered_bytes",limit="identity")", 16 * mib},
      {R"(resource="connection_bytes",limit="total")", 64 * mib},
      {R"(resource="connection_bytes",limit="identity")", 16 * mib},
      {R"(resource="page_connections",limit="total")", 128},
      {R"(resource="page_connections",limit="address")", 32},
  };
  for (const std::string port : {"agents", "grpc", "http-connect"})
    for (const std::string limit : {"total", "address"})
      expected["resource=\"unfinished_handshakes\",limit=\"" + limit + "\",port=\"" + port + "\""] =
          64;
  EXPECT_EQ(limits, expected);
  const auto in_use = Samples(page, "hawser_resource_in_use");
  EXPECT_EQ(in_use.at(R"(resource="sessions")"), 1);
  EXPECT_EQ(in_use.at(R"(resource="agent_connections")"), 1);
  // Each kind in use has both limits, and there is no limit of anything else.
  std::set<std::string> limited;
  for (const auto& [labels, amount] : in_use) {
    const std::string resource = labels.substr(0, labels.find(','));
    const std::string port = labels.substr(resource.size());
    const std::string begin = resource + ",limit=\"";
    EXPECT_TRUE(limits.contains(begin + "total\"" + port)) << labels;
    EXPECT_TRUE(limits.contains(begin + "identity\"" + port) ||
                limits.contains(begin + "address\"" + port))
        << labels;
    limited.insert(resource);
  }
  for (const auto& [labels, amount] : limits)
    EXPECT_TRUE(limited.contains(labels.substr(0, labels.find(',')))) << labels;
}

TEST_F(HubMetricsTest, DialsThatFailAreCountedByReason) {
  Options options = DefaultOptions();
  options.backend_dial_timeout = std::chrono::milliseconds(500);
  StartHub(options);
  const auto paris = StartAgent("paris"), tokyo = StartAgent("tokyo");
  const auto ask = [this](const std::string& target) {
    RawClient client(folder_ + "/connect.sock");
    return Connect(client, target);
  };
  EXPECT_THAT(ask("web.rome:80"), StartsWith("HTTP/1.1 503"));
  EXPECT_TRUE(AwaitServer("dial_failure_count{reason=\"no_agent\"} 1"));
  EXPECT_THAT(ask("refused.paris:80"), StartsWith("HTTP/1.1 502"));
  EXPECT_TRUE(AwaitServer("dial_failure_count{reason=\"error_response\"} 1"));
  EXPECT_THAT(ask("silent.paris:80"), StartsWith("HTTP/1.1 504"));
  EXPECT_TRUE(AwaitServer("dial_failure_count{reason=\"backend_dial_timeout\"} 1"));
  {
    RawClient client(folder_ + "/connect.sock");
    client.Send("CONNECT silent.tokyo:80 HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(tokyo->AwaitDials(1));
    tokyo->Lose();
    EXPECT_THAT(client.ReadToEnd(), HasSubstr("agent_lost"));
  }
  EXPECT_TRUE(AwaitServer("dial_failure_count{reason=\"backend_close\"} 1"));
  EXPECT_TRUE(AwaitMetric("hawser_dial_failures_total{reason=\"agent_lost\"} 1"));
  {
    RawClient client(folder_ + "/connect.sock");
    client.Send("CONNECT silent.paris:80 HTTP/1.1\r\n\r\n");
    ASSERT_TRUE(paris->AwaitDials(3));
  }
  EXPECT_TRUE(AwaitServer("dial_failure_count{reason=\"frontend_close\"} 1"));
}

TEST_F(HubMetricsTest, ALateAnswerLeavesNoConnectionAndIsCounted) {
  StartHub();
  const auto paris = StartAgent("paris");
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  const auto tunnel = client.Dial("late.paris:80");
  ASSERT_TRUE(paris->AwaitDials(1));
  EXPECT_TRUE(AwaitServer("pending_backend_dials 1"));
  tunnel->Cancel();
  ASSERT_TRUE(paris->AwaitCancelled(1)) << "DIAL_CLS reached the agent";
  // The agent has opened a connection by now: it is told to close it.
  EXPECT_TRUE(
      AwaitServer("stream_packets_total{segment=\"to_agent\",packet_type=\"CLOSE_REQ\"} 1"));
  EXPECT_TRUE(AwaitServer("dial_failure_count{reason=\"unrecognized_response\"} 1"));
  EXPECT_TRUE(AwaitServer("established_connections 0"));
  EXPECT_TRUE(AwaitServer("pending_backend_dials 0"));
  EXPECT_TRUE(AwaitServer(
      "stream_errors_total{segment=\"from_client\",code=\"Canceled\",packet_type=\"Unknown\"} 1"));
}

TEST_F(HubMetricsTest, ADialThatIsGivenUpIsPendingUntilItsAgentHasAnswered) {
  StartHub();
  const auto paris = StartAgent("paris");
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  const auto tunnel = client.Dial("silent.paris:80");
  ASSERT_TRUE(paris->AwaitDials(1));
  paris->Pause();
  tunnel->CancelDial();
  ASSERT_TRUE(AwaitServer("dial_failure_count{reason=\"frontend_close\"} 1"));
  EXPECT_TRUE(AwaitServer("pending_backend_dials 1"));
  paris->Resume();
  EXPECT_TRUE(AwaitServer("pending_backend_dials 0"));
}

TEST_F(HubMetricsTest, ConnectionsAreCountedAndTimed) {
  StartHub();
  const auto paris = StartAgent("paris");
  EXPECT_TRUE(AwaitServer("ready_backends{proxy_strategy=\"default\"} 1"));
  EXPECT_TRUE(AwaitServer("ready_backend_connections 1"));
  EXPECT_TRUE(AwaitServer("grpc_connections{service_method=\"Connect\"} 1"));
  EXPECT_TRUE(AwaitServer("culled_leases_count 0"));
  EXPECT_TRUE(AwaitMetric("hawser_accepted_agents_total 1"));
  EXPECT_TRUE(AwaitMetric("hawser_round_trip_seconds{cluster=\"paris\"} "));
  {
    RawClient raw(folder_ + "/connect.sock");
    ASSERT_EQ(Connect(raw, "echo.paris:7"), kEstablished);
    raw.Send("hello");
    ASSERT_EQ(raw.ReadUntil("hello"), "hello");
    EXPECT_TRUE(AwaitServer("http_connections 1"));
    EXPECT_TRUE(AwaitServer("established_connections 1"));
    EXPECT_TRUE(AwaitServer("dial_duration_seconds_count 1"));
    EXPECT_TRUE(AwaitServer("frontend_write_duration_seconds_count 1"));
    EXPECT_TRUE(AwaitServer("connection_duration_seconds_count 0"));
    EXPECT_THAT(GetDebug("/debug/connections"),
                ::testing::AllOf(HasSubstr("\"target\": \"echo.paris:7\""),
                                 HasSubstr("\"client\": \"unix:" + std::to_string(getuid()))));
  }
  EXPECT_TRUE(AwaitServer("connection_duration_seconds_bucket{le=\"86400\"} 1"));
  EXPECT_TRUE(AwaitServer("connection_duration_seconds_count 1"));
  EXPECT_TRUE(AwaitServer("established_connections 0"));
  EXPECT_TRUE(AwaitServer("http_connections 0"));

  TestClient grpc(GrpcPort(certificates_.Client("ann")));
  ASSERT_THAT(grpc.Connected(), IsOk());
  const auto tunnel = grpc.Dial("echo.paris:7");
  ASSERT_EQ(tunnel->Dialled(), std::nullopt);
  EXPECT_TRUE(AwaitServer("grpc_connections{service_method=\"Proxy\"} 1"));
  EXPECT_THAT(GetDebug("/debug/connections"), HasSubstr("\"client\": \"client/ann\""));

  paris->Lose();
  EXPECT_TRUE(AwaitServer("ready_backends{proxy_strategy=\"default\"} 0"));
  EXPECT_TRUE(AwaitServer("stream_errors_total{segment=\"from_agent\",code=\""));
  EXPECT_TRUE(AwaitMetric("hawser_ended_sessions_total{reason=\""));
  EXPECT_TRUE(AwaitMetric("hawser_sessions{cluster=\"paris\"} 0"));
}

TEST_F(HubMetricsTest, SlowReadersShow) {
  StartHub();
  const auto paris = StartAgent("paris");
  TestClient grpc(GrpcSocket());
  ASSERT_THAT(grpc.Connected(), IsOk());
  const auto tunnel = grpc.Dial("stuck.paris:7");
  ASSERT_EQ(tunnel->Dialled(), std::nullopt);
  tunnel->Send(std::string(4'000'000, 's'));
  // Once the target's window is used up, nothing moves any more.
  EXPECT_TRUE(AwaitMetric("hawser_window_stalls_total 1"));
  EXPECT_TRUE(AwaitServer("full_receive_channels{service_method=\"Proxy\"} 1"));
  EXPECT_THAT(Get("admin", "/metrics"), Not(HasSubstr("\nhawser_buffered_bytes 0")));

  RawClient raw(folder_ + "/connect.sock");
  ASSERT_EQ(Connect(raw, "echo.paris:7"), kEstablished);
  raw.Send(std::string(4'000'000, 'r'));
  EXPECT_TRUE(AwaitServer("full_receive_channels{service_method=\"Connect\"} 1"));
}

TEST_F(HubMetricsTest, SurplusStreamsAreToldSoAndCounted) {
  Options options = DefaultOptions();
  options.limits.streams_per_connection = 2;
  StartHub(options);
  const auto paris = StartAgent("paris");
  TestClient client(GrpcSocket());
  ASSERT_THAT(client.Connected(), IsOk());
  const auto first = client.Dial("echo.paris:7"), second = client.Dial("echo.paris:7");
  ASSERT_EQ(first->Dialled(), std::nullopt);
  ASSERT_EQ(second->Dialled(), std::nullopt);
  const auto failure = client.Dial("echo.paris:7")->Dialled();
  ASSERT_TRUE(failure);
  EXPECT_EQ(failure->reason, tunnel::Reason::kOverloaded);
  EXPECT_EQ(failure->hop, tunnel::Hop::kHub);
  EXPECT_TRUE(AwaitMetric("hawser_surplus_streams_total 1"));
  second->Cancel();
  second->Closed();
  // Another one takes its place.
  EXPECT_EQ(client.Dial("echo.paris:7")->Dialled(), std::nullopt);
}

TEST_F(HubMetricsTest, StrangersAreCounted) {
  Options options = DefaultOptions();
  options.limits.connections_per_identity = 1;
  StartHub(options);
  TestAgent foreign({.hub = AgentsPort(certificates_.ForeignAgent("paris"))});
  EXPECT_FALSE(foreign.Connected().ok());
  EXPECT_TRUE(AwaitMetric("hawser_failed_handshakes_total 1"));
  RawClient first(folder_ + "/connect.sock");
  first.Send("GET / HTTP/1.1\r\n\r\n");
  EXPECT_THAT(first.ReadUntil("passthrough"), StartsWith("HTTP/1.1 405"));
  EXPECT_TRUE(AwaitMetric("hawser_refused_requests_total 1"));
  RawClient second(folder_ + "/connect.sock");
  EXPECT_EQ(second.ReadToEnd(), "");
  EXPECT_TRUE(AwaitMetric("hawser_refused_connections_total{port=\"http-connect\"} 1"));
}

}  // namespace
}  // namespace hawser::hub
