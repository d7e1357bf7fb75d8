#include "hub/agent_identity.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hawser::hub {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const absl::StatusOr<std::optional<pki::Identity>> kUnnamed = std::optional<pki::Identity>();

absl::StatusOr<std::optional<pki::Identity>> Cluster(const std::string& name,
                                                     const std::string& agent = "") {
  return std::optional<pki::Identity>(pki::ClusterIdentity{"hawser.local", name, agent});
}

AgentIdentity Accepted(std::variant<AgentIdentity, AgentRefusal> decision) {
  const auto* refusal = std::get_if<AgentRefusal>(&decision);
  EXPECT_EQ(refusal, nullptr) << refusal->why;
  return refusal == nullptr ? std::get<AgentIdentity>(std::move(decision)) : AgentIdentity();
}

void ExpectRefused(const std::variant<AgentIdentity, AgentRefusal>& decision,
                   const std::string& reason, const std::string& text) {
  const auto* refusal = std::get_if<AgentRefusal>(&decision);
  ASSERT_NE(refusal, nullptr);
  EXPECT_EQ(refusal->reason, reason);
  EXPECT_THAT(refusal->why, HasSubstr(text));
}

AgentGrants GrantsWith(const std::string& domain, const std::string& suffix) {
  AgentGrants grants;
  grants.names = {tunnel::Domain::Parse(domain).value(), {tunnel::Domain::Parse(suffix).value()}};
  return grants;
}

TEST(IdentifyAgent, TakesTheCertificatesWord) {
  for (const auto mode : {AgentIdentityMode::kAuto, AgentIdentityMode::kCertificate}) {
    const auto agent =
        Accepted(IdentifyAgent(mode, {}, Cluster("paris", "a1"), "mine", "host=paris"));
    EXPECT_EQ(agent.cluster, "paris");
    EXPECT_EQ(agent.agent_id, "a1") << "the certificate's id goes first";
    EXPECT_EQ(agent.name(), "paris");
  }
}

TEST(IdentifyAgent, OwnNamesMayBeAnnounced) {
  const AgentGrants grants = GrantsWith(".clusters.test", "agents-ns");
  for (const char* host : {"paris", "PARIS.", "*.paris", "web.default.svc.paris", "paris.agents-ns",
                           "x.paris.clusters.test",
                           // 56 digits of sha256("paris")
                           "cluster-1670f2e42fefa5044d59a65349e47c566009488fc57d7b4376dd5787"
                           ".open-cluster-management.proxy"}) {
    const auto decision = IdentifyAgent(AgentIdentityMode::kCertificate, grants, Cluster("paris"),
                                        "", std::string("host=") + host);
    EXPECT_TRUE(std::holds_alternative<AgentIdentity>(decision)) << host;
  }
}

TEST(IdentifyAgent, ForeignNamesAreRefused) {
  for (const char* host : {"tokyo", "web.tokyo", "paris.tokyo", "xparis", "*.tokyo", "10.0.0.7"}) {
    const auto decision = IdentifyAgent(AgentIdentityMode::kAuto, {}, Cluster("paris"), "",
                                        std::string("host=paris&host=") + host);
    ExpectRefused(decision, "foreign_name", "cluster paris, but it announced host=");
    ExpectRefused(decision, "foreign_name", host);
  }
}

TEST(IdentifyAgent, NamesThatARuleGivesToOthersAreRefused) {
  const std::string suffix = "open-cluster-management-agent-addon";
  const AgentGrants grants = GrantsWith(".clusters.test", suffix);
  for (const std::string cluster : {"test", "clusters", "proxy", suffix.c_str()}) {
    ExpectRefused(IdentifyAgent(AgentIdentityMode::kCertificate, grants, Cluster(cluster), "", ""),
                  "reserved_name", "no cluster may be called " + cluster);
  }
  // Not reserved where neither domain nor suffix is known: the names are still others'.
  ExpectRefused(IdentifyAgent(AgentIdentityMode::kCertificate, {}, Cluster("management"), "",
                              "host=" + pki::ServiceProxyHost("london")),
                "foreign_name", "open-cluster-management.proxy");
  for (const char* host :
       {"london.clusters.test", "x.svc.london.clusters.test", "london.agent.clusters.test",
        "management.test", "london.open-cluster-management-agent-addon"})
    ExpectRefused(IdentifyAgent(AgentIdentityMode::kCertificate, grants, Cluster("management"), "",
                                std::string("host=") + host),
                  "foreign_name", host);
}

// A resolver reads such hosts as addresses, whatever the cluster is called.
TEST(IdentifyAgent, AddressesAreNotUnderAClusterCalledLikeTheirEnd) {
  for (const char* host : {"10.0.0.7", "10.7"})
    ExpectRefused(IdentifyAgent(AgentIdentityMode::kCertificate, {}, Cluster("7"), "",
                                std::string("host=") + host),
                  "foreign_name", host);
}

