// The addon-manager and managed clusters: registrations, manifests, certificates.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "addon-manager/addon_status.h"
#include "addon-manager/agent_leaves.h"
#include "addon-manager/config_hashes.h"
#include "addon-manager/names.h"
#include "addon-manager/test_hub.h"
#include "lib/kube/conditions.h"
#include "lib/testing/log_capture.h"

namespace hawser::addon_manager {
namespace {

using kube::Object;
using kube::StringAt;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using namespace std::chrono_literals;

bool IsRegistered(const Object& addon) { return ParseRegistrations(addon).size() == 2; }

class ManagerClusterTest : public ::testing::Test {
 protected:
  ManagerClusterTest() {
    hub_.StartManager();
    hub_.Configure();
  }
  // A cluster that may ask for certificates.
  void Register(const std::string& cluster) {
    hub_.AddCluster(cluster);
    hub_.AwaitAddon(cluster, &IsRegistered);
  }
  Object RequestNamed(const std::string& name) { return hub_.Get(kSigningRequests, {"", name}); }
  std::string Authority() {
    return hub_.AwaitAuthorities([](const Authorities&) { return true; }).agents.active.certificate;
  }

  hawser::testing::LogCapture log_;
  TestHub hub_;
};

TEST_F(ManagerClusterTest, AnAddonIsRegisteredAndOnceConfiguredInstalled) {
  hub_.AddCluster("paris");
  const kube::ObjectName addon{"paris", kAddonName};
  hub_.AwaitWork("paris");
  const Object registered = hub_.AwaitAddon("paris", &IsRegistered);
  EXPECT_EQ(ParseRegistrations(registered), RegistrationsOf("paris", AuthorityHash(Authority())));
  EXPECT_EQ(StringAt(registered, {"status", "namespace"}), "proxies");
  EXPECT_TRUE(kube::IsConditionTrue(registered, "RegistrationApplied"));
  EXPECT_TRUE(kube::IsConditionTrue(registered, "Configured")) << "Open Cluster Management's stays";

  hub_.ReportApplied("paris");
  const Object applied = hub_.AwaitAddon(
      "paris", [](const Object& each) { return kube::IsConditionTrue(each, "ManifestApplied"); });
  EXPECT_EQ(ParseRegistrations(applied), ParseRegistrations(registered));
}

TEST_F(ManagerClusterTest, NothingIsInstalledBeforeItIsConfigured) {
  hub_.Create(kClusters, {{"apiVersion", "cluster.open-cluster-management.io/v1"},
                          {"kind", "ManagedCluster"},
                          {"metadata", {{"name", "paris"}}},
                          {"spec", {{"hubAcceptsClient", true}}}});
  const kube::ObjectName name{"paris", kAddonName};
  hub_.Create(kClusterAddons, {{"apiVersion", kAddonApi},
                               {"kind", "ManagedClusterAddOn"},
                               {"metadata", {{"namespace", "paris"}, {"name", kAddonName}}}});
  const Object addon = hub_.AwaitAddon("paris", [](const Object& each) {
    return IsRegistered(each) && kube::FindCondition(each, "ManifestApplied") != nullptr;
  });
  EXPECT_EQ(hub_.server().Count("PATCH", "manifestworks"), 0);
  Object conditions = addon["status"]["conditions"];
  conditions.push_back({{"type", "Configured"}, {"status", "True"}});
  hub_.PatchStatus(kClusterAddons, name, {{"conditions", conditions}});
  hub_.AwaitWork("paris");
}

TEST_F(ManagerClusterTest, ClustersThatAreNotAcceptedOrGoGetNothing) {
  hub_.AddCluster("limbo", /*accepted=*/false);
  hub_.Create(kClusters,
              {{"apiVersion", "cluster.open-cluster-management.io/v1"},
               {"kind", "ManagedCluster"},
               {"metadata", {{"name", "going"}, {"finalizers", {"hawser.test/still-here"}}}},
               {"spec", {{"hubAcceptsClient", true}}}});
  hub_.Delete(kClusters, {"", "going"});
  hub_.Create(kClusterAddons, {{"apiVersion", kAddonApi},
                               {"kind", "ManagedClusterAddOn"},
                               {"metadata", {{"namespace", "going"}, {"name", kAddonName}}}});
  // The one after them is looked at when they were.
  hub_.AddCluster("paris");
  hub_.AwaitWork("paris");
  EXPECT_FALSE(IsRegistered(hub_.Get(kClusterAddons, {"limbo", kAddonName})));
  EXPECT_FALSE(IsRegistered(hub_.Get(kClusterAddons, {"going", kAddonName})));
  EXPECT_EQ(hub_.server().Count("PATCH", "/limbo/manifestworks"), 0);
  EXPECT_EQ(hub_.server().Count("PATCH", "/going/manifestworks"), 0);

  hub_.Patch(kClusters, {"", "limbo"}, {{"spec", {{"hubAcceptsClient", true}}}});
  hub_.AwaitWork("limbo");
}

TEST_F(ManagerClusterTest, AClustersConfigurationIsHeededOnceItIsThereAndGood) {
  Register("paris");
  hub_.AwaitWork("paris");
  const kube::ObjectName addon{"paris", kAddonName};
  const Object reference = {{"group", "addon.open-cluster-management.io"},
                            {"resource", "addondeploymentconfigs"},
                            {"desiredConfig", {{"namespace", "paris"}, {"name", "mine"}}}};
  hub_.PatchStatus(kClusterAddons, addon, {{"configReferences", {reference}}});
  const auto await_failure = [&](const std::string& message) {
    return hub_.AwaitAddon("paris", [&](const Object& each) {
      const Object* condition = kube::FindCondition(each, "ManifestApplied");
      return condition != nullptr && (*condition)["reason"] == "InvalidConfiguration" &&
             StringAt(*condition, {"message"}).find(message) != std::string::npos;
    });
  };
  await_failure("paris/mine does not exist");

  hub_.Create(kDeploymentConfigs, {{"apiVersion", kAddonApi},
                                   {"kind", "AddOnDeploymentConfig"},
                                   {"metadata", {{"namespace", "paris"}, {"name", "mine"}}},
                                   {"spec", {{"agentInstallNamespace", "mine"}}}});
  const auto in_namespace = [](const std::string& ns) {
    return [ns](const Object& work) {
      return work["spec"]["workload"]["manifests"][0]["metadata"]["name"] == ns;
    };
  };
  hub_.AwaitWork("paris", in_namespace("mine"));
  hub_.Patch(kDeploymentConfigs, {"paris", "mine"},
             {{"spec", {{"customizedVariables", {{{"name", "allow"}, {"value", "{"}}}}}}});
  const Object broken = await_failure("customizedVariables: allow");
  EXPECT_EQ(StringAt(broken, {"status", "namespace"}), "mine") << "the agent stays where it is";
  EXPECT_TRUE(in_namespace("mine")(hub_.AwaitWork("paris")));
  hub_.Patch(kDeploymentConfigs, {"paris", "mine"},
             {{"spec", {{"customizedVariables", nullptr}, {"agentInstallNamespace", "moved"}}}});
  hub_.AwaitWork("paris", in_namespace("moved"));
  hub_.AwaitAddon("paris", [](const Object& each) {
    return StringAt(each, {"status", "namespace"}) == "moved";
  });
}

TEST_F(ManagerClusterTest, HashesOfConfigurationsAreFilledIn) {
  hub_.Create(kManagementAddons, {{"apiVersion", kAddonApi},
                                  {"kind", "ClusterManagementAddOn"},
                                  {"metadata", {{"name", kAddonName}}}});
  hub_.PatchStatus(kManagementAddons, {"", kAddonName},
                   {{"defaultconfigReferences",
                     {{{"group", "proxy.open-cluster-management.io"},
                       {"resource", "managedproxyconfigurations"},
                       {"desiredConfig", {{"name", kAddonName}, {"specHash", ""}}}}}}});
  const std::string before = SpecHash(hub_.Get(kProxyConfigurations, {"", kAddonName}));
  const auto has = [](const std::string& hash) {
    return [hash](const Object& addon) {
      const Object* list = kube::Find(addon, {"status", "defaultconfigReferences"});
      return list != nullptr && (*list)[0]["desiredConfig"]["specHash"] == hash;
    };
  };
  hub_.Await(kManagementAddons, {"", kAddonName}, has(before));
  hub_.ConfigurePatch({{"proxyAgent", {{"replicas", 1}}}});
  const std::string after = SpecHash(hub_.Get(kProxyConfigurations, {"", kAddonName}));
  EXPECT_NE(after, before);
  hub_.Await(kManagementAddons, {"", kAddonName}, has(after));
}

TEST_F(ManagerClusterTest, ItsCertificateIsSignedByTheRules) {
  Register("paris");
  const std::string request = hub_.Request("paris", kProxyAgentSigner, [](Object& each) {
    each["spec"]["expirationSeconds"] = 10 * 365 * 24 * 3600;
  });
  const pki::Certificate certificate = hub_.AwaitCertificate(request);
  const std::string authority = Authority();
  EXPECT_TRUE(kube::IsConditionTrue(RequestNamed(request), "Approved"));
  EXPECT_TRUE(certificate.IsSignedBy(*pki::Certificate::FromPem(authority)));
  EXPECT_THAT(certificate.alternative_names(),
              ElementsAre("uri:spiffe://hawser.test/cluster/paris"));
  EXPECT_THAT(certificate.usages(), ElementsAre("client"));
  EXPECT_EQ(certificate.common_name(), "open-cluster-management:cluster-proxy:proxy-agent");
  const auto now = std::chrono::system_clock::now();
  EXPECT_LE(certificate.not_after(), now + hub_.options.rotation.agent_leaf_lifetime);
  EXPECT_GT(certificate.not_after(), now + hub_.options.rotation.agent_leaf_lifetime - 1h);
  hub_.AwaitWork("paris", [&](const Object& work) {
    const auto leaf = AgentLeafOf(&work);
    return leaf && leaf->authority == AuthorityHash(authority);
  });

  const std::string brief = hub_.Request(
      "paris", kProxyAgentSigner, [](Object& each) { each["spec"]["expirationSeconds"] = 1; });
  EXPECT_GT(hub_.AwaitCertificate(brief).not_after(), now + 29min) << "or none is ever renewed";
}

// Or the authority that the cluster no longer depends on would be kept for as long as its leaves
// live.
TEST_F(ManagerClusterTest, WhatWasSignedJustBeforeACrashIsNoted) {
  Register("paris");
  hub_.AwaitCertificate(hub_.Request("paris", kProxyAgentSigner));
  const auto noted = [](const Object& work) {
    return !kube::StringAt(work, {"metadata", "annotations", kAgentAuthorityAnnotation}).empty();
  };
  hub_.AwaitWork("paris", noted);
  hub_.StopManager();
  hub_.Patch(kManifestWorks, {"paris", kManifestWork},
             {{"metadata",
               {{"annotations",
                 {{kAgentAuthorityAnnotation, nullptr}, {kAgentSignedAnnotation, nullptr}}}}}});
  hub_.StartManager();
  hub_.AwaitWork("paris", noted);
}

TEST_F(ManagerClusterTest, ItsAccessToTheHubIsApprovedAndSignedByKubernetes) {
  Register("paris");
  const std::string request = hub_.Request("paris", kKubeClientSigner);
  hub_.Await(kSigningRequests, {"", request},
             [](const Object& each) { return kube::IsConditionTrue(each, "Approved"); });
  // One that comes later has been signed meanwhile.
  hub_.AwaitCertificate(hub_.Request("paris", kProxyAgentSigner));
  EXPECT_EQ(StringAt(RequestNamed(request), {"status", "certificate"}), "");
}

TEST_F(ManagerClusterTest, WhatIsNotRightStaysPending) {
  Register("paris");
  Register("tokyo");
  hub_.AddCluster("limbo", /*accepted=*/false);
  const auto refused = [&](const std::string& why, const std::string& signer, auto change) {
    const std::string name = hub_.Request("paris", signer, change);
    log_.Await("certificate request \"" + name + "\" is left pending: ");
    const std::string text = log_.text();
    const size_t line = text.find("\"" + name + "\"");
    EXPECT_THAT(text.substr(line, text.find('\n', line) - line), HasSubstr(why));
    EXPECT_FALSE(RequestNamed(name).contains("status")) << why;
  };
  for (const char* signer : {kProxyAgentSigner, kKubeClientSigner}) {
    const auto by = [](const std::string& user) {
      return [user](Object& each) { each["spec"]["username"] = user; };
    };
    refused("no agent of cluster", signer, by("system:open-cluster-management:tokyo:agent"));
    refused("no agent of cluster", signer, by("system:open-cluster-management:parisian:agent"));
    refused("no agent of cluster", signer, by("system:admin"));
    refused("other usages", signer,
            [](Object& each) { each["spec"]["usages"].push_back("server auth"); });
    // As tokyo's agent asks for what is paris'.
    refused("no agent of cluster", signer,
            [](Object& each) { each["metadata"]["labels"][kClusterLabel] = "tokyo"; });
    // Of a cluster that nobody has accepted.
    refused("no such add-on", signer, [](Object& each) {
      each["metadata"]["labels"][kClusterLabel] = "limbo";
      each["spec"]["username"] = "system:open-cluster-management:limbo:agent";
    });
  }
  // The kube-client registration names the cluster: another's is not its own.
  refused("CN", kKubeClientSigner, [](Object& each) {
    each["metadata"]["labels"][kClusterLabel] = "tokyo";
    each["spec"]["username"] = "system:open-cluster-management:tokyo:agent";
  });
}

TEST_F(ManagerClusterTest, WhatOthersSignersAreAskedForIsLeftAlone) {
  Register("paris");
  const std::string foreign = hub_.Request("paris", "example.com/signer");
  hub_.AwaitCertificate(hub_.Request("paris", kProxyAgentSigner));
  hub_.AwaitCertificate(hub_.Request("paris", kProxyAgentSigner));
  EXPECT_FALSE(RequestNamed(foreign).contains("status"));
}

}  // namespace
}  // namespace hawser::addon_manager
