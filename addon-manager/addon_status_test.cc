#include "addon-manager/addon_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hawser::addon_manager {
namespace {

using nlohmann::json;
using ::testing::IsEmpty;

class AddonStatusTest : public ::testing::Test {
 protected:
  json Status(const json& addon) const {
    return AddonStatus(
        addon, facts_, [this](const ConfigId& id) { return id == known_ ? config_ : nullptr; },
        now_);
  }
  // The add-on once that status is written.
  json Written(json addon) const {
    addon["status"] = Status(addon);
    return addon;
  }

  const kube::WallTime now_ = *kube::ParseTimestamp("2026-11-21T10:00:00Z");
  const ConfigId known_{"addondeploymentconfigs.addon.open-cluster-management.io", "paris", "mine"};
  const kube::ObjectPtr config_ =
      std::make_shared<const json>(json{{"spec", {{"agentInstallNamespace", "proxies"}}}});
  AddonFacts facts_{.agent_namespace = "proxies",
                    .registrations = RegistrationsOf("paris", "abc"),
                    .conditions = {{"RegistrationApplied", true, "Applied", "registered"}}};
};

TEST_F(AddonStatusTest, RegistersBothOfTheAgentsCertificates) {
  const std::string kGroup = "system:open-cluster-management:cluster:paris:addon:cluster-proxy";
  const json status = Status(json::object());
  EXPECT_EQ(status["namespace"], "proxies");
  EXPECT_EQ(status["healthCheck"]["mode"], "Lease");
  EXPECT_EQ(status["registrations"][0],
            (json{{"signerName", "kubernetes.io/kube-apiserver-client"},
                  {"subject",
                   {{"user", kGroup + ":agent:cluster-proxy"},
                    {"groups",
                     {kGroup, "system:open-cluster-management:addon:cluster-proxy",
                      "system:authenticated"}}}}}));
  EXPECT_EQ(status["registrations"][1], json::parse(R"({
    "signerName": "open-cluster-management.io/proxy-agent-signer",
    "subject": {"user": "open-cluster-management:cluster-proxy:proxy-agent",
                "groups": ["open-cluster-management:cluster-proxy"],
                "organizationUnit": ["ca-abc"]}})"));
  EXPECT_EQ(status["conditions"][0]["type"], "RegistrationApplied");
}

TEST_F(AddonStatusTest, WhatIsWrittenIsRead) {
  EXPECT_EQ(ParseRegistrations(Written(json::object())), facts_.registrations);
}

TEST_F(AddonStatusTest, OddRegistrationsAreNoneOfOurs) {
  EXPECT_THAT(ParseRegistrations(json()), IsEmpty());
  EXPECT_THAT(ParseRegistrations({{"status", {{"registrations", "x"}}}}), IsEmpty());
  const auto odd = ParseRegistrations(
      {{"status",
        {{"registrations", {7, {{"signerName", 1}, {"subject", {{"groups", {1, "g"}}}}}}}}}});
  ASSERT_EQ(odd.size(), 2u);
  EXPECT_EQ(odd[0], Registration());
  EXPECT_EQ(odd[1],
            (Registration{.signer = "", .user = "", .groups = {"g"}, .organization_units = {}}));
}

// Open Cluster Management's agent begins anew when a registration changes.
TEST_F(AddonStatusTest, RegistrationsStayAsTheServerKeepsThem) {
  json addon = Written(json::object());
  json& first = addon["status"]["registrations"][0];
  first["subject"]["organizationUnit"] = json::array();
  first["driver"] = "csr";
  EXPECT_EQ(Status(addon), addon["status"]);

  facts_.registrations = RegistrationsOf("paris", "def");
  EXPECT_EQ(Status(addon)["registrations"][1]["subject"]["organizationUnit"],
            json::array({"ca-def"}));
}

TEST_F(AddonStatusTest, WithoutANamespaceNothingIsRegistered) {
  facts_.agent_namespace.clear();
  EXPECT_FALSE(Status(json::object()).contains("registrations"));
  EXPECT_FALSE(Status(json::object()).contains("namespace"));
  // Not known at the moment is not: gone.
  facts_.agent_namespace = "proxies";
  const json addon = Written(json::object());
  facts_.agent_namespace.clear();
  EXPECT_EQ(Status(addon), addon["status"]);
}

TEST_F(AddonStatusTest, WhatOthersWriteStays) {
  const json others = json::parse(R"({"status": {
    "lastAppliedConfig": {"x": 1},
    "conditions": [{"type": "Configured", "status": "True", "reason": "r", "message": "m",
                    "lastTransitionTime": "2026-01-01T00:00:00Z"}]}})");
  const json status = Status(others);
  EXPECT_EQ(status["lastAppliedConfig"], (json{{"x", 1}}));
  ASSERT_EQ(status["conditions"].size(), 2u);
  EXPECT_EQ(status["conditions"][0], others["status"]["conditions"][0]);
  EXPECT_EQ(Status(Written(others)), Written(others)["status"]) << "written once";
}

TEST_F(AddonStatusTest, HashesAreOfConfigurationsThatTheAddonNamesItself) {
  const json reference = json::parse(R"({
    "group": "addon.open-cluster-management.io", "resource": "addondeploymentconfigs",
    "desiredConfig": {"namespace": "paris", "name": "mine", "specHash": ""}})");
  json addon = {{"status", {{"configReferences", {reference}}}}};
  EXPECT_EQ(Status(addon)["configReferences"][0], reference) << "the add-on's own spec names none";
  addon["spec"]["configs"] = json::parse(R"([
    {"group": "addon.open-cluster-management.io", "resource": "addondeploymentconfigs",
     "namespace": "paris", "name": "mine"}])");
  EXPECT_EQ(Status(addon)["configReferences"][0]["desiredConfig"]["specHash"], SpecHash(*config_));
}

}  // namespace
}  // namespace hawser::addon_manager
