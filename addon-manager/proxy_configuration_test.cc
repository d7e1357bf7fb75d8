#include "addon-manager/proxy_configuration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using nlohmann::json;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

json WithSpec(const char* spec) {
  return {{"metadata", {{"name", "cluster-proxy"}, {"generation", 3}}},
          {"spec", json::parse(spec)}};
}

TEST(ProxyConfigurationTest, HasTheDefaultsOfTheCrd) {
  const auto parsed = ParseProxyConfiguration(WithSpec("{}"));
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->name, "cluster-proxy");
  EXPECT_EQ(parsed->generation, 3);
  EXPECT_EQ(parsed->proxy_server_secret, "proxy-server");
  EXPECT_EQ(parsed->server.replicas, 3);
  EXPECT_EQ(parsed->server.service, "proxy-entrypoint");
  EXPECT_EQ(parsed->server.entrypoint.type, Entrypoint::Type::kPortForward);
  EXPECT_EQ(parsed->server.entrypoint.port, 8091);
  EXPECT_EQ(parsed->ports.admin, 8095);
}

TEST(ProxyConfigurationTest, ReadsEveryField) {
  const auto parsed = ParseProxyConfiguration(WithSpec(R"({
    "authentication": {
      "signer": {"type": "SelfSigned", "selfSigned": {"additionalSANs": ["dns:hub.example"]}},
      "dump": {"secrets": {"signingProxyServerSecretName": "a", "signingProxyClientSecretName": "b",
                           "signingAgentServerSecretName": "c"}}},
    "proxyServer": {
      "image": "hub:1", "replicas": 2, "namespace": "addon", "inClusterServiceName": "entry",
      "entrypoint": {"type": "Hostname", "hostname": {"value": "hub.example"}, "port": 443},
      "additionalArgs": ["--v=4"],
      "nodePlacement": {"nodeSelector": {"role": "edge"}, "tolerations": [{"key": "edge"}]}},
    "proxyAgent": {"image": "agent:1", "replicas": 1, "additionalArgs": ["--v=2"],
                   "imagePullSecrets": ["pull"]},
    "deploy": {"ports": {"proxyServer": 1, "agentServer": 2, "healthServer": 3, "adminServer": 4}}
  })"));
  ASSERT_THAT(parsed, IsOk());
  EXPECT_THAT(parsed->additional_sans, ElementsAre("dns:hub.example"));
  EXPECT_EQ(parsed->proxy_server_secret + parsed->proxy_client_secret + parsed->agent_server_secret,
            "abc");
  EXPECT_EQ(parsed->server.image, "hub:1");
  EXPECT_EQ(parsed->server.replicas, 2);
  EXPECT_EQ(parsed->server.namespace_, "addon");
  EXPECT_EQ(parsed->server.service, "entry");
  EXPECT_EQ(parsed->server.entrypoint.type, Entrypoint::Type::kHostname);
  EXPECT_EQ(parsed->server.entrypoint.hostname, "hub.example");
  EXPECT_EQ(parsed->server.entrypoint.port, 443);
  EXPECT_THAT(parsed->server.additional_args, ElementsAre("--v=4"));
  EXPECT_EQ(parsed->server.node_selector["role"], "edge");
  EXPECT_EQ(parsed->server.tolerations[0]["key"], "edge");
  EXPECT_EQ(parsed->agent.replicas, 1);
  EXPECT_THAT(parsed->agent.image_pull_secrets, ElementsAre("pull"));
  EXPECT_EQ(parsed->ports.proxy_server, 1);
  EXPECT_EQ(parsed->ports.admin, 4);
}

TEST(ProxyConfigurationTest, LoadBalancersHaveAnnotations) {
  const auto parsed = ParseProxyConfiguration(WithSpec(R"({"proxyServer": {"entrypoint": {
    "type": "LoadBalancerService", "loadBalancerService": {
      "name": "entry", "annotations": [{"key": "internal", "value": "true"}]}}}})"));
  ASSERT_THAT(parsed, IsOk());
  EXPECT_EQ(parsed->server.entrypoint.type, Entrypoint::Type::kLoadBalancer);
  EXPECT_EQ(parsed->server.entrypoint.service, "entry");
  EXPECT_EQ(parsed->server.entrypoint.annotations, (json{{"internal", "true"}}));
}

struct Mistake {
  const char* spec;
  const char* field;
};

class MistakeTest : public ::testing::TestWithParam<Mistake> {};

TEST_P(MistakeTest, IsNamed) {
  EXPECT_THAT(ParseProxyConfiguration(WithSpec(GetParam().spec)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().field)));
}

INSTANTIATE_TEST_SUITE_P(
    All, MistakeTest,
    ::testing::Values(
        Mistake{R"({"proxyServer": 7})", "spec.proxyServer: must be an object"},
        Mistake{R"({"proxyServer": {"replicas": "many"}})", "spec.proxyServer.replicas: not what"},
        Mistake{R"({"proxyServer": {"replicas": -1}})",
                "spec.proxyServer.replicas: must be 0 to 100"},
        Mistake{R"({"proxyAgent": {"additionalArgs": "x"}})", "spec.proxyAgent.additionalArgs"},
        Mistake{R"({"deploy": {"ports": {"adminServer": 70000}}})",
                "adminServer: must be 1 to 65535, not 70000"},
        Mistake{R"({"authentication": {"signer": {"type": "Vault"}}})",
                "signer.type: must be Self"},
        Mistake{R"({"proxyServer": {"entrypoint": {"type": "Pigeon"}}})", "entrypoint.type"},
        Mistake{R"({"proxyServer": {"entrypoint": {"type": "Hostname"}}})",
                "spec.proxyServer.entrypoint.hostname.value: no host name"},
        Mistake{R"({"proxyServer": {"entrypoint": {"type": "LoadBalancerService",
                    "loadBalancerService": {"annotations": [{"value": "x"}]}}}})",
                "annotations[0].key: is needed"}));

}  // namespace
}  // namespace hawser::addon_manager
