// Every metric of the agent, each by what causes it, as a scrape reads it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "lib/base/descriptor_limit.h"
#include "lib/kube/client.h"
#include "lib/kube/fake_api_server.h"
#include "lib/kube/lease.h"
#include "spoke/agent_fixture.h"

namespace hawser::spoke {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

class AgentMetricsTest : public AgentTest {
 protected:
  // The value of `sample`, a name with its labels; nothing when there is none.
  std::optional<double> Read(const std::string& sample) {
    std::istringstream lines(Admin("/metrics"));
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with(sample + " ")) return std::stod(line.substr(sample.size() + 1));
    return std::nullopt;
  }
  // Of the names that Konnectivity's agents have, too.
  std::optional<double> ReadCommon(const std::string& sample) {
    return Read("konnectivity_network_proxy_agent_" + sample);
  }
  void AwaitValue(const std::string& sample, double value) {
    Await([&] {
      loop_.Post([] {});  // look again
      return Read(sample) == value;
    });
  }
};

TEST_F(AgentMetricsTest, Dials) {
  options_.dial_timeout = milliseconds(50);
  Connect();
  {
    Target target(loop_);
    Open(target);
    EXPECT_EQ(ReadCommon("open_endpoint_connections"), 1);
  }
  EXPECT_EQ(ReadCommon("dial_duration_seconds_count"), 1);
  for (const char* bound : {"0.005", "0.025", "0.1", "0.5", "2.5", "10", "30", "+Inf"})
    EXPECT_TRUE(ReadCommon("dial_duration_seconds_bucket{le=\"" + std::string(bound) + "\"}"))
        << bound;
  UnansweringTarget silent;
  FailedDial(silent.address());
  EXPECT_EQ(ReadCommon("endpoint_dial_failure_total{reason=\"timeout\"}"), 1);
  EXPECT_EQ(ReadCommon("endpoint_dial_failure_total{reason=\"unknown\"}"), 0);
  FailedDial("no port");
  EXPECT_EQ(ReadCommon("endpoint_dial_failure_total{reason=\"unknown\"}"), 1);
  EXPECT_EQ(Read("hawser_dial_failures_total{reason=\"timed_out\"}"), 1);
  EXPECT_EQ(Read("hawser_dial_failures_total{reason=\"protocol_error\"}"), 1);
}

TEST_F(AgentMetricsTest, PacketsAndBytes) {
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  dialled->client->Send("question");
  Await([&, peer = peer] { return peer->received() == "question"; });
  peer->Send("answers");
  Await([&, client = dialled->client.get()] { return client->received() == "answers"; });
  const auto packets = [&](const std::string& segment, const std::string& type) {
    return ReadCommon("stream_packets_total{segment=\"" + segment + "\",packet_type=\"" + type +
                      "\"}");
  };
  EXPECT_EQ(packets("to_agent", "DIAL_REQ"), 1);
  EXPECT_EQ(packets("from_agent", "DIAL_RSP"), 1);
  EXPECT_GE(packets("from_agent", "DATA"), 1);
  EXPECT_EQ(packets("to_agent", "DIAL_CLS"), 0);
  EXPECT_EQ(Read("hawser_bytes_total{direction=\"to_target\"}"), 8);
  EXPECT_EQ(Read("hawser_bytes_total{direction=\"from_target\"}"), 7);
  EXPECT_EQ(Read("hawser_window_stalls_total"), 0);
  EXPECT_EQ(Read("hawser_buffered_bytes"), 0);
}

TEST_F(AgentMetricsTest, QueuedBytesAreBoundedByTheBudget) {
  options_.buffered_bytes = 200'000;  // less than one window
  Connect();
  Target target(loop_);
  const auto [dialled, peer] = Open(target);
  peer->ReadAtMost(0);
  dialled->client->Send(std::string(32'000'000, 'x'));
  // Nobody reads them: the queue is charged, and then has to go.
  AwaitValue("hawser_resets_total{resource=\"buffered_bytes\",limit=\"total\"}", 1);
  AwaitValue("hawser_buffered_bytes", 0);
  EXPECT_FALSE(Dial(target.address())->failure);
}

