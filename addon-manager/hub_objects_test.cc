#include "addon-manager/hub_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace hawser::addon_manager {
namespace {

using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsSubsetOf;
using ::testing::Not;

class HubObjectsTest : public ::testing::Test {
 protected:
  HubObjectsTest() {
    configuration_.name = "cluster-proxy";
    configuration_.uid = "uid-1";
    configuration_.generation = 7;
    configuration_.server.image = "hawser:1";
    configuration_.server.namespace_ = "addon";
  }

  // "Kind/name" of all objects, in their order.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const json& object : HubObjects(configuration_, kSettings, kTrust))
      names.push_back(object["kind"].get<std::string>() + "/" +
                      object["metadata"]["name"].get<std::string>());
    return names;
  }
  json Find(const std::string& kind) const {
    const auto objects = HubObjects(configuration_, kSettings, kTrust);
    const auto found = std::find_if(objects.begin(), objects.end(),
                                    [&](const json& object) { return object["kind"] == kind; });
    return found == objects.end() ? json() : *found;
  }
  json Container() const { return Find("Deployment")["spec"]["template"]["spec"]["containers"][0]; }

  const TrustBundles kTrust{"A", "C", "S"};
  const json kWatchers = json::array({{{"podSelector", {{"matchLabels", {{"name", "watch"}}}}}}});
  const HubSettings kSettings{.metrics_from = kWatchers, .trust_domain = "fleet.example"};
  ProxyConfiguration configuration_;
};

TEST_F(HubObjectsTest, AreOwnedByTheConfigurationAndInItsNamespace) {
  for (const json& object : HubObjects(configuration_, kSettings, kTrust)) {
    EXPECT_EQ(object["metadata"]["namespace"], "addon") << object;
    EXPECT_EQ(object["metadata"]["ownerReferences"][0]["uid"], "uid-1") << object;
  }
}

TEST_F(HubObjectsTest, HaveTheNamesOfTheReferencesAddon) {
  EXPECT_THAT(std::vector<std::string>({"Secret/proxy-server-ca", "Service/proxy-entrypoint",
                                        "Deployment/cluster-proxy"}),
              IsSubsetOf(Names()));
  const json selector = Find("Deployment")["spec"]["selector"]["matchLabels"];
  EXPECT_EQ(selector, (json{{"proxy.open-cluster-management.io/component-name", "proxy-server"}}));
}

TEST_F(HubObjectsTest, EveryEntrypointHasWhatItNeedsAndNothingElse) {
  EXPECT_THAT(Names(), Contains("Role/cluster-proxy-addon-agent:portforward"));
  configuration_.server.entrypoint.type = Entrypoint::Type::kHostname;
  EXPECT_THAT(Names(), Not(Contains("Role/cluster-proxy-addon-agent:portforward")));
  EXPECT_THAT(Names(), Not(Contains("Service/proxy-agent-entrypoint")));
  configuration_.server.entrypoint.type = Entrypoint::Type::kLoadBalancer;
  configuration_.server.entrypoint.annotations = {{"internal", "true"}};
  ASSERT_THAT(Names(), Contains("Service/proxy-agent-entrypoint"));
  for (const json& object : HubObjects(configuration_, kSettings, kTrust)) {
    if (object["metadata"]["name"] != "proxy-agent-entrypoint") continue;
    EXPECT_EQ(object["metadata"]["annotations"]["internal"], "true");
    EXPECT_EQ(object["spec"]["externalTrafficPolicy"], "Local")
        << "limits go by the peer's address";
    ASSERT_EQ(object["spec"]["ports"].size(), 1) << "agents only";
    EXPECT_EQ(object["spec"]["ports"][0]["port"], 8091);
  }
}

// Whoever takes all the memory of a node takes others' pods with it.
TEST_F(HubObjectsTest, TheServersMemoryHasALimit) {
  EXPECT_EQ(Container()["resources"]["limits"]["memory"], "2Gi");
}

TEST_F(HubObjectsTest, PodsKeepTheRestrictedProfile) {
  const json pod = Find("Deployment")["spec"]["template"]["spec"];
  EXPECT_EQ(pod["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  EXPECT_EQ(pod["automountServiceAccountToken"], false);
  const json context = Container()["securityContext"];
  EXPECT_EQ(context["allowPrivilegeEscalation"], false);
  EXPECT_EQ(context["readOnlyRootFilesystem"], true);
  EXPECT_EQ(context["capabilities"]["drop"], json::array({"ALL"}));
  const json policy = Find("NetworkPolicy")["spec"];
  EXPECT_TRUE(policy["egress"].empty());
  const auto port = [](int number) { return json{{"protocol", "TCP"}, {"port", number}}; };
  const json everybody = {{"ports", {port(8090), port(8091)}}};
  const json watchers = {{"from", kWatchers}, {"ports", {port(8092), port(8095)}}};
  EXPECT_EQ(policy["ingress"], json::array({everybody, watchers}));
}

TEST_F(HubObjectsTest, ConfigurationReachesTheServer) {
  configuration_.server.replicas = 2;
  configuration_.ports.admin = 9095;
  configuration_.server.additional_args = {"--v=4"};
  configuration_.server.node_selector = {{"role", "edge"}};
  const json deployment = Find("Deployment");
  EXPECT_EQ(deployment["spec"]["replicas"], 2);
  EXPECT_EQ(deployment["spec"]["template"]["spec"]["nodeSelector"]["role"], "edge");
  EXPECT_EQ(Container()["image"], "hawser:1");
  const auto arguments = Container()["args"].get<std::vector<std::string>>();
  EXPECT_THAT(
      std::vector<std::string>({"--server-count=2", "--admin-port=9095",
                                "--agent-identity=certificate", "--trust-domain=fleet.example"}),
      IsSubsetOf(arguments));
  EXPECT_EQ(arguments.back(), "--v=4") << "the operator's word is the last";
}

TEST_F(HubObjectsTest, PodsHaveAsMuchTimeToEndAsTheirHub) {
  const auto grace = [this] {
    return Find("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
  };
  EXPECT_EQ(grace(), 315);
  configuration_.server.additional_args = {"--graceful-shutdown-timeout=1h"};
  EXPECT_EQ(grace(), 3615);
  configuration_.server.additional_args.push_back("--graceful-shutdown-timeout=0s");
  EXPECT_EQ(grace(), 15);
}

TEST_F(HubObjectsTest, BundlesAreApart) {
  EXPECT_EQ(Find("ConfigMap")["data"], (json{{"agents.crt", "A"},
                                             {"clients.crt", "C"},
                                             {"servers.crt", "S"},
                                             {"hub.yaml", R"({"host-suffixes":[]})"}}));
  EXPECT_EQ(Find("Secret")["data"], (json{{"ca.crt", "Uw=="}})) << "no key in it";
}

TEST_F(HubObjectsTest, ServerNamesAreThoseThatPeersUse) {
  configuration_.additional_sans = {"dns:hub.internal", "hub.plain", "10.0.0.9"};
  configuration_.server.entrypoint.hostname = "hub.example";
  EXPECT_THAT(
      ServerNames(configuration_, {"203.0.113.7", "lb.example"}),
      ElementsAre("dns:hub.example", "dns:hub.internal", "dns:hub.plain", "dns:lb.example",
                  "dns:localhost", "dns:proxy-entrypoint", "dns:proxy-entrypoint.addon",
                  "dns:proxy-entrypoint.addon.svc", "dns:proxy-entrypoint.addon.svc.cluster.local",
                  "ip:10.0.0.9", "ip:127.0.0.1", "ip:203.0.113.7"));
}

}  // namespace
}  // namespace hawser::addon_manager
