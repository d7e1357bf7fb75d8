#include "hub/options.h"

#include <gflags/gflags.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "lib/testing/document_table.h"
#include "lib/testing/status_matchers.h"

namespace hawser::hub {
namespace {

using absl::StatusCode;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::StatusIs;
using ::testing::UnorderedElementsAreArray;

class OptionsTest : public ::testing::Test {
 protected:
  OptionsTest() {
    for (const char* flag : {"cluster_cert", "cluster_key", "cluster_ca_cert", "server_cert",
                             "server_key", "server_ca_cert"})
      Set(flag, "x");
  }

  static void Set(const char* flag, const std::string& value) {
    ASSERT_FALSE(gflags::SetCommandLineOption(flag, value.c_str()).empty()) << flag;
  }
  void ExpectRefused(const std::string& why) {
    EXPECT_THAT(OptionsFromFlags(), StatusIs(StatusCode::kInvalidArgument, HasSubstr(why)));
  }

  gflags::FlagSaver saver_;
};

TEST_F(OptionsTest, DefaultsAreKonnectivitys) {
  const auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->grpc.tcp, (base::HostPort{"", 8090}));
  EXPECT_FALSE(options->http_connect.enabled());
  EXPECT_EQ(options->agents.port, 8091);
  EXPECT_EQ(options->health.port, 8092);
  EXPECT_EQ(options->admin, (base::HostPort{"127.0.0.1", 8095}));
  EXPECT_EQ(options->agent_identity, AgentIdentityMode::kAuto);
  EXPECT_THAT(options->strategies, ElementsAre(tunnel::Strategy::kDefault));
  EXPECT_EQ(options->keepalive, seconds(15));
  EXPECT_EQ(options->backend_dial_timeout, seconds(10));
  EXPECT_EQ(options->limits.pending_dials, 4096);
  EXPECT_GE(options->threads, 1);
  EXPECT_EQ(options->server.id.size(), 36) << "a uuid: " << options->server.id;
}

TEST_F(OptionsTest, TheTrustDomainMustBeOne) {
  Set("trust_domain", "fleet.example");
  const auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->trust_domain, "fleet.example");
  EXPECT_EQ(options->grants.trust_domain, "fleet.example");
  for (const char* bad : {"a b", "x/client/y", "Fleet"}) {
    Set("trust_domain", bad);
    ExpectRefused("flag --trust-domain: no trust domain");
  }
}

TEST_F(OptionsTest, ModesShareTheFlags) {
  Set("uds_name", "/run/a.sock");
  Set("server_port", "0");
  Set("mode", "http-connect");
  auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_FALSE(options->grpc.enabled());
  EXPECT_EQ(options->http_connect.unix_path, "/run/a.sock");
  EXPECT_EQ(options->http_connect.tcp, std::nullopt);

  Set("mode", "grpc,http-connect");
  Set("http_connect_port", "8080");
  options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->grpc.unix_path, "/run/a.sock");
  EXPECT_EQ(options->http_connect.tcp, (base::HostPort{"", 8080}));
  EXPECT_EQ(options->http_connect.unix_path, "");
}

TEST_F(OptionsTest, PortZeroIsAFreePortWithoutASocket) {
  Set("server_port", "0");
  const auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->grpc.tcp, (base::HostPort{"", 0}));
}

TEST_F(OptionsTest, CasAreNeverOptional) {
  Set("cluster_ca_cert", "");
  ExpectRefused("flag --cluster-ca-cert: is needed");
  Set("authentication_audience", "hub");
  ExpectRefused("flag --agent-namespace: is needed");
  Set("authentication_audience", "");
  Set("cluster_ca_cert", "x");
  Set("server_ca_cert", "");
  ExpectRefused("flag --server-ca-cert: is needed");
  // Unix sockets need no certificates.
  Set("server_port", "0");
  Set("uds_name", "/run/a.sock");
  EXPECT_THAT(OptionsFromFlags(), IsOk());
}

TEST_F(OptionsTest, BadValuesNameTheirFlag) {
  const std::map<const char*, const char*> kBad = {
      {"mode", "smtp"},
      {"server_port", "70000"},
      {"agent_identity", "maybe"},
      {"proxy_strategies", "destHost,nearest"},
      {"tls_min_version", "VersionTLS9"},
      {"keepalive_time", "soon"},
      {"backend_dial_timeout", "-1s"},
      {"server_count", "0"},
      {"agent_bind_address", "everywhere"},
      {"graceful_shutdown_timeout", "-1s"},
      {"enable_contention_profiling", "true"},
      {"xfr_channel_size", "0"},
      {"lease_label", "konnectivity-server"},
      {"kubeconfig", "/nonexistent/kubeconfig"},
      {"kubeconfig_qps", "-1"},
      {"kubeconfig_burst", "-1"},
      {"max_pending_dials", "0"},
      {"max_window", "1000"},
      {"idle_timeout", "-1s"},
      {"config", "/nonexistent/hub.yaml"},
  };
  for (const auto& [flag, value] : kBad) {
    gflags::FlagSaver saver;
    Set(flag, value);
    std::string dashed = flag;
    for (char& c : dashed) c = c == '_' ? '-' : c;
    ExpectRefused("flag --" + dashed);
  }
}

