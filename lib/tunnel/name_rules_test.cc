#include "lib/tunnel/name_rules.h"

#include <gtest/gtest.h>

#include "lib/pki/identity.h"

namespace hawser::tunnel {
namespace {

NameRules Rules() {
  return {Domain::Parse(".clusters.test").value(),
          {Domain::Parse("open-cluster-management-agent-addon").value(),
           Domain::Parse("agents.example").value()}};
}

Destination Resolved(const std::string& host) { return Rules().Resolve(Host::Parse(host).value()); }

TEST(NameRules, TheFirstRuleThatFitsNamesTheOwner) {
  for (const char* host :
       {"london", "web.default.svc.london", "10-96-0-7.ip.London.", "london.clusters.test",
        "x.svc.london.clusters.test", "london.open-cluster-management-agent-addon",
        "x.london.open-cluster-management-agent-addon", "london.agents.example",
        "london.open-cluster-management-agent-addon.clusters.test.london"})
    EXPECT_EQ(Resolved(host).owner, "london") << host;
  EXPECT_EQ(Resolved("london.clusters").owner, "clusters");
  EXPECT_EQ(Resolved("london.test").owner, "test");
}

TEST(NameRules, AServiceProxyIsOfWhoHasItsHash) {
  const std::string proxy = pki::ServiceProxyHost("london");
  for (const std::string& host : {proxy, "x." + proxy}) {
    EXPECT_EQ(Resolved(host).owner, "");
    EXPECT_EQ(Resolved(host).service_proxy, proxy);
    EXPECT_TRUE(Rules().Owns("london", host));
    EXPECT_FALSE(Rules().Owns("proxy", host));
  }
  EXPECT_FALSE(Rules().Owns("open-cluster-management", "x.open-cluster-management.proxy"));
  EXPECT_FALSE(Rules().Owns("x", "x.open-cluster-management.proxy"));
}

TEST(NameRules, AddressesAreNobodys) {
  for (const char* host : {"10.0.0.7", "::1", "10.7", "fd00::7"}) {
    EXPECT_EQ(Resolved(host).owner, "") << host;
    EXPECT_FALSE(Rules().Owns("7", host)) << host;
    EXPECT_FALSE(Rules().Owns("", host)) << host;
  }
}

TEST(NameRules, OwnersOwnWhatIsUnderTheirNames) {
  for (const char* name : {"paris", "*.paris", "db.paris", "paris.clusters.test",
                           "*.paris.clusters.test", "paris.open-cluster-management-agent-addon"})
    EXPECT_TRUE(Rules().Owns("paris", name)) << name;
  for (const char* name : {"tokyo", "xparis", "paris.tokyo", "*.clusters.test", "*.agents.example",
                           "paris.agents", "tokyo.paris.clusters.example"})
    EXPECT_FALSE(Rules().Owns("paris", name)) << name;
  for (const char* cluster : {"test", "clusters", "open-cluster-management-agent-addon", "example"})
    for (const char* name : {"paris.clusters.test", "x.paris.clusters.test",
                             "paris.open-cluster-management-agent-addon", "paris.agents.example"})
      EXPECT_FALSE(Rules().Owns(cluster, name)) << cluster << " " << name;
}

TEST(NameRules, NamesThatRulesGiveAwayAreReserved) {
  for (const char* cluster :
       {"proxy", "test", "clusters", "agents", "example", "open-cluster-management-agent-addon"})
    EXPECT_NE(Rules().WhyReserved(cluster), "") << cluster;
  for (const char* cluster : {"paris", "tes", "open-cluster-management"})
    EXPECT_EQ(Rules().WhyReserved(cluster), "") << cluster;
  EXPECT_EQ(NameRules().WhyReserved("test"), "");
  EXPECT_NE(NameRules().WhyReserved("proxy"), "");
  EXPECT_EQ(NameRules().WhyReserved(""), "");
}

}  // namespace
}  // namespace hawser::tunnel
