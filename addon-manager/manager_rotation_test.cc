// The addon-manager and the life of its authorities.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "addon-manager/addon_status.h"
#include "addon-manager/agent_leaves.h"
#include "addon-manager/names.h"
#include "addon-manager/secret_data.h"
#include "addon-manager/test_hub.h"

namespace hawser::addon_manager {
namespace {

using kube::Object;
using kube::StringAt;
using ::testing::HasSubstr;
using Phase = CaRotation::Phase;
using namespace std::chrono_literals;

bool IsIn(const CaRotation& rotation, Phase phase) { return rotation.phase == phase; }

class ManagerRotationTest : public ::testing::Test {
 protected:
  Authorities Now() {
    return hub_.AwaitAuthorities([](const Authorities&) { return true; });
  }
  void Install() {
    hub_.StartManager();
    hub_.Configure();
    hub_.AwaitCondition("ProxyServerDeployed", "True");
  }
  // Nobody knows what hub clients there are, so nothing but time ends this phase.
  void LetHubClientsCertificatesExpire() {
    Authorities authorities = Now();
    authorities.clients.since -= hub_.options.rotation.leaf_lifetime;
    const std::string since = ToSecretData(authorities).at("clients.since");
    hub_.Patch(kSecrets, {TestHub::kNs, hub_.options.signer_secret},
               {{"data", EncodeSecretData({{"clients.since", since}})}});
  }
  void AwaitStable() {
    hub_.AwaitCondition("AuthorityRotationProgressing", "False");
    for (const auto& member : Authorities::Members())
      EXPECT_STREQ(PhaseName((Now().*member.rotation).phase), "Stable") << member.name;
  }
  // As the cluster's agents do when the registration changes.
  void Renew(const std::string& cluster, const std::string& authority) {
    hub_.AwaitAddon(cluster, [&](const Object& addon) {
      return ParseRegistrations(addon) == RegistrationsOf(cluster, AuthorityHash(authority));
    });
    const auto certificate = hub_.AwaitCertificate(hub_.Request(cluster, kProxyAgentSigner));
    EXPECT_TRUE(certificate.IsSignedBy(*pki::Certificate::FromPem(authority)));
    hub_.AwaitWork(cluster, [&](const Object& work) {
      const auto leaf = AgentLeafOf(&work);
      return leaf && leaf->authority == AuthorityHash(authority);
    });
  }
  // As the cluster's work agent does when the agent is to trust another bundle.
  void Deliver(const std::string& cluster, const std::string& bundle) {
    hub_.AwaitWork(cluster, [&](const Object& work) {
      return StringAt(work, {"metadata", "annotations", kTrustAnnotation}) == BundleHash(bundle);
    });
    hub_.ReportApplied(cluster);
  }