TEST_F(OptionsTest, ReferenceFlagsAreAccepted) {
  const std::map<const char*, const char*> kFlags = {
      {"enable_profiling", "true"},        {"enable_contention_profiling", "true"},
      {"kubeconfig_qps", "1.5"},           {"kubeconfig_burst", "10"},
      {"xfr_channel_size", "150"},         {"warn_on_channel_limit", "false"},
      {"lease_namespace", "servers"},      {"lease_label", "k8s-app=server,tier=hub"},
      {"tls_min_version", "VersionTLS10"}, {"kube_api_content_type", "application/json"}};
  for (const auto& [flag, value] : kFlags) Set(flag, value);
  const auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->tls_min_version, TLS1_2_VERSION) << "the least there is";
}

TEST_F(OptionsTest, LeasesOfServers) {
  Set("server_id", "hub-7");
  Set("lease_label", "k8s-app=server, tier = hub,empty=");
  ASSERT_THAT(OptionsFromFlags(), IsOk());
  EXPECT_FALSE(OptionsFromFlags()->leases.has_value());
  Set("enable_lease_controller", "true");
  const auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  ASSERT_TRUE(options->leases.has_value());
  EXPECT_EQ(options->leases->own_name, "konnectivity-proxy-server-hub-7");
  EXPECT_EQ(options->leases->ns, "kube-system");
  EXPECT_EQ(options->leases->labels, (std::map<std::string, std::string>{
                                         {"k8s-app", "server"}, {"tier", "hub"}, {"empty", ""}}));
  for (const char* id : {"Hub", "hub 7", "hub/7", "hub-"}) {
    Set("server_id", id);
    ExpectRefused("flag --server-id: cannot be in the name of a lease");
  }
  Set("server_id", "hub-7");
  for (const char* ns : {"", "..", "a/b"}) {
    Set("lease_namespace", ns);
    ExpectRefused("flag --lease-namespace: not a namespace");
  }
  for (const char* labels : {"", "a", "=a", "a=b=c", "a=b,"}) {
    Set("lease_label", labels);
    ExpectRefused("flag --lease-label: not key=value");
  }
}

TEST_F(OptionsTest, ZeroMeansNoDeadlineAndNoWaiting) {
  Set("backend_dial_timeout", "0");
  Set("graceful_shutdown_timeout", "0s");
  const auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_GT(options->backend_dial_timeout, std::chrono::hours(24 * 365));
  EXPECT_EQ(options->graceful_shutdown_timeout, seconds(0));
}

TEST_F(OptionsTest, AddressesAndTheServersIdAreTakenAsTheReferenceDoes) {
  Set("agent_bind_address", "[::]");
  Set("server_bind_address", "::1");
  setenv("PROXY_SERVER_ID", "hub-7", 1);
  auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(FormatHostPort(options->agents), "[::]:8091");
  EXPECT_EQ(FormatHostPort(*options->grpc.tcp), "[::1]:8090");
  EXPECT_EQ(options->server.id, "hub-7");
  Set("server_id", "hub-8");
  options = OptionsFromFlags();
  unsetenv("PROXY_SERVER_ID");
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->server.id, "hub-8") << "the flag goes first";
}

TEST_F(OptionsTest, TokensAskedForAreChecked) {
  EXPECT_FALSE(OptionsFromFlags()->agent_tokens.required());
  Set("agent_namespace", "kube-system");
  ExpectRefused("flag --agent-service-account: is needed");
  Set("agent_service_account", "konnectivity-agent");
  ExpectRefused("flag --authentication-audience: is needed where the Kubernetes API checks");
  Set("agent_token_file", "/etc/tokens");
  const auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->agent_tokens.file, "/etc/tokens");
  EXPECT_EQ(options->agent_tokens.user, "system:serviceaccount:kube-system:konnectivity-agent");
  Set("agent_namespace", "");
  ExpectRefused("flag --agent-namespace: is needed");
  Set("agent_service_account", "");
  Set("agent_token_file", "");
  Set("authentication_audience", "hub");
  ExpectRefused("flag --agent-namespace: is needed");
}

TEST_F(OptionsTest, TokensStandForCertificates) {
  Set("agent_namespace", "kube-system");
  Set("agent_service_account", "konnectivity-agent");
  Set("authentication_audience", "system:konnectivity-server");
  Set("kubeconfig_qps", "7.5");
  Set("kubeconfig_burst", "9");
  Set("cluster_ca_cert", "");
  const auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->cluster_tls.ca, "");
  EXPECT_EQ(options->agent_tokens.file, "");
  EXPECT_EQ(options->agent_tokens.audience, "system:konnectivity-server");
  EXPECT_EQ(options->kubernetes.qps, 7.5);
  EXPECT_EQ(options->kubernetes.burst, 9);
  Set("agent_identity", "certificate");
  ExpectRefused("flag --cluster-ca-cert: is needed with --agent-identity=certificate");
  Set("cluster_ca_cert", "x");
  EXPECT_THAT(OptionsFromFlags(), IsOk()) << "then both are checked";
}

