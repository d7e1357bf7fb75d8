// The addon-manager and its own hub: certificates, objects, status.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "addon-manager/names.h"
#include "addon-manager/secret_data.h"
#include "addon-manager/test_hub.h"
#include "lib/kube/conditions.h"
#include "lib/kube/timestamp.h"
#include "lib/testing/log_capture.h"

namespace hawser::addon_manager {
namespace {

using kube::Object;
using kube::StringAt;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;
using namespace std::chrono_literals;

constexpr char kHubName[] = "dns:hub.example";

using Data = std::map<std::string, std::string>;

// Whether it holds a certificate, of that authority unless it is empty, with that name.
bool IsLeaf(const Data& data, const std::string& authority, const std::string& name) {
  const auto text = data.find("tls.crt");
  if (text == data.end()) return false;
  const auto certificate = pki::Certificate::FromPem(text->second);
  if (!certificate.ok()) return false;
  const auto names = certificate->alternative_names();
  if (std::find(names.begin(), names.end(), name) == names.end()) return false;
  const auto issuer = pki::Certificate::FromPem(authority);
  return authority.empty() || (issuer.ok() && certificate->IsSignedBy(*issuer));
}

class ManagerHubTest : public ::testing::Test {
 protected:
  // An installation that is as it should be.
  void Install() {
    hub_.StartManager();
    hub_.Configure();
    hub_.AwaitCondition("ProxyServerDeployed", "True");
  }
  Object Own(const std::string& name, const Data& data) {
    return {{"apiVersion", "v1"},
            {"kind", "Secret"},
            {"type", "kubernetes.io/tls"},
            {"metadata", {{"namespace", TestHub::kNs}, {"name", name}}},
            {"data", EncodeSecretData(data)}};
  }
  // A certificate that the operator has from somewhere else.
  Data OwnLeaf() const {
    const auto key = pki::PrivateKey::Generate();
    const auto leaf = operators_.Issue(
        {.common_name = "hub", .dns_names = {"hub.example"}, .server = true}, key->get());
    return {{"tls.crt", leaf->ToPem()},
            {"tls.key", key->ToPem()},
            {"ca.crt", operators_.certificate().ToPem()}};
  }

