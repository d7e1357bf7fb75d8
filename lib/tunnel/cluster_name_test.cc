#include "lib/tunnel/cluster_name.h"

#include <gtest/gtest.h>

namespace hawser::tunnel {
namespace {

using std::nullopt;

TEST(ParseTarget, TakesTheLastLabelAsTheCluster) {
  EXPECT_EQ(ParseTarget("web.default.svc.paris", ""), (Target{"paris", "web.default.svc"}));
  EXPECT_EQ(ParseTarget("db.paris", ""), (Target{"paris", "db"}));
  EXPECT_EQ(ParseTarget("_sip._tcp.db.paris", ""), (Target{"paris", "_sip._tcp.db"}));
}

TEST(ParseTarget, BareClusterIsItsApiServer) {
  EXPECT_EQ(ParseTarget("paris", ""), (Target{"paris", ""}));
  EXPECT_EQ(ParseTarget("42", ""), (Target{"42", ""}));
}

TEST(ParseTarget, ReadsAddressesInside) {
  EXPECT_EQ(ParseTarget("10-96-0-7.ip.paris", ""), (Target{"paris", "10.96.0.7"}));
  EXPECT_EQ(ParseTarget("2001-db8--1.ip.paris", ""), (Target{"paris", "2001:db8::1"}));
  EXPECT_EQ(ParseTarget("0--1.ip.paris", ""), (Target{"paris", "::1"}));
}

TEST(ParseTarget, KeepsNamesThatOnlyResembleAddressesInside) {
  EXPECT_EQ(ParseTarget("10-96-0-700.ip.paris", ""), (Target{"paris", "10-96-0-700.ip"}));
  EXPECT_EQ(ParseTarget("a.10-96-0-7.ip.paris", ""), (Target{"paris", "a.10-96-0-7.ip"}));
  EXPECT_EQ(ParseTarget("10-96-0-7.ipx.paris", ""), (Target{"paris", "10-96-0-7.ipx"}));
  EXPECT_EQ(ParseTarget("ip.paris", ""), (Target{"paris", "ip"}));
}

TEST(ParseTarget, IgnoresCaseAndTrailingDot) {
  EXPECT_EQ(ParseTarget("Web.Default.SVC.PARIS.", ""), (Target{"paris", "web.default.svc"}));
}

TEST(ParseTarget, DropsTheClusterDomain) {
  for (const char* domain : {".clusters.example", "clusters.example", "Clusters.Example."}) {
    EXPECT_EQ(ParseTarget("web.paris.clusters.example", domain), (Target{"paris", "web"}));
    EXPECT_EQ(ParseTarget("paris.CLUSTERS.example.", domain), (Target{"paris", ""}));
    EXPECT_EQ(ParseTarget("web.paris", domain), (Target{"paris", "web"})) << "it is optional";
  }
  EXPECT_EQ(ParseTarget("web.parisclusters.example", "clusters.example"),
            (Target{"example", "web.parisclusters"}))
      << "only whole labels are dropped";
  EXPECT_EQ(ParseTarget("clusters.example", "clusters.example"), (Target{"example", "clusters"}));
}

TEST(ParseTarget, AddressesAreNoNames) {
  for (const char* host : {"10.0.0.1", "::1", "2001:db8::1", "10.1", "300.1.1.1", "10.0.0.1."})
    EXPECT_EQ(ParseTarget(host, ""), nullopt) << host;
  EXPECT_EQ(ParseTarget("10.0.0.1.clusters.example", ".clusters.example"), nullopt);
}

TEST(ParseTarget, RefusesWhatIsNoName) {
  for (const char* host : {"", ".", "web..paris", "web.-paris", "web.pa_ris", "pa_ris",
                           "we b.paris", "*.paris", "web.paris:80"})
    EXPECT_EQ(ParseTarget(host, ""), nullopt) << host;
  EXPECT_EQ(ParseTarget("web." + std::string(64, 'p'), ""), nullopt);
  EXPECT_EQ(ParseTarget(std::string(300, 'p'), ""), nullopt);
}

}  // namespace
}  // namespace hawser::tunnel
