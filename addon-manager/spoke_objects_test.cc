#include "addon-manager/spoke_objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "addon-manager/names.h"
#include "addon-manager/secret_data.h"
#include "lib/pki/identity.h"
#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using absl::StatusCode;
using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using nlohmann::json;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;
using ::testing::Not;
using ::testing::StartsWith;

class SpokeObjectsTest : public ::testing::Test {
 protected:
  SpokeObjectsTest() {
    hub_.configuration.server.namespace_ = "addon";
    hub_.configuration.server.entrypoint.type = Entrypoint::Type::kLoadBalancer;
    hub_.configuration.agent.image = "registry.example/hawser/proxy-agent:1";
    hub_.server_bundle = "BUNDLE";
    hub_.addresses = {"203.0.113.7", "lb.example"};
    config_.install_namespace = "proxies";
  }

  std::vector<json> Objects() const {
    const auto objects = SpokeObjects(hub_, settings_, config_);
    EXPECT_THAT(objects, IsOk());
    return objects.value_or(std::vector<json>());
  }
  json Find(const std::string& kind) const {
    const auto objects = Objects();
    const auto found = std::find_if(objects.begin(), objects.end(),
                                    [&](const json& object) { return object["kind"] == kind; });
    return found == objects.end() ? json() : *found;
  }
  json Pod() const { return Find("Deployment")["spec"]["template"]["spec"]; }
  json Container() const { return Pod()["containers"][0]; }
  std::vector<std::string> Arguments() const {
    return Container()["args"].get<std::vector<std::string>>();
  }
  json AgentFile() const {
    return json::parse(Find("ConfigMap")["data"]["agent.yaml"].get<std::string>());
  }
  std::vector<std::string> Volumes() const {
    std::vector<std::string> names;
    const json pod = Pod();
    for (const json& volume : pod["volumes"]) names.push_back(volume["name"]);
    return names;
  }

  HubState hub_;
  SpokeSettings settings_{.cluster = "paris"};
  DeploymentConfig config_;
};

TEST_F(SpokeObjectsTest, HaveTheNamesOfTheReferencesAddon) {
  std::vector<std::string> names;
  for (const json& object : Objects()) {
    names.push_back(object["kind"].get<std::string>() + "/" +
                    object["metadata"]["name"].get<std::string>());
    if (object["kind"] != "Namespace") {
      EXPECT_EQ(object["metadata"]["namespace"], "proxies") << names.back();
    }
  }
  EXPECT_THAT(names,
              ElementsAre("Namespace/proxies", "ServiceAccount/cluster-proxy",
                          "Role/cluster-proxy-proxy-agent", "RoleBinding/cluster-proxy-proxy-agent",
                          "Secret/cluster-proxy-ca", "ConfigMap/cluster-proxy-agent-configuration",
                          "PodDisruptionBudget/cluster-proxy-proxy-agent",
                          "Deployment/cluster-proxy-proxy-agent"));
}

TEST_F(SpokeObjectsTest, TheSelectorIsTheReferencesForItCanNeverChange) {
  const json labels = {
      {"open-cluster-management.io/addon", "cluster-proxy"},
      {"proxy.open-cluster-management.io/component-name", "proxy-agent"},
  };
  const json spec = Find("Deployment")["spec"];
  EXPECT_EQ(spec["selector"]["matchLabels"], labels);
  EXPECT_EQ(spec["template"]["metadata"]["labels"], labels);
}

TEST_F(SpokeObjectsTest, TheAgentsMemoryHasALimit) {
  EXPECT_EQ(Container()["resources"]["limits"]["memory"], "512Mi");
}