TEST_F(OptionsTest, UnixSocketsAreTheHubsOwnUnlessToldOtherwise) {
  EXPECT_EQ(OptionsFromFlags()->uds_access.mode, 0600u);
  EXPECT_EQ(OptionsFromFlags()->uds_access.group, std::nullopt);
  Set("uds_mode", "0660");
  Set("uds_group", "root");
  EXPECT_EQ(OptionsFromFlags()->uds_access.mode, 0660u);
  EXPECT_EQ(OptionsFromFlags()->uds_access.group, 0u);
  Set("uds_group", "65532");
  EXPECT_EQ(OptionsFromFlags()->uds_access.group, 65532u);
  Set("uds_group", "of-nobody");
  ExpectRefused("flag --uds-group: no such group: \"of-nobody\"");
  for (const char* mode : {"", "0888", "rw", "01000", "-1"}) {
    Set("uds_mode", mode);
    ExpectRefused("flag --uds-mode: must be octal");
  }
}

TEST_F(OptionsTest, TheBudgetFollowsTheMemory) {
  EXPECT_GE(OptionsFromFlags()->limits.buffered_bytes, uint64_t{16} << 20);
  EXPECT_LE(OptionsFromFlags()->limits.buffered_bytes, uint64_t{1} << 30);
  Set("max_buffered_bytes", "20000000");
  EXPECT_EQ(OptionsFromFlags()->limits.buffered_bytes, 20000000u);
}

TEST_F(OptionsTest, TheFileSetsLimitsThatTheCommandLineDoesNot) {
  const char* const folder = std::getenv("TEST_TMPDIR");
  const std::string path = std::string(folder != nullptr ? folder : "/tmp") + "/options_test.yaml";
  std::ofstream(path) << "limits:\n  max-pending-dials: 7\n  handshake-timeout: 3s\n"
                      << "grants:\n  paris: ipv4=10.0.0.7\n";
  Set("config", path);
  Set("handshake_timeout", "4s");
  auto options = OptionsFromFlags();
  ASSERT_THAT(options, IsOk());
  EXPECT_EQ(options->limits.pending_dials, 7);
  EXPECT_EQ(options->limits.handshake_timeout, seconds(4));
  EXPECT_THAT(options->grants.identifiers.at("paris").ipv4, ElementsAre("10.0.0.7"));

  std::ofstream(path) << "limits: {}\n";
  EXPECT_EQ(OptionsFromFlags()->limits.pending_dials, 4096) << "the file leaves nothing behind";
  std::ofstream(path) << "limits:\n  max-beer: 7\n";
  ExpectRefused("read " + path + ": line 2: unknown limit \"max-beer\"");
  std::ofstream(path) << "limits:\n  descriptor-reserve: many\n";
  ExpectRefused("line 2: flag --descriptor-reserve: not a number: \"many\"");
  std::ofstream(path) << "limits:\n  max-buffered-bytes: 1000\n";
  ExpectRefused("line 2: flag --max-buffered-bytes: must be at least 16777216");
  std::ofstream(path) << "limits:\n\n  idle-timeout: soon\n";
  ExpectRefused("line 3: flag --idle-timeout: ");
}

TEST_F(OptionsTest, ChecksTheFileOnly) {
  EXPECT_EQ(CheckConfigFromFlags(), std::nullopt);
  Set("check_config", "true");
  EXPECT_THAT(*CheckConfigFromFlags(), StatusIs(absl::StatusCode::kInvalidArgument));
  const std::string path = ::testing::TempDir() + "/checked.yaml";
  Set("config", path);
  Set("cluster_cert", "");
  std::ofstream(path) << "limits:\n  max-pending-dials: 7\n";
  EXPECT_THAT(*CheckConfigFromFlags(), IsOk()) << "whatever the other flags are";
  std::ofstream(path) << "grants: 1\nlimits:\n  max-pending-dials: 0\n";
  EXPECT_THAT(*CheckConfigFromFlags(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 1: grants")));
  std::ofstream(path) << "limits:\n  max-pending-dials: 0\n";
  EXPECT_THAT(*CheckConfigFromFlags(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line 2: flag")));
}

TEST_F(OptionsTest, LimitsAreDocumented) {
  std::vector<std::string> documented;
  for (const auto& row : testing::ReadTable("docs/configuration.md", "### Limits")) {
    ASSERT_EQ(row.size(), 4);
    documented.push_back(row[0]);
    std::string flag = row[0];
    std::replace(flag.begin(), flag.end(), '-', '_');
    gflags::CommandLineFlagInfo info;
    ASSERT_TRUE(gflags::GetCommandLineFlagInfo(flag.c_str(), &info)) << flag;
    EXPECT_EQ(row[2], info.default_value) << flag;
  }
  EXPECT_THAT(documented, UnorderedElementsAreArray(LimitNames()));
}

}  // namespace
}  // namespace hawser::hub
