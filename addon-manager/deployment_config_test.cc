#include "addon-manager/deployment_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::addon_manager {
namespace {

using hawser::testing::IsOk;
using hawser::testing::StatusIs;
using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

DeploymentConfig Parse(const char* spec) {
  const auto config = ParseDeploymentConfig({{"spec", json::parse(spec)}});
  EXPECT_THAT(config, IsOk());
  return *config;
}

TEST(DeploymentConfigTest, HasTheDefaultsOfTheCrd) {
  const DeploymentConfig config = Parse("{}");
  EXPECT_EQ(config.install_namespace, "open-cluster-management-agent-addon");
  EXPECT_EQ(config.Image("registry.example/hawser:1"), "registry.example/hawser:1");
  EXPECT_TRUE(config.Resources("cluster-proxy-proxy-agent", "proxy-agent").is_null());
}

TEST(DeploymentConfigTest, ReadsEveryField) {
  const DeploymentConfig config = Parse(R"({
    "agentInstallNamespace": "proxies",
    "nodePlacement": {"nodeSelector": {"role": "edge"}, "tolerations": [{"key": "edge"}]},
    "proxyConfig": {"httpProxy": "http://p:1", "httpsProxy": "https://p:2", "noProxy": ".local",
                    "caBundle": "UEVN"},
    "customizedVariables": [{"name": "logLevel", "value": "4"}]})");
  EXPECT_EQ(config.install_namespace, "proxies");
  EXPECT_EQ(config.node_selector["role"], "edge");
  EXPECT_EQ(config.tolerations[0]["key"], "edge");
  EXPECT_EQ(config.proxy.http, "http://p:1");
  EXPECT_EQ(config.proxy.https, "https://p:2");
  EXPECT_EQ(config.proxy.none, ".local");
  EXPECT_EQ(config.proxy.ca_bundle, "PEM");
  EXPECT_THAT(config.variables, ElementsAre(Pair("logLevel", "4")));
}

TEST(DeploymentConfigTest, RegistriesReplaceTheLongestPrefix) {
  const DeploymentConfig config = Parse(R"({"registries": [
    {"source": "registry.example", "mirror": "mirror.example"},
    {"source": "registry.example/ocm", "mirror": "mirror.example/other"}]})");
  EXPECT_EQ(config.Image("registry.example/ocm/hawser:1"), "mirror.example/other/hawser:1");
  EXPECT_EQ(config.Image("registry.example/x/hawser:1"), "mirror.example/x/hawser:1");
  EXPECT_EQ(config.Image("elsewhere/hawser:1"), "elsewhere/hawser:1");
  EXPECT_EQ(Parse(R"({"registries": [{"mirror": "mirror.example"}]})").Image("a/b/hawser:1"),
            "mirror.example/hawser:1");
}

TEST(DeploymentConfigTest, ResourcesGoByPatternAndTheLastWins) {
  const DeploymentConfig config = Parse(R"({"resourceRequirements": [
    {"containerID": "*:*:*", "resources": {"requests": {"cpu": "1"}}},
    {"containerID": "deployments:cluster-proxy-*:proxy-agent",
     "resources": {"requests": {"cpu": "2"}}},
    {"containerID": "deployments:other:*", "resources": {"requests": {"cpu": "3"}}}]})");
  EXPECT_EQ(config.Resources("cluster-proxy-proxy-agent", "proxy-agent")["requests"]["cpu"], "2");
  EXPECT_EQ(config.Resources("cluster-proxy-proxy-agent", "sidecar")["requests"]["cpu"], "1");
  EXPECT_TRUE(Parse(R"({"resourceRequirements": [{"containerID": "*", "resources": {}}]})")
                  .Resources("a", "b")
                  .is_null())
      << "a '*' does not span parts";
}

TEST(DeploymentConfigTest, PatternsMayHaveAnyNumberOfStars) {
  const auto fits = [](const std::string& pattern) {
    DeploymentConfig config;
    config.resources = {{pattern, json::object()}};
    return !config.Resources("cluster-proxy-proxy-agent", "proxy-agent").is_null();
  };
  EXPECT_TRUE(fits("*:*proxy*proxy*agent:proxy-*"));
  EXPECT_TRUE(fits("**:***agent:*"));
  EXPECT_FALSE(fits("*:*proxy*proxy*proxy*:*"));
  EXPECT_FALSE(fits("*:*:*:*"));
  EXPECT_FALSE(fits("deployments:*:*agents"));
  EXPECT_FALSE(fits("deployments:" + std::string(24, '*') + "!:*")) << "and found out at once";
}

TEST(DeploymentConfigTest, MistakesAreNamed) {
  const auto error = [](const char* spec) {
    return ParseDeploymentConfig({{"spec", json::parse(spec)}});
  };
  EXPECT_THAT(error(R"({"agentInstallNamespace": 7})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("agentInstallNamespace")));
  EXPECT_THAT(error(R"({"proxyConfig": {"caBundle": "%"}})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("caBundle: is not Base64")));
  EXPECT_THAT(error(R"({"registries": [7]})"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("spec.registries[0]")));
}

}  // namespace
}  // namespace hawser::addon_manager