TEST_F(SpokeObjectsTest, PodsKeepTheRestrictedProfile) {
  EXPECT_EQ(Pod()["securityContext"]["runAsNonRoot"], true);
  EXPECT_EQ(Pod()["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
  const json context = Container()["securityContext"];
  EXPECT_EQ(context["allowPrivilegeEscalation"], false);
  EXPECT_EQ(context["readOnlyRootFilesystem"], true);
  EXPECT_EQ(context["capabilities"]["drop"], json::array({"ALL"}));
  EXPECT_EQ(Find("ServiceAccount")["automountServiceAccountToken"], false);
}

TEST_F(SpokeObjectsTest, TheAgentMayOnlyTouchItsOwnLease) {
  const json role = Find("Role");
  for (const json& rule : role["rules"]) {
    EXPECT_EQ(rule["resources"], json::array({"leases"}));
    if (rule["verbs"] == json::array({"create"})) continue;  // cannot be limited to a name
    EXPECT_EQ(rule["resourceNames"], json::array({"cluster-proxy"})) << rule;
  }
  EXPECT_EQ(Find("RoleBinding")["subjects"][0]["namespace"], "proxies");
}

TEST_F(SpokeObjectsTest, TheAgentDialsEveryAddressUnderEveryNameOfItsCluster) {
  hub_.configuration.server.entrypoint.port = 8443;
  EXPECT_THAT(std::vector<std::string>(
                  {"--proxy-server-host=203.0.113.7,lb.example", "--proxy-server-port=8443",
                   "--health-lease=proxies/cluster-proxy",
                   "--agent-identifiers=host=paris&host=" + pki::ServiceProxyHost("paris")}),
              IsSubsetOf(Arguments()));
  settings_.host_suffixes = {"proxies"};
  EXPECT_THAT(Arguments(), Contains("--agent-identifiers=host=paris&host=" +
                                    pki::ServiceProxyHost("paris") + "&host=paris.proxies"));
  EXPECT_THAT(Arguments(), Not(Contains(StartsWith("--kube-apiserver"))));
}

TEST_F(SpokeObjectsTest, WithoutTheKubeApiProxyBareNamesLeadNowhere) {
  settings_.kube_api_proxy = false;
  EXPECT_THAT(Arguments(), Contains("--kube-apiserver="));
}

TEST_F(SpokeObjectsTest, OnlyPortForwardingNeedsTheHubsApi) {
  for (const auto type : {Entrypoint::Type::kLoadBalancer, Entrypoint::Type::kHostname}) {
    hub_.configuration.server.entrypoint.type = type;
    EXPECT_THAT(Arguments(), Not(Contains(StartsWith("--hub-"))));
    EXPECT_THAT(Volumes(), ElementsAre("agent-pki", "hub-ca", "configuration"));
  }
  hub_.configuration.server.entrypoint.type = Entrypoint::Type::kPortForward;
  hub_.configuration.ports.agent_server = 9091;
  EXPECT_THAT(Arguments(), Contains("--hub-kubeconfig=/etc/hub-kubeconfig/kubeconfig"));
  EXPECT_THAT(Arguments(),
              Contains("--hub-port-forward=addon/proxy.open-cluster-management.io/component-name="
                       "proxy-server:9091"));
  EXPECT_THAT(Volumes(), Contains("hub-kubeconfig"));
}

TEST_F(SpokeObjectsTest, TheOperatorsArgumentsAreTheLast) {
  hub_.configuration.agent.additional_args = {"--v=4", "--proxy-server-port=1"};
  const auto arguments = Arguments();
  EXPECT_THAT(std::vector<std::string>(arguments.end() - 2, arguments.end()),
              ElementsAre("--v=4", "--proxy-server-port=1"));
}

TEST_F(SpokeObjectsTest, PodsHaveAsMuchTimeToEndAsTheirAgent) {
  const auto grace = [this] {
    return Find("Deployment")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"];
  };
  EXPECT_EQ(grace(), 45);
  hub_.configuration.agent.additional_args = {"--graceful-shutdown-timeout=90s"};
  EXPECT_EQ(grace(), 105);
  hub_.configuration.agent.additional_args.push_back("--graceful-shutdown-timeout=-9h");
  EXPECT_EQ(grace(), 105) << "the agent refuses it";
}

TEST_F(SpokeObjectsTest, ProxiesAreForTheAgentWithTheirAuthority) {
  EXPECT_EQ(SecretDataOf(Find("Secret")),
            (std::map<std::string, std::string>{{"ca.crt", "BUNDLE"}}));
  EXPECT_THAT(Arguments(), Not(Contains(StartsWith("--proxy-ca-cert"))));
  config_.proxy = {
      .http = "http://p:1", .https = "https://p:2", .none = ".svc", .ca_bundle = "PEM"};
  EXPECT_EQ(SecretDataOf(Find("Secret")),
            (std::map<std::string, std::string>{{"ca.crt", "BUNDLE"}, {"proxy-ca.crt", "PEM"}}));
  EXPECT_THAT(Arguments(), Contains("--proxy-ca-cert=/etc/hub-ca/proxy-ca.crt"));
  const json environment = Container()["env"];
  for (const json& variable : {json{{"name", "HTTP_PROXY"}, {"value", "http://p:1"}},
                               json{{"name", "HTTPS_PROXY"}, {"value", "https://p:2"}},
                               json{{"name", "NO_PROXY"}, {"value", ".svc"}}})
    EXPECT_THAT(environment, Contains(variable));
}

TEST_F(SpokeObjectsTest, TheClustersOperatorDecidesWhereAndHowPodsRun) {
  hub_.configuration.agent.replicas = 2;
  hub_.configuration.agent.image_pull_secrets = {"pull-a", "pull-b"};
  config_.registries = {{"registry.example", "mirror.example"}};
  config_.resources = {{"deployments:*:proxy-agent", {{"limits", {{"memory", "64Mi"}}}}}};
  config_.node_selector = {{"role", "edge"}};
  config_.tolerations = {{{"key", "edge"}}};
  EXPECT_EQ(Find("Deployment")["spec"]["replicas"], 2);
  EXPECT_EQ(Pod()["imagePullSecrets"], json::parse(R"([{"name": "pull-a"}, {"name": "pull-b"}])"));
  EXPECT_EQ(Pod()["nodeSelector"]["role"], "edge");
  EXPECT_EQ(Pod()["tolerations"][0]["key"], "edge");
  EXPECT_EQ(Container()["image"], "mirror.example/hawser/proxy-agent:1");
  EXPECT_EQ(Container()["resources"], (json{{"limits", {{"memory", "64Mi"}}}}));
}

TEST_F(SpokeObjectsTest, WithoutRulesASpokeOpensItsServicesOnly) {
  EXPECT_EQ(AgentFile(),
            json::parse(R"({"allow": [{"hosts": ["*.svc", "*.svc.cluster.local"]}]})"));
}

TEST_F(SpokeObjectsTest, VariablesReachTheAgentsFile) {
  config_.variables = {{"other", "not JSON, and none of our business"},
                       {"allow", R"([{"cidrs": ["10.0.0.0/8"], "ports": [443]}])"},
                       {"resolve", R"({"db": "10.0.0.5"})"}};
  EXPECT_EQ(AgentFile(), json::parse(R"({"allow": [{"cidrs": ["10.0.0.0/8"], "ports": [443]}],
                                         "resolve": {"db": "10.0.0.5"}})"));
}

TEST_F(SpokeObjectsTest, WhatAgentsReadOnceRollsTheirPods) {
  const auto annotations = [this] {
    return Find("Deployment")["spec"]["template"]["metadata"]["annotations"];
  };
  const json before = annotations();
  EXPECT_FALSE(before.empty());
  hub_.server_bundle = "ANOTHER";
  EXPECT_EQ(annotations(), before) << "read again while they run";
  config_.variables = {{"allow", R"([{"cidrs": ["10.0.0.0/8"]}])"}};
  EXPECT_EQ(annotations(), before) << "so is this";
  config_.proxy.ca_bundle = "PROXY";
  EXPECT_NE(annotations(), before);
}

TEST_F(SpokeObjectsTest, VariablesThatMakeNoSenseAreNamed) {
  const std::string deep(100'000, '[');
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"allow", "[{"},
           {"allow", ""},
           {"allow", "5"},
           {"allow", R"({"hosts": []})"},
           {"allow", "null"},
           {"allow", deep},
           {"allow", deep + std::string(deep.size(), ']')},
           {"resolve", "db=10.0.0.5"},
           {"resolve", R"(["db"])"},
           {"resolve", "true"}}) {
    config_.variables = {{name, value}};
    EXPECT_THAT(SpokeObjects(hub_, settings_, config_),
                StatusIs(StatusCode::kInvalidArgument, HasSubstr("customizedVariables: " + name)))
        << value.substr(0, 100);
  }
}

class ManifestWorkTest : public ::testing::Test {
 protected:
  static json Namespace(const std::string& name) {
    return {{"apiVersion", "v1"}, {"kind", "Namespace"}, {"metadata", {{"name", name}}}};
  }

  const json owner_ = {
      {"metadata", {{"namespace", "paris"}, {"name", "cluster-proxy"}, {"uid", "u"}}}};
};

TEST_F(ManifestWorkTest, IsTheAddonsInTheClustersNamespace) {
  const auto work = ManifestWork(owner_, {{"a", "b"}}, {Namespace("proxies")});
  ASSERT_THAT(work, IsOk());
  const json& metadata = (*work)["metadata"];
  EXPECT_EQ(metadata["name"], "addon-cluster-proxy-deploy-0");
  EXPECT_EQ(metadata["namespace"], "paris");
  EXPECT_EQ(metadata["labels"], (json{{"open-cluster-management.io/addon-name", "cluster-proxy"}}));
  EXPECT_EQ(metadata["annotations"], (json{{"a", "b"}}));
  EXPECT_EQ(metadata["ownerReferences"][0]["kind"], "ManagedClusterAddOn");
  EXPECT_EQ(metadata["ownerReferences"][0]["uid"], "u");
  EXPECT_EQ((*work)["spec"]["workload"]["manifests"], json::array({Namespace("proxies")}));
  EXPECT_FALSE((*work)["spec"].contains("deleteOption"));
}

TEST_F(ManifestWorkTest, ANamespaceThatOthersShareStays) {
  const auto work = ManifestWork(owner_, {}, {Namespace("open-cluster-management-agent-addon")});
  ASSERT_THAT(work, IsOk());
  EXPECT_EQ((*work)["spec"]["deleteOption"], json::parse(R"({
    "propagationPolicy": "SelectivelyOrphan",
    "selectivelyOrphans": {"orphaningRules": [
      {"group": "", "resource": "namespaces", "name": "open-cluster-management-agent-addon"}]}})"));
}

TEST_F(ManifestWorkTest, IsNoLargerThanTheApiTakes) {
  json large = Namespace("proxies");
  large["metadata"]["annotations"] = {{"x", std::string(499 * 1024, 'x')}};
  EXPECT_THAT(ManifestWork(owner_, {}, {large}), IsOk());
  large["metadata"]["annotations"] = {{"x", std::string(500 * 1024, 'x')}};
  EXPECT_THAT(ManifestWork(owner_, {}, {large}),
              StatusIs(StatusCode::kResourceExhausted, HasSubstr("manifest work: ")));
}

}  // namespace
}  // namespace hawser::addon_manager
