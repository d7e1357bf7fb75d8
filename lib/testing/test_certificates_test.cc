#include "lib/testing/test_certificates.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "lib/pki/certificate.h"
#include "lib/pki/identity.h"
#include "lib/pki/private_key.h"
#include "lib/testing/status_matchers.h"

namespace hawser::testing {
namespace {

using ::testing::ElementsAre;

pki::Certificate LeafOf(const net::TlsFiles& files) {
  return *pki::Certificate::Load(files.certificate);
}

pki::Certificate CaOf(const net::TlsFiles& files) { return *pki::Certificate::Load(files.ca); }

TEST(TestCertificates, EachSideTrustsTheOther) {
  TestCertificates certificates;
  const net::TlsFiles agent = certificates.Agent("paris");
  const net::TlsFiles agent_port = certificates.HubAgentPort();
  EXPECT_TRUE(LeafOf(agent).IsSignedBy(CaOf(agent_port)));
  EXPECT_TRUE(LeafOf(agent_port).IsSignedBy(CaOf(agent)));

  const net::TlsFiles client = certificates.Client("ann");
  const net::TlsFiles front_end = certificates.HubFrontEnd();
  EXPECT_TRUE(LeafOf(client).IsSignedBy(CaOf(front_end)));
  EXPECT_TRUE(LeafOf(front_end).IsSignedBy(CaOf(client)));
  for (const net::TlsFiles& files : {agent, agent_port, client, front_end})
    EXPECT_THAT(pki::PrivateKey::Load(files.key), IsOk());
}

TEST(TestCertificates, DomainsAreApart) {
  TestCertificates certificates;
  const pki::Certificate agent = LeafOf(certificates.Agent("paris"));
  const pki::Certificate client = LeafOf(certificates.Client("ann"));
  EXPECT_FALSE(agent.IsSignedBy(CaOf(certificates.HubFrontEnd())));
  EXPECT_FALSE(client.IsSignedBy(CaOf(certificates.HubAgentPort())));
  EXPECT_FALSE(
      LeafOf(certificates.ForeignAgent("paris")).IsSignedBy(CaOf(certificates.HubAgentPort())));
}

TEST(TestCertificates, LeavesCarryTheirIdentityAndUsage) {
  TestCertificates certificates;
  const pki::Certificate agent = LeafOf(certificates.Agent("paris"));
  EXPECT_THAT(pki::IdentityOf(agent.get()),
              IsOkAndHolds(pki::Identity(pki::ClusterIdentity{"hawser.test", "paris", ""})));
  EXPECT_THAT(agent.usages(), ElementsAre("client"));
  EXPECT_THAT(pki::IdentityOf(LeafOf(certificates.Client("ann")).get()),
              IsOkAndHolds(pki::Identity(pki::ClientIdentity{"hawser.test", "ann"})));
  EXPECT_THAT(pki::IdentityOf(LeafOf(certificates.AgentWithoutIdentity()).get()),
              IsOkAndHolds(std::nullopt));
  EXPECT_THAT(LeafOf(certificates.HubFrontEnd()).alternative_names(),
              ElementsAre("dns:localhost", "ip:127.0.0.1", "ip:::1"));
}

TEST(TestCertificates, ExpiredIsExpired) {
  TestCertificates certificates;
  const pki::Certificate expired = LeafOf(certificates.ExpiredAgent("paris"));
  EXPECT_LT(expired.not_after(), std::chrono::system_clock::now());
  EXPECT_TRUE(expired.IsSignedBy(certificates.agents().certificate()));
}

TEST(TestCertificates, LeavesNothingBehind) {
  std::string folder;
  {
    TestCertificates certificates;
    certificates.Agent("paris");
    folder = certificates.folder();
    EXPECT_TRUE(std::filesystem::exists(folder));
  }
  EXPECT_FALSE(std::filesystem::exists(folder));
}

}  // namespace
}  // namespace hawser::testing
