#include "spoke/options.h"

#include <gflags/gflags.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::StatusIs;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OptionsTest : public ::testing::Test {
 protected:
  // With what no agent can do without.
  absl::StatusOr<Options> Read(const std::map<std::string, std::string>& flags) {
    for (const auto& [name, value] : flags)
      EXPECT_NE(gflags::SetCommandLineOption(name.c_str(), value.c_str()), "") << name;
    return OptionsFromFlags();
  }
  OptionsTest() {
    gflags::SetCommandLineOption("agent_cert", "tls.crt");
    gflags::SetCommandLineOption("agent_key", "tls.key");
    gflags::SetCommandLineOption("ca_cert", "ca.crt");
  }

  gflags::FlagSaver saver_;
};

TEST_F(OptionsTest, Defaults) {
  const auto options = Read({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->servers, ElementsAre(base::HostPort{"127.0.0.1", 8091}));
  EXPECT_THAT(options->tls.alpn, ElementsAre("h2"));
  EXPECT_EQ(options->agent_id.size(), 36);
  EXPECT_EQ(options->keepalive, seconds(15));
  EXPECT_EQ(options->backoff.first, milliseconds(200));
  EXPECT_EQ(options->backoff.cap, seconds(10));
  EXPECT_EQ(options->health, (base::HostPort{"", 8093}));
  EXPECT_EQ(options->admin, (base::HostPort{"127.0.0.1", 8094}));
  EXPECT_EQ(options->names.kube_apiserver, (base::HostPort{"kubernetes.default.svc", 443}));
}

TEST_F(OptionsTest, SeveralServers) {
  const auto options = Read(
      {{"proxy_server_host", "Hub-1.example,10.0.0.1:9000,fd00::1,[fd00::2]:1,hub-2.,hub-3.:1"},
       {"proxy_server_port", "8443"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->servers,
              ElementsAre(base::HostPort{"hub-1.example", 8443}, base::HostPort{"10.0.0.1", 9000},
                          base::HostPort{"fd00::1", 8443}, base::HostPort{"fd00::2", 1},
                          base::HostPort{"hub-2.", 8443}, base::HostPort{"hub-3.", 1}));
}

TEST_F(OptionsTest, OwnNamesAreAnnouncedLabels) {
  const auto options =
      Read({{"agent_identifiers", "host=paris&host=paris.agents&host=lutetia&ipv4=10.0.0.1"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->names.own_names, ElementsAre("lutetia", "paris"));
  EXPECT_EQ(options->identifiers, "host=paris&host=paris.agents&host=lutetia&ipv4=10.0.0.1");
}

TEST_F(OptionsTest, TakesWhatTheReferenceTakes) {
  const auto options = Read({{"agent_cert", ""},
                             {"agent_key", ""},
                             {"service_account_token_path", "/token"},
                             {"alpn_proto", "konnectivity,other"},
                             {"health_server_host", "[::]"},
                             {"admin_bind_address", "localhost"},
                             {"sync_interval", "1s"},
                             {"sync_interval_cap", "0h1m0s"},
                             {"sync_forever", "true"},
                             {"tls_min_version", "VersionTLS11"},
                             {"xfr_channel_size", "10"},
                             {"warn_on_channel_limit", "true"},
                             {"enable_profiling", "true"},
                             {"enable_contention_profiling", "true"},
                             {"server_count_source", ""},
                             {"kubeconfig", "/kubeconfig"},
                             {"kube_api_content_type", "application/json"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->tls.files.certificate, "");
  EXPECT_EQ(options->token_path, "/token");
  EXPECT_THAT(options->tls.alpn, ElementsAre("konnectivity", "other", "h2"));
  EXPECT_EQ(options->tls.min_version, TLS1_2_VERSION);
  EXPECT_EQ(options->health.host, "::");
  EXPECT_EQ(options->admin.host, "127.0.0.1");
  EXPECT_EQ(options->backoff.first, seconds(1));
  EXPECT_EQ(options->backoff.cap, seconds(60));
  EXPECT_TRUE(options->sync_forever);
  EXPECT_FALSE(options->leases.has_value());
  EXPECT_FALSE(options->larger_count);
}

TEST_F(OptionsTest, CountsLeases) {
  const auto labels = [&](const std::map<std::string, std::string>& flags) {
    const gflags::FlagSaver saver;
    auto all = flags;
    all.insert({{"count_server_leases", "true"},
                {"lease_file", "/leases"},
                {"lease_namespace", "proxies"},
                {"server_count_source", "max"}});
    const auto options = Read(all);
    EXPECT_TRUE(options.ok() && options->leases) << options.status();
    EXPECT_EQ(options->leases->filter.name_space, "proxies");
    EXPECT_TRUE(options->larger_count);
    return options->leases->filter.labels;
  };
  EXPECT_EQ(labels({{"lease_file", ""}}).text(), "k8s-app=konnectivity-server");
  EXPECT_TRUE(labels({}).Matches({{"k8s-app", "konnectivity-server"}}));
  EXPECT_TRUE(labels({{"lease_label", "a=b"}}).Matches({{"a", "b"}}));
  EXPECT_TRUE(labels({{"lease_label_selector", "a=b"}}).Matches({{"a", "b"}}));
}

TEST_F(OptionsTest, HealthLease) {
  const auto options =
      Read({{"health_lease", "agents/cluster-proxy"}, {"kubeconfig", "/kubeconfig"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->kubeconfig, "/kubeconfig");
  EXPECT_EQ(options->health_lease, (kube::ObjectName{"agents", "cluster-proxy"}));
  EXPECT_FALSE(Read({{"health_lease", ""}})->health_lease.has_value());
}

TEST_F(OptionsTest, PortForward) {
  const std::string labels =
      "proxy.open-cluster-management.io/component-name=proxy-server,a in (b)";
  const auto options =
      Read({{"hub_port_forward", "hub/" + labels + ":8091"}, {"hub_kubeconfig", "/hub"}});
  ASSERT_TRUE(options.ok()) << options.status();
  ASSERT_TRUE(options->port_forward.has_value());
  EXPECT_EQ(options->port_forward->ns, "hub");
  EXPECT_EQ(options->port_forward->label_selector, labels);
  EXPECT_EQ(options->port_forward->port, 8091);
  EXPECT_EQ(options->hub_kubeconfig, "/hub");
}

TEST_F(OptionsTest, TheEnvironmentNamesProxyAndAgent) {
  ::setenv("HTTPS_PROXY", "http://proxy.test:3128", 1);
  ::setenv("NO_PROXY", ".direct", 1);
  ::setenv("PROXY_AGENT_ID", "agent-7", 1);
  const auto options = Read({});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ(options->agent_id, "agent-7");
  EXPECT_EQ(options->proxies.For({"hub.test", 1})->address.host, "proxy.test");
  EXPECT_EQ(options->proxies.For({"hub.direct", 1}), nullptr);
  ::setenv("HTTPS_PROXY", "http://u:s3cret@:1", 1);
  EXPECT_THAT(Read({}).status(), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("environment variable HTTPS_PROXY: not a")));
  for (const char* name : {"HTTPS_PROXY", "NO_PROXY", "PROXY_AGENT_ID"}) ::unsetenv(name);
}

TEST_F(OptionsTest, ErrorsNameTheFlag) {
  const auto invalid = [&](const std::string& flag, const std::string& value,
                           const std::string& what) {
    const gflags::FlagSaver saver;
    EXPECT_THAT(Read({{flag, value}}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("flag --" + what)))
        << value;
  };
  invalid("ca_cert", "", "ca-cert: is needed");
  invalid("agent_cert", "", "agent-cert: is needed with --agent-key");
  invalid("agent_key", "", "agent-key: is needed with --agent-cert");
  invalid("proxy_server_host", ",", "proxy-server-host: names no server");
  invalid("proxy_server_host", "a b", "proxy-server-host: not a name");
  invalid("proxy_server_port", "0", "proxy-server-port: must not be 0");
  invalid("proxy_server_port", "70000", "proxy-server-port: not a port");
  invalid("tls_min_version", "VersionTLS9", "tls-min-version: ");
  invalid("agent_identifiers", "ipv4=x", "agent-identifiers: ");
  invalid("agent_identifiers", "host=paris&hots=lyon",
          "agent-identifiers: agent identifiers: unknown kind \"hots\"");
  invalid("resolve", "web", "resolve: ");
  invalid("kube_apiserver", "kubernetes", "kube-apiserver: ");
  invalid("config", "/nonexistent/agent.yaml", "config: ");
  invalid("dial_timeout", "0s", "dial-timeout: must be positive");
  invalid("sync_interval", "1m", "sync-interval-cap: ");
  invalid("graceful_shutdown_timeout", "-1s", "graceful-shutdown-timeout: ");
  invalid("max_pending_dials", "0", "max-pending-dials: ");
  invalid("max_window", "1000", "max-window: ");
  invalid("health_server_port", "-1", "health-server-port: ");
  invalid("health_server_host", "example.org", "health-server-host: not an ip address");
  invalid("admin_bind_address", "[1.2.3.4]", "admin-bind-address: not an ip address");
  invalid("keepalive_time", "15", "keepalive-time: ");
  invalid("probe_interval", "0s", "probe-interval: must be positive");
  invalid("replaced_link_timeout", "-1s", "replaced-link-timeout: ");
  invalid("proxy_url", "socks5://u:s3cret@proxy", "proxy-url: not a proxy's url");
  invalid("server_count_source", "min", "server-count-source: must be default or max");
  invalid("lease_namespace", "..", "lease-namespace: ");
  for (const char* target : {"hub", "hub/a=b", "hub:8091", "/a=b:8091", "hub/:8091", "hub/a=b:0",
                             "hub/a=b:65536", "hub/a b:8091", "hub/a=b:x"})
    invalid("hub_port_forward", target, "hub-port-forward: want namespace/labels:port");
  invalid("hub_port_forward", "hub/a=b:8091", "hub-port-forward: needs --hub-kubeconfig");
  invalid("hub_kubeconfig", "/hub", "hub-kubeconfig: needs --hub-port-forward");
  for (const char* name : {"cluster-proxy", "/a", "a/", "a/b/c", "a/.."})
    invalid("health_lease", name, "health-lease: want namespace/name");
  invalid("lease_label", "a b", "lease-label: ");
  invalid("lease_label_selector", "a in", "lease-label-selector: ");
  invalid("xfr_channel_size", "0", "xfr-channel-size: must be at least 1");
  invalid("enable_contention_profiling", "true", "enable-contention-profiling: needs");
}

}  // namespace
}  // namespace hawser::spoke
