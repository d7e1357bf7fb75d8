#include "spoke/options.h"

#include <gflags/gflags.h>
#include <gtest/gtest.h>

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
  const auto options =
      Read({{"proxy_server_host", "Hub-1.example,10.0.0.1:9000,fd00::1,[fd00::2]:1"},
            {"proxy_server_port", "8443"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->servers,
              ElementsAre(base::HostPort{"hub-1.example", 8443}, base::HostPort{"10.0.0.1", 9000},
                          base::HostPort{"fd00::1", 8443}, base::HostPort{"fd00::2", 1}));
}

TEST_F(OptionsTest, OwnNamesAreAnnouncedLabels) {
  const auto options =
      Read({{"agent_identifiers", "host=paris&host=paris.agents&host=lutetia&ipv4=10.0.0.1"}});
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_THAT(options->names.own_names, ElementsAre("lutetia", "paris"));
  EXPECT_EQ(options->identifiers, "host=paris&host=paris.agents&host=lutetia&ipv4=10.0.0.1");
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
  invalid("agent_cert", "", "agent-cert: is needed");
  invalid("agent_key", "", "agent-key: is needed");
  invalid("proxy_server_host", ",", "proxy-server-host: names no server");
  invalid("proxy_server_host", "a b", "proxy-server-host: not a name");
  invalid("proxy_server_port", "0", "proxy-server-port: must not be 0");
  invalid("proxy_server_port", "70000", "proxy-server-port: not a port");
  invalid("tls_min_version", "VersionTLS9", "tls-min-version: ");
  invalid("agent_identifiers", "ipv4=x", "agent-identifiers: ");
  invalid("resolve", "web", "resolve: ");
  invalid("kube_apiserver", "kubernetes", "kube-apiserver: ");
  invalid("config", "/nonexistent/agent.yaml", "config: ");
  invalid("dial_timeout", "0s", "dial-timeout: must be positive");
  invalid("sync_interval", "1m", "sync-interval-cap: ");
  invalid("graceful_shutdown_timeout", "-1s", "graceful-shutdown-timeout: ");
  invalid("max_pending_dials", "0", "max-pending-dials: ");
  invalid("max_window", "1000", "max-window: ");
  invalid("health_server_port", "-1", "health-server-port: ");
}

}  // namespace
}  // namespace hawser::spoke