  const pki::Authority operators_ = *pki::Authority::Create("operators", 24h);
  TestHub hub_;
};

TEST_F(ManagerHubTest, AConfigurationGetsItsHub) {
  Install();
  const Authorities authorities = hub_.AwaitAuthorities([](const Authorities&) { return true; });
  const std::string servers = authorities.servers.active.certificate;
  for (const char* name : {"proxy-server", "agent-server"})
    EXPECT_TRUE(IsLeaf(hub_.SecretData(name), servers, kHubName)) << name;
  EXPECT_TRUE(IsLeaf(hub_.SecretData("proxy-client"), authorities.clients.active.certificate,
                     "uri:spiffe://hawser.test/client/proxy-client"));
  EXPECT_EQ(hub_.SecretData(kServerCaSecret), (Data{{"ca.crt", servers}}));
  const Object trust = hub_.Get(kConfigMaps, {TestHub::kNs, kTrustConfigMap});
  EXPECT_EQ(trust["data"]["agents.crt"], authorities.agents.active.certificate);
  EXPECT_EQ(trust["data"]["clients.crt"], authorities.clients.active.certificate);
  EXPECT_EQ(trust["data"]["servers.crt"], servers);
  hub_.Get(kDeployments, {TestHub::kNs, kAddonName});

  const Object configuration = hub_.Get(kProxyConfigurations, {"", kAddonName});
  EXPECT_EQ(configuration["status"]["lastObservedGeneration"],
            configuration["metadata"]["generation"]);
  for (const char* type :
       {"ProxyServerSecretSigned", "AgentServerSecretSigned", "ProxyClientSecretSigned"}) {
    const Object* condition = kube::FindCondition(configuration, type);
    ASSERT_NE(condition, nullptr) << type;
    EXPECT_EQ((*condition)["reason"], "Signed");
    EXPECT_THAT((*condition)["message"].get<std::string>(), HasSubstr("valid until 20"));
  }
  EXPECT_EQ(hub_.AwaitCondition("AuthorityRotationProgressing", "False")["reason"], "Stable");
}

TEST_F(ManagerHubTest, TicketKeysAreMadeAndReplacedDaily) {
  Install();
  const auto keys = [](const Data& data) { return data.at(kTicketKeysEntry); };
  const std::string first = keys(hub_.SecretData(kTicketKeysSecret));
  EXPECT_EQ(first.size(), 80u);
  const auto made = [this](std::chrono::hours age) {
    const auto time = std::chrono::system_clock::now() - age;
    hub_.Patch(kSecrets, {TestHub::kNs, kTicketKeysSecret},
               {{"metadata", {{"annotations", {{kMadeAtAnnotation, kube::FormatTime(time)}}}}}});
    hub_.Touch();
  };
  std::string last = first;
  for (const size_t size : {160, 240, 240}) {
    made(25h);
    const Data data =
        hub_.AwaitSecret(kTicketKeysSecret, [&](const Data& now) { return keys(now) != last; });
    EXPECT_EQ(keys(data).size(), size);
    EXPECT_TRUE(keys(data).substr(80).starts_with(last.substr(0, 80))) << "the newest is first";
    last = keys(data);
  }
  EXPECT_EQ(last.find(first), std::string::npos) << "the oldest is gone";
  made(-1h);  // by a clock that was ahead
  hub_.AwaitSecret(kTicketKeysSecret, [&](const Data& now) { return keys(now) != last; });
  hub_.Patch(kSecrets, {TestHub::kNs, kTicketKeysSecret},
             {{"data", EncodeSecretData({{kTicketKeysEntry, "torn"}})}});
  hub_.Touch();
  hub_.AwaitSecret(kTicketKeysSecret, [&](const Data& now) { return keys(now).size() == 80; });
  hub_.Delete(kSecrets, {TestHub::kNs, kTicketKeysSecret});
  hub_.AwaitSecret(kTicketKeysSecret, [&](const Data& now) { return keys(now).size() == 80; });
}

TEST_F(ManagerHubTest, TheKeysOfAuthoritiesAreInOneSecretOnly) {
  Install();
  const Authorities authorities = hub_.AwaitAuthorities([](const Authorities&) { return true; });
  for (const char* name : {"proxy-server", "agent-server", "proxy-client", kServerCaSecret})
    for (const auto& [key, value] : hub_.SecretData(name))
      for (const auto& member : Authorities::Members())
        EXPECT_THAT(value, Not(HasSubstr((authorities.*member.rotation).active.key)))
            << name << " " << key;
}

TEST_F(ManagerHubTest, ADeletedCertificateComesBack) {
  Install();
  const std::string before = hub_.SecretData("agent-server").at("tls.crt");
  hub_.Delete(kSecrets, {TestHub::kNs, "agent-server"});
  const Data after =
      hub_.AwaitSecret("agent-server", [](const Data& data) { return IsLeaf(data, "", kHubName); });
  EXPECT_NE(after.at("tls.crt"), before);
}

TEST_F(ManagerHubTest, ACertificateIsReplacedAtTwoThirdsOfItsLife) {
  Install();
  const Authorities authorities = hub_.AwaitAuthorities([](const Authorities&) { return true; });
  const auto key = pki::PrivateKey::Generate();
  const auto old = Signer(authorities.clients)
                       ->Issue({.common_name = "proxy-client",
                                .uri = "spiffe://hawser.test/client/proxy-client",
                                .client = true,
                                .validity = 30 * 24h,
                                .not_before = std::chrono::system_clock::now() - 21 * 24h},
                               key->get());
  ASSERT_TRUE(old.ok()) << old.status();
  hub_.Patch(kSecrets, {TestHub::kNs, "proxy-client"},
             {{"data", EncodeSecretData({{"tls.crt", old->ToPem()}, {"tls.key", key->ToPem()}})}});
  const Data after = hub_.AwaitSecret(
      "proxy-client", [&](const Data& data) { return data.at("tls.crt") != old->ToPem(); });
  EXPECT_GT(pki::Certificate::FromPem(after.at("tls.crt"))->not_after(), old->not_after());
  EXPECT_NE(after.at("tls.key"), key->ToPem());
}

TEST_F(ManagerHubTest, ANewNameOfTheHubIsInItsCertificates) {
  Install();
  hub_.ConfigurePatch(
      {{"proxyServer", {{"entrypoint", {{"hostname", {{"value", "b.example"}}}}}}}});
  for (const char* name : {"proxy-server", "agent-server"})
    hub_.AwaitSecret(name, [](const Data& data) { return IsLeaf(data, "", "dns:b.example"); });
}

TEST_F(ManagerHubTest, AddressesOfTheBalancerAreInItsCertificates) {
  hub_.AddCluster("paris");
  Install();
  hub_.ConfigurePatch({{"proxyServer", {{"entrypoint", {{"type", "LoadBalancerService"}}}}}});
  const kube::ObjectName balancer{TestHub::kNs, "proxy-agent-entrypoint"};
  hub_.Await(kServices, balancer, [](const Object&) { return true; });
  hub_.AwaitAddon("paris", [](const Object& addon) {
    const Object* condition = kube::FindCondition(addon, "ManifestApplied");
    return condition != nullptr && (*condition)["reason"] == "NoEntrypoint";
  });
  for (const char* address : {"203.0.113.7", "203.0.113.8"}) {
    hub_.PatchStatus(
        kServices, balancer,
        {{"loadBalancer", {{"ingress", {{{"ip", address}}, {{"hostname", "lb.example"}}}}}}});
    const Data leaf = hub_.AwaitSecret("agent-server", [&](const Data& data) {
      return IsLeaf(data, "", std::string("ip:") + address);
    });
    EXPECT_TRUE(IsLeaf(leaf, "", "dns:lb.example"));
    hub_.AwaitWork("paris", [&](const Object& work) {
      return work.dump().find("--proxy-server-host=" + std::string(address) + ",lb.example") !=
             std::string::npos;
    });
  }
}

TEST_F(ManagerHubTest, WhatAnotherEntrypointLeavesIsRemoved) {
  Install();
  hub_.ConfigurePatch({{"proxyServer", {{"entrypoint", {{"type", "LoadBalancerService"}}}}}});
  const kube::ObjectName balancer{TestHub::kNs, "proxy-agent-entrypoint"};
  const kube::ObjectName rights{TestHub::kNs, "cluster-proxy-addon-agent:portforward"};
  hub_.Await(kServices, balancer, [](const Object&) { return true; });
  hub_.ConfigurePatch({{"proxyServer", {{"entrypoint", {{"type", "PortForward"}}}}}});
  hub_.Await(kRoles, rights, [](const Object&) { return true; });
  hub_.server().Await(kServices, balancer,
                      [](const Object* service) { return service == nullptr; });
  hub_.ConfigurePatch({{"proxyServer", {{"entrypoint", {{"type", "Hostname"}}}}}});
  for (const kube::Resource& resource : {kRoles, kRoleBindings})
    hub_.server().Await(resource, rights, [](const Object* role) { return role == nullptr; });
}

TEST_F(ManagerHubTest, AnOperatorsOwnCertificateStaysAndIsTrusted) {
  const Data own = OwnLeaf();
  const Object created = hub_.Create(kSecrets, Own("proxy-server", own));
  Install();
  EXPECT_EQ(hub_.AwaitCondition("ProxyServerSecretSigned", "True")["reason"], "Provided");
  EXPECT_EQ(hub_.Get(kSecrets, {TestHub::kNs, "proxy-server"}), created);
  const auto trusted = pki::Certificate::AllFromPem(hub_.SecretData(kServerCaSecret).at("ca.crt"));
  ASSERT_TRUE(trusted.ok()) << trusted.status();
  ASSERT_EQ(trusted->size(), 2u);
  EXPECT_EQ(trusted->back().ToPem(), own.at("ca.crt"));
}

TEST_F(ManagerHubTest, OwnAuthoritiesNeedNoLastLineBreak) {
  for (const char* name : {"proxy-server", "agent-server"}) {
    Data own = OwnLeaf();
    own["ca.crt"].pop_back();
    hub_.Create(kSecrets, Own(name, own));
  }
  Install();
  const auto trusted = pki::Certificate::AllFromPem(hub_.SecretData(kServerCaSecret).at("ca.crt"));
  ASSERT_TRUE(trusted.ok()) << trusted.status();
  EXPECT_EQ(trusted->size(), 3u);
}

TEST_F(ManagerHubTest, ADamagedAuthorityOfAnOperatorReachesNobody) {
  Data own = OwnLeaf();
  own["ca.crt"].resize(200);
  hub_.Create(kSecrets, Own("proxy-server", own));
  hub_.StartManager();
  hub_.Configure();
  const Object condition = hub_.AwaitCondition("ProxyServerSecretSigned", "False");
  EXPECT_THAT(condition["message"].get<std::string>(),
              HasSubstr("secret proxy-server, which is not ours: ca.crt"));
  hub_.Patch(kSecrets, {TestHub::kNs, "proxy-server"}, {{"data", EncodeSecretData(OwnLeaf())}});
  hub_.Touch();
  hub_.AwaitCondition("ProxyServerDeployed", "True");
}

TEST_F(ManagerHubTest, ABrokenConfigurationIsToldAndMended) {
  Install();
  const Object trust = hub_.Get(kConfigMaps, {TestHub::kNs, kTrustConfigMap});
  hub_.ConfigurePatch({{"proxyServer", {{"entrypoint", {{"type", "Pigeon"}}}}}});
  const Object condition = hub_.AwaitCondition("ProxyServerDeployed", "False");
  EXPECT_EQ(condition["reason"], "InvalidConfiguration");
  EXPECT_THAT(condition["message"].get<std::string>(),
              HasSubstr("spec.proxyServer.entrypoint.type"));
  EXPECT_EQ(hub_.Get(kConfigMaps, {TestHub::kNs, kTrustConfigMap}), trust);
  hub_.ConfigurePatch({{"proxyServer", {{"entrypoint", {{"type", "Hostname"}}}}}});
  hub_.AwaitCondition("ProxyServerDeployed", "True");
}

TEST_F(ManagerHubTest, AnotherNamespaceIsNotOurs) {
  Install();
  hub_.ConfigurePatch({{"proxyServer", {{"namespace", "elsewhere"}}}});
  EXPECT_THAT(hub_.AwaitCondition("ProxyServerDeployed", "False")["message"].get<std::string>(),
              HasSubstr("must be addon"));
}

TEST_F(ManagerHubTest, AuthoritiesOfTheOperatorAreNeverMade) {
  hub_.options.signer_must_exist = true;
  hub_.StartManager();
  hub_.Configure();
  EXPECT_THAT(hub_.AwaitCondition("ProxyServerDeployed", "False")["message"].get<std::string>(),
              HasSubstr(hub_.options.signer_secret));
  EXPECT_EQ(hub_.server().Count("POST", "secrets"), 0);
}

TEST_F(ManagerHubTest, ASecretOfAuthoritiesThatIsDamagedIsLeftAsItIs) {
  Install();
  const kube::ObjectName name{TestHub::kNs, hub_.options.signer_secret};
  hub_.Patch(kSecrets, name, {{"data", {{"agents.active.key", nullptr}}}});
  EXPECT_THAT(hub_.AwaitCondition("ProxyServerDeployed", "False")["message"].get<std::string>(),
              HasSubstr("agents: authority's secret: no active.key"));
  EXPECT_THAT(SecretDataOf(hub_.Get(kSecrets, name)),
              Contains(::testing::Key("agents.active.crt")));
}

TEST_F(ManagerHubTest, NoKeyIsEverLogged) {
  hawser::testing::LogCapture log;
  hub_.AddCluster("paris");
  Install();
  hub_.AwaitWork("paris");
  hub_.Annotate(kRotateAnnotation, "spring");
  hub_.AwaitAuthorities([](const Authorities& authorities) {
    return authorities.clients.phase == CaRotation::Phase::kSignWithNew;
  });
  // Keys in wrong places: errors tell of what could not be read.
  const kube::ObjectName signer{TestHub::kNs, hub_.options.signer_secret};
  const Data kept = hub_.SecretData(signer.name);
  std::string torn = kept.at("agents.active.key");
  torn.insert(torn.size() / 2, "?");
  hub_.Patch(kSecrets, signer,
             {{"data", EncodeSecretData({{"agents.active.key", torn},
                                         {"agents.since", kept.at("clients.active.key")}})}});
  hub_.AwaitCondition("ProxyServerDeployed", "False");
  hub_.StopManager();
  const std::string text = log.text() + hub_.Get(kProxyConfigurations, {"", kAddonName}).dump();
  EXPECT_THAT(text, HasSubstr("leading"));
  std::vector<std::string> keys;
  for (const auto& [name, value] : kept)
    if (name.ends_with(".key")) keys.push_back(value);
  for (const char* leaf : {"proxy-server", "agent-server", "proxy-client"})
    keys.push_back(hub_.SecretData(leaf).at("tls.key"));
  EXPECT_GE(keys.size(), 7u);
  // Any line of the text between "BEGIN" and "END".
  for (const std::string& key : keys) {
    const size_t begin = key.find('\n') + 1;
    EXPECT_THAT(text, Not(HasSubstr(key.substr(begin + 40, 20))));
  }
}

}  // namespace
}  // namespace hawser::addon_manager