TEST(IdentifyAgent, OtherTrustDomainsAreRefusedInEveryMode) {
  AgentGrants grants;
  grants.trust_domain = "hawser.local";
  for (const auto mode :
       {AgentIdentityMode::kAuto, AgentIdentityMode::kCertificate, AgentIdentityMode::kAsserted})
    Accepted(IdentifyAgent(mode, grants, Cluster("paris"), "", "host=paris"));
  grants.trust_domain = "other.example";
  for (const auto mode :
       {AgentIdentityMode::kAuto, AgentIdentityMode::kCertificate, AgentIdentityMode::kAsserted})
    ExpectRefused(IdentifyAgent(mode, grants, Cluster("paris"), "", "host=paris"), "trust_domain",
                  "trust domain hawser.local, not of other.example");
  Accepted(IdentifyAgent(AgentIdentityMode::kAuto, grants, kUnnamed, "", "host=paris"));
}

TEST(IdentifyAgent, AddressesNeedAGrant) {
  const std::string announced = "ipv4=10.0.0.7&ipv4=10.0.0.8&cidr=10.0.0.0/8&default-route=true";
  const auto without =
      Accepted(IdentifyAgent(AgentIdentityMode::kCertificate, {}, Cluster("paris"), "", announced));
  EXPECT_EQ(without.identifiers, tunnel::Identifiers());
  EXPECT_THAT(without.ignored, ElementsAre("ipv4=10.0.0.7", "ipv4=10.0.0.8", "cidr=10.0.0.0/8",
                                           "default-route=true"));

  AgentGrants grants;
  grants.identifiers["paris"] =
      tunnel::ParseIdentifiers("host=extra.example&ipv4=10.0.0.8&default-route=true").value();
  const auto with =
      Accepted(IdentifyAgent(AgentIdentityMode::kCertificate, grants, Cluster("paris"), "",
                             announced + "&host=extra.example"));
  EXPECT_THAT(with.identifiers.ipv4, ElementsAre("10.0.0.8"));
  EXPECT_THAT(with.identifiers.hosts, ElementsAre("extra.example"));
  EXPECT_THAT(with.granted_hosts, ElementsAre("extra.example"));
  EXPECT_TRUE(with.identifiers.default_route);
  EXPECT_THAT(with.ignored, ElementsAre("ipv4=10.0.0.7", "cidr=10.0.0.0/8"));
  ExpectRefused(IdentifyAgent(AgentIdentityMode::kCertificate, grants, Cluster("tokyo"), "",
                              "host=extra.example"),
                "foreign_name", "tokyo");
}

TEST(IdentifyAgent, UnnamedCertificatesDependOnTheMode) {
  const std::string announced = "host=node-1&ipv4=10.0.0.7";
  const auto agent =
      Accepted(IdentifyAgent(AgentIdentityMode::kAuto, {}, kUnnamed, "a1", announced));
  EXPECT_EQ(agent.cluster, "");
  EXPECT_EQ(agent.agent_id, "a1");
  EXPECT_EQ(agent.name(), "node-1");
  EXPECT_THAT(agent.identifiers.ipv4, ElementsAre("10.0.0.7"));
  ExpectRefused(IdentifyAgent(AgentIdentityMode::kCertificate, {}, kUnnamed, "a1", announced),
                "no_certificate_name", "names no cluster");
}

TEST(IdentifyAgent, AssertedIsTheAgentsWord) {
  const auto agent = Accepted(IdentifyAgent(AgentIdentityMode::kAsserted, {}, Cluster("paris"), "",
                                            "host=tokyo&default-route=true"));
  EXPECT_EQ(agent.cluster, "");
  EXPECT_THAT(agent.identifiers.hosts, ElementsAre("tokyo"));
  EXPECT_TRUE(agent.identifiers.default_route);
}

TEST(IdentifyAgent, RefusesWhatIsMalformed) {
  const auto decide = [](const auto& certified, const std::string& id, const std::string& list) {
    return IdentifyAgent(AgentIdentityMode::kAuto, {}, certified, id, list);
  };
  ExpectRefused(decide(kUnnamed, "a b", ""), "malformed", "agent id");
  ExpectRefused(decide(kUnnamed, std::string(129, 'a'), ""), "malformed", "agent id");
  ExpectRefused(decide(kUnnamed, "", "ipv4=x"), "malformed", "ipv4");
  const absl::StatusOr<std::optional<pki::Identity>> broken =
      absl::InvalidArgumentError("two URI names");
  ExpectRefused(decide(broken, "", ""), "malformed", "two URI names");
  const absl::StatusOr<std::optional<pki::Identity>> client =
      std::optional<pki::Identity>(pki::ClientIdentity{"hawser.local", "ann"});
  ExpectRefused(decide(client, "", ""), "not_an_agent", "names a client");
}

}  // namespace
}  // namespace hawser::hub
