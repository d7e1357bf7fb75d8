// A whole hub over loopback with real TLS, on ports of the system's choice and on Unix sockets.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "hub/hub.h"
#include "hub/test_peers.h"
#include "hub/test_raw_client.h"
#include "lib/base/host_port.h"
#include "lib/testing/status_matchers.h"
#include "lib/testing/test_certificates.h"

namespace hawser::hub {

class HubTest : public ::testing::Test {
 protected:
  HubTest() {
    // Not Bazel's folder for tests: its path is too long for a Unix socket's.
    std::string pattern = std::filesystem::temp_directory_path() / "hub.XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~HubTest() override {
    StopHub();
    std::filesystem::remove_all(folder_);
  }

  // Everything on ports of the system's choice and on Unix sockets, two shards.
  Options DefaultOptions() {
    Options options;
    const base::HostPort any{"127.0.0.1", 0};
    options.grpc = {.tcp = any, .unix_path = folder_ + "/grpc.sock"};
    options.http_connect = {.tcp = any, .unix_path = folder_ + "/connect.sock"};
    options.agents = options.health = options.admin = any;
    options.admin_path = folder_ + "/admin.sock";
    options.server_tls = certificates_.HubFrontEnd();
    options.cluster_tls = certificates_.HubAgentPort();
    options.tls_min_version = TLS1_2_VERSION;
    options.server = {"hub-1", 1};
    options.agent_identity = AgentIdentityMode::kAuto;
    options.strategies = {tunnel::Strategy::kDefault};
    options.threads = 2;
    options.keepalive = options.frontend_keepalive = std::chrono::seconds(15);
    options.graceful_shutdown_timeout = std::chrono::seconds(20);
    options.backend_dial_timeout = std::chrono::seconds(10);
    options.limits = {.handshake_timeout = std::chrono::seconds(10),
                      .request_head_timeout = std::chrono::seconds(10),
                      .streams_per_connection = 100,
                      .unfinished_handshakes = 64,
                      .first_window = 64 * 1024,
                      .max_window = 256 * 1024,
                      .connections_per_address = 1000,
                      .connections_per_identity = 1000,
                      .sessions_per_cluster = 64,
                      .pending_dials = 100,
                      .descriptor_reserve = 16,
                      .buffered_bytes = 64 * 1024 * 1024,
                      .buffered_bytes_per_identity = 16 * 1024 * 1024,
                      .connection_bytes_per_identity = 16 * 1024 * 1024};
    return options;
  }

  void StartHub(const Options& options) {
    auto hub = Hub::Create(options);
    ASSERT_THAT(hub, testing::IsOk());
    hub_ = *std::move(hub);
    thread_ = std::thread([this] { hub_->Run(); });
  }
  void StartHub() { StartHub(DefaultOptions()); }
  // Ends at once, whatever is open.
  void StopHub() {
    if (hub_ == nullptr) return;
    hub_->Stop();
    hub_->Stop();
    AwaitStopped();
  }
  void AwaitStopped() {
    thread_.join();
    hub_.reset();
  }

  uint16_t PortOf(const std::string& what) {
    for (const Hub::Served& served : hub_->served()) {
      const auto address = base::ParseHostPort(served.address);
      if (served.what == what && address.ok()) return address->port;
    }
    ADD_FAILURE() << "nothing serves " << what;
    return 0;
  }
  HubAddress AgentsPort(const net::TlsFiles& files) { return {PortOf("agents"), files, ""}; }
  HubAddress GrpcPort(const net::TlsFiles& files) { return {PortOf("grpc"), files, ""}; }
  HubAddress GrpcSocket() { return {.unix_path = folder_ + "/grpc.sock"}; }

  std::unique_ptr<TestAgent> StartAgent(const std::string& cluster, const std::string& id = "a1",
                                        const std::string& identifiers = "") {
    auto agent = std::make_unique<TestAgent>(
        TestAgent::Options{AgentsPort(certificates_.Agent(cluster)), id, identifiers, false});
    EXPECT_THAT(agent->Connected(), testing::IsOkAndHolds(std::string("hub-1")));
    return agent;
  }

  // The answer to a CONNECT, up to the end of its head when it is a success.
  static std::string Connect(RawClient& client, const std::string& target) {
    client.Send("CONNECT " + target + " HTTP/1.1\r\nHost: " + target + "\r\n\r\n");
    const std::string head = client.ReadUntil("\r\n\r\n");
    return head.starts_with("HTTP/1.1 200") ? head : head + client.ReadToEnd();
  }
  std::string Get(const std::string& what, const std::string& path) {
    return Get(std::make_unique<RawClient>(PortOf(what)), path);
  }
  // Of the pages that only this user may see.
  std::string GetDebug(const std::string& path) {
    return Get(std::make_unique<RawClient>(folder_ + "/admin.sock"), path);
  }
  static std::string Get(std::unique_ptr<RawClient> client, const std::string& path) {
    client->Send("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return client->ReadToEnd();
  }

  // Asks for /metrics until `line` is in it; false after 20 s.
  bool AwaitMetric(const std::string& line) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (Get("admin", "/metrics").find("\n" + line) == std::string::npos)
      if (std::chrono::steady_clock::now() > deadline) return false;
    return true;
  }

  // How agents' tokens were judged so far.
  void ExpectTokenChecks(int accepted, int denied, int missing) {
    const auto checks = [](const char* result, int count) {
      return absl::StrCat("hawser_agent_token_checks_total{result=\"", result, "\"} ", count);
    };
    for (const std::string& line :
         {checks("accepted", accepted), checks("denied", denied), checks("missing", missing),
          absl::StrCat("hawser_refused_agents_total{reason=\"token\"} ", denied + missing)})
      EXPECT_TRUE(AwaitMetric(line)) << line;
  }
  void ExpectNowhereOnPages(const std::string& secret) {
    for (const char* page : {"/metrics", "/debug/sessions", "/debug/connections"})
      EXPECT_THAT(GetDebug(page), ::testing::Not(::testing::HasSubstr(secret)));
  }

  static constexpr char kEstablished[] = "HTTP/1.1 200 Connection Established\r\n\r\n";

  testing::TestCertificates certificates_;
  std::string folder_;
  std::unique_ptr<Hub> hub_;
  std::thread thread_;
};

}  // namespace hawser::hub
