#include "lib/tunnel/cluster_name.h"

#include <gtest/gtest.h>

namespace hawser::tunnel {
namespace {

using std::nullopt;

std::optional<Target> Parsed(const std::string& host, const std::string& domain) {
  const auto parsed = Host::Parse(host);
  return parsed ? ParseTarget(*parsed, Domain::Parse(domain).value()) : nullopt;
}

TEST(ParseTarget, TakesTheLastLabelAsTheCluster) {
  EXPECT_EQ(Parsed("web.default.svc.paris", ""), (Target{"paris", "web.default.svc"}));
  EXPECT_EQ(Parsed("db.paris", ""), (Target{"paris", "db"}));
  EXPECT_EQ(Parsed("_sip._tcp.db.paris", ""), (Target{"paris", "_sip._tcp.db"}));
}

TEST(ParseTarget, BareClusterIsItsApiServer) {
  EXPECT_EQ(Parsed("paris", ""), (Target{"paris", ""}));
  EXPECT_EQ(Parsed("42", ""), (Target{"42", ""}));
}

TEST(ParseTarget, ReadsAddressesInside) {
  EXPECT_EQ(Parsed("10-96-0-7.ip.paris", ""), (Target{"paris", "10.96.0.7"}));
  EXPECT_EQ(Parsed("2001-db8--1.ip.paris", ""), (Target{"paris", "2001:db8::1"}));
  EXPECT_EQ(Parsed("0--1.ip.paris", ""), (Target{"paris", "::1"}));
}

TEST(ParseTarget, KeepsNamesThatOnlyResembleAddressesInside) {
  EXPECT_EQ(Parsed("10-96-0-700.ip.paris", ""), (Target{"paris", "10-96-0-700.ip"}));
  EXPECT_EQ(Parsed("a.10-96-0-7.ip.paris", ""), (Target{"paris", "a.10-96-0-7.ip"}));
  EXPECT_EQ(Parsed("10-96-0-7.ipx.paris", ""), (Target{"paris", "10-96-0-7.ipx"}));
  EXPECT_EQ(Parsed("ip.paris", ""), (Target{"paris", "ip"}));
}

TEST(ParseTarget, IgnoresCaseAndTrailingDot) {
  EXPECT_EQ(Parsed("Web.Default.SVC.PARIS.", ""), (Target{"paris", "web.default.svc"}));
}

TEST(ParseTarget, DropsTheClusterDomain) {
  for (const char* domain : {".clusters.example", "clusters.example", "Clusters.Example."}) {
    EXPECT_EQ(Parsed("web.paris.clusters.example", domain), (Target{"paris", "web"}));
    EXPECT_EQ(Parsed("paris.CLUSTERS.example.", domain), (Target{"paris", ""}));
    EXPECT_EQ(Parsed("web.paris", domain), (Target{"paris", "web"})) << "it is optional";
  }
  EXPECT_EQ(Parsed("web.parisclusters.example", "clusters.example"),
            (Target{"example", "web.parisclusters"}))
      << "only whole labels are dropped";
  EXPECT_EQ(Parsed("clusters.example", "clusters.example"), (Target{"example", "clusters"}));
}

TEST(ParseTarget, AddressesAreNoNames) {
  for (const char* host : {"10.0.0.1", "::1", "2001:db8::1", "10.1", "300.1.1.1", "10.0.0.1."})
    EXPECT_EQ(Parsed(host, ""), nullopt) << host;
  EXPECT_EQ(Parsed("10.0.0.1.clusters.example", ".clusters.example"), nullopt);
}

TEST(ParseTarget, RefusesWhatIsNoName) {
  for (const char* host : {"", ".", "web..paris", "web.-paris", "web.pa_ris", "pa_ris",
                           "we b.paris", "*.paris", "web.paris:80"})
    EXPECT_EQ(Parsed(host, ""), nullopt) << host;
  EXPECT_EQ(Parsed("web." + std::string(64, 'p'), ""), nullopt);
  EXPECT_EQ(Parsed(std::string(300, 'p'), ""), nullopt);
}

}  // namespace
}  // namespace hawser::tunnel