  TestHub hub_;
};

TEST_F(ManagerRotationTest, GoesFromPhaseToPhaseAsEveryoneFollows) {
  hub_.AddCluster("paris");
  Install();
  const Authorities old = Now();
  Renew("paris", old.agents.active.certificate);
  Deliver("paris", old.servers.Bundle());

  hub_.Annotate(kRotateAnnotation, "spring");
  // Hub pods are told at once; then agents ask for certificates of the new authority.
  const Authorities signing = hub_.AwaitAuthorities(
      [](const Authorities& now) { return IsIn(now.agents, Phase::kSignWithNew); });
  EXPECT_EQ(signing.agents.other, old.agents.active);
  EXPECT_EQ(signing.agents.request, "spring");
  // The hub's own certificate stays of the old one until paris trusts the new one.
  const Authorities both = hub_.AwaitAuthorities(
      [](const Authorities& now) { return IsIn(now.servers, Phase::kTrustBoth); });
  EXPECT_EQ(both.servers.active, old.servers.active);
  EXPECT_EQ(hub_.AwaitCondition("AuthorityRotationProgressing", "True")["reason"], "Rotating");
  hub_.AwaitOnPage("/metrics", R"(authority_phase{authority="servers",phase="TrustBoth"} 1)");

  Renew("paris", signing.agents.active.certificate);
  Deliver("paris", both.servers.Bundle());
  hub_.Touch();
  hub_.AwaitAuthorities([](const Authorities& now) { return IsIn(now.agents, Phase::kStable); });
  const Authorities retired = hub_.AwaitAuthorities([](const Authorities& now) {
    return IsIn(now.servers, Phase::kRetire) || IsIn(now.servers, Phase::kStable);
  });
  EXPECT_NE(retired.servers.active, old.servers.active);
  Deliver("paris", retired.servers.active.certificate);
  hub_.AwaitAuthorities(
      [](const Authorities& now) { return IsIn(now.clients, Phase::kSignWithNew); });
  LetHubClientsCertificatesExpire();
  AwaitStable();
  const Authorities done = Now();
  EXPECT_EQ(done.agents.Bundle(), signing.agents.active.certificate);
  EXPECT_EQ(done.servers.Bundle(), retired.servers.active.certificate);
  EXPECT_NE(done.clients.active, old.clients.active);
  for (const auto& [secret, rotation] :
       std::map<std::string, const CaRotation*>{{"agent-server", &done.servers},
                                                {"proxy-server", &done.servers},
                                                {"proxy-client", &done.clients}}) {
    const auto leaf = pki::Certificate::FromPem(hub_.SecretData(secret).at("tls.crt"));
    EXPECT_TRUE(leaf->IsSignedBy(*pki::Certificate::FromPem(rotation->active.certificate)))
        << secret;
  }
}

TEST_F(ManagerRotationTest, ARequestIsHeededOnce) {
  hub_.AddCluster("paris");
  Install();
  hub_.Annotate(kRotateAnnotation, "spring");
  hub_.AwaitAuthorities(
      [](const Authorities& now) { return IsIn(now.clients, Phase::kSignWithNew); });
  Deliver("paris", Now().servers.Bundle());
  LetHubClientsCertificatesExpire();
  hub_.AwaitAuthorities([](const Authorities& now) { return IsIn(now.clients, Phase::kStable); });
  const Authorities before = Now();
  hub_.ConfigurePatch({{"proxyServer", {{"replicas", 1}}}});
  hub_.AwaitCondition("ProxyServerDeployed", "True");
  EXPECT_EQ(Now().clients, before.clients);
}

TEST_F(ManagerRotationTest, ARotationIsRolledBack) {
  hub_.AddCluster("paris");
  Install();
  const Authorities old = Now();
  Renew("paris", old.agents.active.certificate);
  hub_.Annotate(kRotateAnnotation, "spring");
  const Authorities rotating = hub_.AwaitAuthorities([](const Authorities& now) {
    return IsIn(now.agents, Phase::kSignWithNew) && IsIn(now.clients, Phase::kSignWithNew) &&
           IsIn(now.servers, Phase::kTrustBoth);
  });
  Renew("paris", rotating.agents.active.certificate);
  hub_.AwaitSecret("proxy-client", [&](const std::map<std::string, std::string>& data) {
    return pki::Certificate::FromPem(data.at("tls.crt"))
        ->IsSignedBy(*pki::Certificate::FromPem(rotating.clients.active.certificate));
  });
  hub_.Annotate(kRollBackAnnotation, "spring");
  hub_.AwaitAuthorities([](const Authorities& now) { return IsIn(now.servers, Phase::kStable); });
  const Authorities back = hub_.AwaitAuthorities(
      [](const Authorities& now) { return IsIn(now.clients, Phase::kRollBack); });
  EXPECT_EQ(back.servers.Bundle(), old.servers.Bundle()) << "nothing had been signed by it";
  EXPECT_EQ(back.clients.active, old.clients.active);
  LetHubClientsCertificatesExpire();
  hub_.AwaitAuthorities([](const Authorities& now) { return IsIn(now.clients, Phase::kStable); });
  EXPECT_EQ(Now().clients.Bundle(), old.clients.Bundle());
  hub_.AwaitSecret("proxy-client", [&](const std::map<std::string, std::string>& data) {
    return pki::Certificate::FromPem(data.at("tls.crt"))
        ->IsSignedBy(*pki::Certificate::FromPem(old.clients.active.certificate));
  });
}

TEST_F(ManagerRotationTest, AnExpiredAuthorityIsReplacedAtOnce) {
  Authorities expired = *MakeAuthorities(24h, std::chrono::system_clock::now());
  const auto signer = Signer(expired.servers);
  ASSERT_TRUE(signer.ok()) << signer.status();
  X509* certificate = signer->certificate().get();
  const auto yesterday = std::chrono::system_clock::now() - 24h;
  ASN1_TIME_set(X509_getm_notAfter(certificate), std::chrono::system_clock::to_time_t(yesterday));
  ASSERT_NE(X509_sign(certificate, signer->key().get(), EVP_sha256()), 0);
  expired.servers.active.certificate = signer->certificate().ToPem();
  hub_.StoreAuthorities(expired);
  hub_.options.rotation.authority_renew_before = 0s;
  Install();
  const Authorities after = Now();
  EXPECT_NE(after.servers.active, expired.servers.active);
  EXPECT_TRUE(IsIn(after.servers, Phase::kStable));
  EXPECT_EQ(after.agents.active, expired.agents.active);
  EXPECT_TRUE(pki::Certificate::FromPem(hub_.SecretData("agent-server").at("tls.crt"))
                  ->IsSignedBy(*pki::Certificate::FromPem(after.servers.active.certificate)));
}

TEST_F(ManagerRotationTest, AnAuthorityNearItsEndIsReplacedByOverlap) {
  hub_.options.rotation.authority_renew_before = 48h;
  const Authorities old = *MakeAuthorities(24h, std::chrono::system_clock::now());
  hub_.StoreAuthorities(old);
  hub_.StartManager();
  hub_.Configure();
  const Authorities after = hub_.AwaitAuthorities(
      [](const Authorities& now) { return IsIn(now.clients, Phase::kSignWithNew); });
  EXPECT_EQ(after.clients.other, old.clients.active);
  EXPECT_EQ(hub_.AwaitCondition("AuthorityRotationProgressing", "True")["reason"], "Rotating");
}

// A process that ends in the middle is followed by one that knows nothing but what is stored.
class ManagerRestartTest : public ManagerRotationTest,
                           public ::testing::WithParamInterface<Phase> {};

TEST_P(ManagerRestartTest, GoesOnFromWhereItWas) {
  const Phase phase = GetParam();
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  Authorities stored = *MakeAuthorities(24h * 3650, now);
  const Authorities other = *MakeAuthorities(24h * 3650, now);
  for (const auto& member : Authorities::Members()) {
    CaRotation& rotation = stored.*member.rotation;
    rotation.phase = phase;
    rotation.request = "spring";
    rotation.other = (other.*member.rotation).active;
  }
  hub_.StoreAuthorities(stored);
  hub_.StartManager();
  hub_.Configure();
  hub_.Annotate(kRotateAnnotation, "spring");
  if (phase != Phase::kRetire) {
    hub_.AwaitAuthorities([&](const Authorities& each) {
      return IsIn(each.clients, phase == Phase::kRollBack ? phase : Phase::kSignWithNew);
    });
    LetHubClientsCertificatesExpire();
  }
  AwaitStable();
  // In the first two phases the other one is the new one, later the old one.
  const bool swaps = phase == Phase::kPrepare || phase == Phase::kTrustBoth;
  const Authorities done = Now();
  for (const auto& member : Authorities::Members()) {
    const CaRotation::Pair& signer = ((swaps ? other : stored).*member.rotation).active;
    EXPECT_EQ((done.*member.rotation).active, signer) << member.name;
    EXPECT_EQ((done.*member.rotation).Bundle(), signer.certificate) << member.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Phases, ManagerRestartTest,
                         ::testing::Values(Phase::kPrepare, Phase::kTrustBoth, Phase::kSignWithNew,
                                           Phase::kRetire, Phase::kRollBack),
                         [](const auto& phase) { return std::string(PhaseName(phase.param)); });

// Time to get to pods counts anew for each process, so one that begins never goes on too early.
TEST_F(ManagerRotationTest, ARestartNeverSkipsTheTimeToGetToPods) {
  hub_.options.rotation.delivery = 1h;
  Authorities stored = *MakeAuthorities(24h * 3650, std::chrono::system_clock::now() - 2h);
  for (const auto& member : Authorities::Members()) {
    (stored.*member.rotation).phase = Phase::kTrustBoth;
    (stored.*member.rotation).other = (stored.*member.rotation).active;
  }
  hub_.StoreAuthorities(stored);
  hub_.StartManager();
  hub_.Configure();
  EXPECT_THAT(
      hub_.AwaitCondition("AuthorityRotationProgressing", "True")["message"].get<std::string>(),
      HasSubstr("servers: TrustBoth"));
  for (const auto& member : Authorities::Members())
    EXPECT_TRUE(IsIn(Now().*member.rotation, Phase::kTrustBoth)) << member.name;
  hub_.StopManager();
  hub_.options.rotation.delivery = 0s;
  hub_.StartManager();
  hub_.AwaitAuthorities(
      [](const Authorities& now) { return IsIn(now.clients, Phase::kSignWithNew); });
}

}  // namespace
}  // namespace hawser::addon_manager