TEST_F(AgentMetricsTest, QueuedBytesOfOneClientAreBoundedByItsShare) {
  options_.buffered_bytes = 350'000;  // of which 210,000 are less than one window
  Connect();
  Target target(loop_);
  const auto dialled = hub_.Dial(*hub_.sessions().front(), target.address(), "client/ann");
  Await([&] { return dialled->done && !target.peers.empty(); });
  target.peers.back()->ReadAtMost(0);
  dialled->client->Send(std::string(32'000'000, 'x'));
  AwaitValue("hawser_resets_total{resource=\"buffered_bytes\",limit=\"identity\"}", 1);
  EXPECT_EQ(Read("hawser_resets_total{resource=\"buffered_bytes\",limit=\"total\"}"), 0);
  AwaitValue("hawser_buffered_bytes", 0);
}

TEST_F(AgentMetricsTest, WhateverIsScarceHasAShareAndATotal) {
  options_.buffered_bytes = 1'000'000;
  Connect();
  const auto descriptors = static_cast<double>(base::DescriptorLimit() - 128);  // for clients
  struct Resource {
    std::string name;
    double total, share;
    std::string whose = "identity";
  };
  const Resource resources[] = {
      {"buffered_bytes", 1'000'000, 600'000},
      {"descriptors", descriptors, std::floor(descriptors / 5) * 3},
      {"lookups", 2048, 1024},
      {"page_connections", 128, 32, "address"},
  };
  for (const auto& [name, total, share, whose] : resources) {
    const auto limit = [&, name = name](const std::string& kind) {
      return Read("hawser_resource_limit{resource=\"" + name + "\",limit=\"" + kind + "\"}");
    };
    EXPECT_EQ(limit("total"), total) << name;
    EXPECT_EQ(limit(whose), share) << name;
    EXPECT_TRUE(Read("hawser_resource_in_use{resource=\"" + name + "\"}")) << name;
  }
  // There is no other.
  const std::string page = Admin("/metrics");
  for (const auto& [family, of_each] :
       {std::pair("\nhawser_resource_in_use{", 1), {"\nhawser_resource_limit{", 2}}) {
    size_t count = 0;
    for (size_t at = page.find(family); at != std::string::npos; at = page.find(family, at + 1))
      ++count;
    EXPECT_EQ(count, of_each * std::size(resources)) << family;
  }

  Target target(loop_);
  const auto dialled = hub_.Dial(*hub_.sessions().front(), target.address(), "client/ann");
  Await([&] { return dialled->done; });
  EXPECT_EQ(Read("hawser_resource_in_use{resource=\"descriptors\"}"), 1);
}

TEST_F(AgentMetricsTest, Links) {
  Connect();
  AwaitValue("konnectivity_network_proxy_agent_open_server_connections", 1);
  EXPECT_EQ(ReadCommon("known_server_count"), 1);
  EXPECT_TRUE(Read("hawser_round_trip_seconds{server=\"hub\"}"));
  EXPECT_EQ(ReadCommon("server_connection_failure_count{direction=\"from_server\"}"), 0);
  EXPECT_EQ(ReadCommon("server_connection_failure_count{direction=\"to_server\"}"), 0);
  hub_.Stop();
  AwaitUnready("[-]server at 127.0.0.1:");
  EXPECT_EQ(ReadCommon("open_server_connections"), 0);
  EXPECT_EQ(ReadCommon("server_connection_failure_count{direction=\"from_server\"}"), 1);
  AwaitUnready("connection refused");
  EXPECT_GE(ReadCommon("server_connection_failure_count{direction=\"to_server\"}"), 1);
  EXPECT_EQ(Read("hawser_lost_links_total{reason=\"UNAVAILABLE\"}"), 1);
}

TEST_F(AgentMetricsTest, StreamErrors) {
  FakeHub strict(loop_, certificates_.HubAgentPort(),
                 {.refusal = absl::PermissionDeniedError("somebody else")});
  strict.Listen();
  options_.servers = {{"127.0.0.1", strict.port()}};
  Start();
  AwaitUnready("somebody else");
  EXPECT_GE(ReadCommon("stream_errors_total{segment=\"to_agent\",code=\"PermissionDenied\","
                       "packet_type=\"Unknown\"}"),
            1);
}

TEST_F(AgentMetricsTest, Leases) {
  const std::string file = certificates_.folder() + "/leases.json";
  const auto write = [&](const std::string& content) {
    std::ofstream(file + ".new") << content;
    std::filesystem::rename(file + ".new", file);
  };
  const std::string lease =
      R"({"metadata": {"namespace": "kube-system", "labels": {"k8s-app": "konnectivity-server"}},)"
      R"( "spec": {"leaseDurationSeconds": 30, "renewTime": "2200-01-01T00:00:00Z"}})";
  write(R"({"items": [)" + lease + ", " + lease + "]}");
  options_.leases = {file, {"kube-system", *LabelSelector::Parse("k8s-app=konnectivity-server")}};
  Connect();
  AwaitValue("konnectivity_network_proxy_agent_known_server_count", 2);
  EXPECT_EQ(ReadCommon("lease_lists_total{http_response_code=\"200\",reason=\"\"}"), 1);
  EXPECT_EQ(ReadCommon("lease_list_latency_seconds_count{http_response_code=\"200\"}"), 1);
  for (const char* bound : {"0.005", "0.025", "0.1", "0.5", "2.5", "10", "30", "+Inf"})
    EXPECT_TRUE(ReadCommon("lease_list_latency_seconds_bucket{http_response_code=\"200\",le=\"" +
                           std::string(bound) + "\"}"));
  std::filesystem::remove(file);
  AwaitValue(
      "konnectivity_network_proxy_agent_lease_lists_total"
      "{http_response_code=\"404\",reason=\"NotFound\"}",
      1);
  EXPECT_EQ(ReadCommon("known_server_count"), 2);
  EXPECT_THAT(Admin("/metrics"), HasSubstr("# TYPE konnectivity_network_proxy_agent_"
                                           "lease_watches_total counter"));
}

TEST_F(AgentMetricsTest, LeasesOfTheKubernetesApi) {
  kube::FakeApiServer api;
  kube::Client client(api.config());
  for (const char* name : {"a", "b"})
    ASSERT_TRUE(client
                    .Create(kube::kLeases,
                            kube::LeaseObject({.name = {"kube-system", name},
                                               .labels = {{"k8s-app", "konnectivity-server"}},
                                               .duration = std::chrono::hours(24),
                                               .renewed = std::chrono::system_clock::now()}))
                    .ok());
  options_.kubeconfig = certificates_.folder() + "/kubeconfig";
  std::ofstream(options_.kubeconfig) << api.Kubeconfig();
  options_.leases = {"", {"kube-system", *LabelSelector::Parse("k8s-app=konnectivity-server")}};
  api.Script({.target = "/leases?", .held = true});
  Connect();  // does not wait for the API server
  EXPECT_EQ(ReadCommon("known_server_count"), 1);
  api.ClearScript();
  AwaitValue("konnectivity_network_proxy_agent_known_server_count", 2);
  EXPECT_EQ(ReadCommon("lease_lists_total{http_response_code=\"200\",reason=\"\"}"), 1);
  EXPECT_EQ(ReadCommon("lease_watches_total{http_response_code=\"200\",reason=\"\"}"), 1);
  EXPECT_EQ(ReadCommon("lease_list_latency_seconds_count{http_response_code=\"200\"}"), 1);
}

TEST_F(AgentMetricsTest, HealthLease) {
  kube::FakeApiServer api;
  const std::string kubeconfig = certificates_.folder() + "/kubeconfig";
  std::ofstream(kubeconfig) << api.Kubeconfig();
  options_.kubeconfig = kubeconfig;
  options_.health_lease = {"agents", "cluster-proxy"};
  options_.servers = {{"127.0.0.1", hub_.port()}};
  hub_.Stop();
  Start();
  AwaitUnready("connection refused");
  EXPECT_EQ(Read("hawser_health_lease_renewals_total{result=\"renewed\"}"), 0);
  EXPECT_EQ(api.seen().size(), 0);
  hub_.Listen();
  AwaitValue("hawser_health_lease_renewals_total{result=\"renewed\"}", 1);
  EXPECT_EQ(Read("hawser_health_lease_renewals_total{result=\"failed\"}"), 0);
  EXPECT_EQ(api.Count("POST", "/namespaces/agents/leases"), 1);
}

TEST_F(AgentMetricsTest, Certificates) {
  Connect();
  EXPECT_EQ(Read("hawser_certificate_reload_failures_total"), 0);
  EXPECT_GT(Read("hawser_certificate_expiry_seconds"), 1.7e9);
  std::filesystem::resize_file(options_.tls.files.key, 10);
  agent_->Reload();
  AwaitValue("hawser_certificate_reload_failures_total", 1);
  EXPECT_EQ(hub_.sessions().size(), 1u);
}

TEST_F(AgentMetricsTest, BuildAndPorts) {
  Connect();
  EXPECT_THAT(Admin("/metrics"), HasSubstr("hawser_build_info{version=\""));
  EXPECT_THAT(Health("/metrics"), HasSubstr("hawser_build_info{version=\""));
  EXPECT_THAT(Health("/ready"), HasSubstr("200 OK"));
}

}  // namespace
}  // namespace hawser::spoke
