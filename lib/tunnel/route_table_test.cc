#include "lib/tunnel/route_table.h"

#include <gtest/gtest.h>

#include "lib/pki/identity.h"

namespace hawser::tunnel {
namespace {

using std::nullopt;
using Handle = RouteTable::Handle;

Identifiers Parsed(const std::string& text) { return ParseIdentifiers(text).value(); }

// With a cluster domain and a host suffix.
std::optional<RouteTable::Choice> Choice(const RouteTable& table, const std::string& host,
                                         std::optional<Handle> excluded = {}) {
  const NameRules rules(Domain::Parse(".clusters.example").value(), {Domain::Parse("ns").value()});
  const auto parsed = Host::Parse(host);
  return parsed ? table.Pick(rules.Resolve(*parsed), excluded) : nullopt;
}

std::optional<Handle> Picked(const RouteTable& table, const std::string& host,
                             std::optional<Handle> excluded = {}) {
  const auto choice = Choice(table, host, excluded);
  if (!choice) return nullopt;
  return choice->handle;
}

RouteTable Table(std::vector<Strategy> strategies) { return RouteTable(std::move(strategies)); }

TEST(RouteTable, RoutesByTheCertificatesClusterUnderEveryStrategy) {
  for (const Strategy strategy :
       {Strategy::kDestHost, Strategy::kDefaultRoute, Strategy::kDefault}) {
    RouteTable table = Table({strategy});
    table.Add(1, "paris", {});
    table.Add(2, "tokyo", {});
    EXPECT_EQ(Picked(table, "web.default.svc.paris"), 1);
    EXPECT_EQ(Picked(table, "web.default.svc.Tokyo."), 2);
    EXPECT_EQ(Picked(table, "paris"), 1);
    EXPECT_EQ(Picked(table, "10-96-0-7.ip.paris"), 1);
    EXPECT_EQ(Picked(table, "web.rome"), nullopt) << "certified sessions serve their names only";
    EXPECT_EQ(Picked(table, "10.96.0.7"), nullopt);
  }
}

TEST(RouteTable, DropsTheClusterDomain) {
  RouteTable table = Table({Strategy::kDefault});
  table.Add(1, "paris", {});
  table.Add(2, "", {});
  EXPECT_EQ(Picked(table, "web.paris.clusters.example"), 1);
  table.Remove(1);
  EXPECT_EQ(Picked(table, "web.paris.clusters.example"), nullopt);
}

// What clusters of awkward names announce is decided elsewhere: here they even announced it.
TEST(RouteTable, NoOtherClusterGetsANameThatARuleGaveAway) {
  const std::string proxy = pki::ServiceProxyHost("london");
  RouteTable table = Table({Strategy::kDestHost, Strategy::kDefaultRoute, Strategy::kDefault});
  table.Add(1, "example",
            Parsed("host=london.clusters.example&host=x.svc.london.clusters.example"));
  table.Add(2, "ns", Parsed("host=london.ns"));
  table.Add(3, "proxy", Parsed("host=" + proxy));
  const std::string names[] = {"london.clusters.example", "x.svc.london.clusters.example",
                               "london.ns", "x.london.ns"};
  for (const std::string& name : names) EXPECT_EQ(Picked(table, name), nullopt) << name;
  EXPECT_EQ(Picked(table, proxy), nullopt) << "whose it is, no session has said";
  table.Add(4, "london", {});
  for (int turn = 0; turn < 4; ++turn) {
    for (const std::string& name : names) EXPECT_EQ(Picked(table, name), 4) << name;
    EXPECT_EQ(Picked(table, proxy), 4);
    EXPECT_EQ(Picked(table, "x." + proxy), 4);
    table.DialStarted(4);
  }
  table.Remove(4);
  for (const std::string& name : names) EXPECT_EQ(Picked(table, name), nullopt) << name;
  EXPECT_EQ(Picked(table, proxy), nullopt) << "down is not free";
}

TEST(RouteTable, AnExactNameComesFirstWithinItsOwner) {
  RouteTable table = Table({Strategy::kDestHost});
  table.Add(1, "paris", {});
  table.Add(2, "paris", Parsed("host=db.paris"));
  EXPECT_EQ(Picked(table, "db.paris"), 2);
  EXPECT_EQ(Picked(table, "web.paris"), 1);
}

TEST(RouteTable, GrantedNamesAreOfThoseWhoWereGrantedThem) {
  RouteTable table = Table({Strategy::kDefault});
  table.Add(1, "paris", Parsed("host=extra.tokyo"), {"extra.tokyo"});
  table.Add(2, "tokyo", {});
  EXPECT_EQ(Picked(table, "extra.tokyo"), 1);
  EXPECT_EQ(Picked(table, "web.tokyo"), 2);
  table.Remove(1);
  EXPECT_EQ(Picked(table, "extra.tokyo"), 2) << "tokyo's again";
}

TEST(RouteTable, ClaimedNamesStayClosedToAssertedSessions) {
  RouteTable table = Table({Strategy::kDestHost, Strategy::kDefaultRoute, Strategy::kDefault});
  table.Add(1, "", Parsed("host=paris&host=web.paris&host=paris.ns&default-route=true"));
  EXPECT_EQ(Picked(table, "web.paris"), 1) << "nobody claimed it yet";
  table.Add(2, "paris", Parsed("host=paris&host=paris.ns"));
  for (const char* host : {"paris", "web.paris", "x.y.paris", "paris.ns", "x.paris.ns"})
    EXPECT_NE(Picked(table, host), 1) << host;
  EXPECT_EQ(Picked(table, "paris.ns"), 2);
  table.Remove(2);
  for (const char* host : {"paris", "web.paris", "x.y.paris", "paris.ns", "x.paris.ns"})
    EXPECT_EQ(Picked(table, host), nullopt) << "down is not free: " << host;
  EXPECT_EQ(Picked(table, "web.rome"), 1);
}

TEST(RouteTable, CertifiedSessionsUseWhatTheyWereGranted) {
  RouteTable table = Table({Strategy::kDefaultRoute});
  table.Add(1, "paris", Parsed("ipv4=10.0.0.7&ipv6=FD00::7&default-route=true"));
  table.Add(2, "", {});
  EXPECT_EQ(Picked(table, "10.0.0.7"), 1);
  EXPECT_EQ(Picked(table, "fd00:0::7"), 1);
  EXPECT_EQ(Picked(table, "example.com"), 1);
  table.Remove(1);
  EXPECT_EQ(Picked(table, "10.0.0.7"), nullopt);
}

TEST(RouteTable, DestHostMatchesIdentifiersThenTheCluster) {
  RouteTable table = Table({Strategy::kDestHost});
  table.Add(1, "", Parsed("host=Node-1&ipv4=10.0.0.7"));
  table.Add(2, "", Parsed("host=paris"));
  table.Add(3, "", Parsed("host=db.paris"));
  EXPECT_EQ(Picked(table, "NODE-1"), 1);
  EXPECT_EQ(Picked(table, "10.0.0.7"), 1);
  EXPECT_EQ(Picked(table, "::ffff:10.0.0.7"), 1);
  EXPECT_EQ(Picked(table, "web.paris"), 2);
  EXPECT_EQ(Picked(table, "db.paris"), 3) << "exact goes first";
  EXPECT_EQ(Picked(table, "elsewhere"), nullopt);
  EXPECT_EQ(Picked(table, "10.0.0.8"), nullopt);
}

TEST(RouteTable, AddressesMatchTheLongestRange) {
  RouteTable table = Table({Strategy::kDestHost});
  table.Add(1, "", Parsed("cidr=10.0.0.0/8&cidr=fd00::/8"));
  table.Add(2, "", Parsed("cidr=10.1.2.3/16&cidr=fd00:1::/32"));
  table.Add(3, "", Parsed("ipv4=10.1.0.7&ipv6=fd00:1::7&host=web.paris"));
  const std::pair<const char*, Handle> kRoutes[] = {
      {"10.9.0.1", 1}, {"10.1.255.1", 2},  {"10.1.0.7", 3},      {"::ffff:10.1.0.8", 2},
      {"fd12::1", 1},  {"FD00:1:0::9", 2}, {"fd00:1:0:0::7", 3}, {"web.paris", 3}};
  for (const auto& [host, handle] : kRoutes) EXPECT_EQ(Picked(table, host), handle) << host;
  for (const char* host : {"11.0.0.1", "fe00::1", "::10.1.0.7", "10.1", "10.1.0.7.ip"})
    EXPECT_EQ(Picked(table, host), nullopt) << host;
  table.SetDraining(2);
  EXPECT_EQ(Picked(table, "10.1.0.8"), 1) << "a shorter range that does not drain";
  table.Remove(1);
  EXPECT_EQ(Picked(table, "10.1.0.8"), 2) << "draining, but the only one";
  EXPECT_EQ(Picked(table, "10.1.0.8", 2), nullopt);
}

TEST(RouteTable, RangesOfEveryLengthMatch) {
  for (const std::string address : {"10.1.2.3", "fd00:1:2::3"}) {
    const int most = address.find(':') == std::string::npos ? 32 : 128;
    for (int bits = 0; bits <= most; ++bits) {
      RouteTable table = Table({Strategy::kDestHost});
      table.Add(1, "", Parsed("cidr=" + address + "/" + std::to_string(bits)));
      EXPECT_EQ(Picked(table, address), 1) << bits;
      EXPECT_EQ(Picked(table, most == 32 ? "138.1.2.3" : "7d00::1"),
                bits == 0 ? std::optional<Handle>(1) : nullopt)
          << bits;
    }
  }
}

TEST(RouteTable, RangesOfACertificateStayClosedToAssertedSessions) {
  RouteTable table = Table({Strategy::kDestHost, Strategy::kDefault});
  table.Add(1, "", Parsed("cidr=10.0.0.0/24&ipv4=10.0.0.7"));
  table.Add(2, "paris", Parsed("cidr=10.0.0.0/16"));
  EXPECT_EQ(Picked(table, "10.0.0.7"), 2);
  EXPECT_EQ(Picked(table, "10.1.0.7"), 1) << "outside";
  table.Remove(2);
  EXPECT_EQ(Picked(table, "10.0.0.7"), nullopt) << "down is not free";
}

// Every order of the strategies, for each kind of session that may be there.
TEST(RouteTable, TheOrderOfStrategiesDecides) {
  using enum Strategy;
  const Handle kNamed = 1, kDefaultRouted = 2, kOther = 3;
  const struct {
    std::vector<Strategy> strategies;
    std::optional<Handle> named_host, other_host;
  } kCases[] = {
      {{kDestHost}, kNamed, nullopt},
      {{kDefaultRoute}, kDefaultRouted, kDefaultRouted},
      {{kDestHost, kDefaultRoute}, kNamed, kDefaultRouted},
      {{kDefaultRoute, kDestHost}, kDefaultRouted, kDefaultRouted},
      {{kDefaultRoute, kDestHost, kDefault}, kDefaultRouted, kDefaultRouted},
      {{kDestHost, kDefaultRoute, kDefault}, kNamed, kDefaultRouted},
      {{kDefault, kDefaultRoute}, kNamed, kOther},
      {{kDefault, kDestHost}, kNamed, kOther},
      {{kDestHost, kDefault}, kNamed, kOther},
  };
  for (const auto& test : kCases) {
    RouteTable table = Table(test.strategies);
    table.Add(kNamed, "", Parsed("host=node-1"));
    table.Add(kDefaultRouted, "", Parsed("default-route=true"));
    table.Add(kOther, "", {});
    // The least loaded of all.
    for (const Handle handle : {kNamed, kDefaultRouted}) table.DialStarted(handle);
    EXPECT_EQ(Picked(table, "node-1"), test.named_host);
    EXPECT_EQ(Picked(table, "elsewhere"), test.other_host);
  }
}

TEST(RouteTable, StrategiesAreTriedInOrder) {
  RouteTable table = Table({Strategy::kDestHost, Strategy::kDefaultRoute, Strategy::kDefault});
  table.Add(1, "", {});
  EXPECT_EQ(Picked(table, "node-1"), 1);
  table.Add(2, "", Parsed("default-route=true"));
  EXPECT_EQ(Picked(table, "node-1"), 2);
  table.Add(3, "", Parsed("host=node-1"));
  EXPECT_EQ(Picked(table, "node-1"), 3);
}

TEST(RouteTable, DefaultPrefersTheNamedSession) {
  RouteTable table = Table({Strategy::kDefault});
  table.Add(1, "", Parsed("host=paris"));
  table.Add(2, "", Parsed("host=tokyo"));
  EXPECT_EQ(Picked(table, "web.tokyo"), 2);
  table.SetDraining(2);
  EXPECT_EQ(Picked(table, "web.tokyo"), 1) << "any session will do";
}

TEST(RouteTable, DrainingSessionsComeLast) {
  RouteTable table = Table({Strategy::kDefault});
  table.Add(1, "paris", Parsed("host=paris"));
  table.Add(2, "paris", {});
  table.SetDraining(1);
  EXPECT_EQ(Picked(table, "paris"), 2) << "although 1 has the exact name";
  table.SetDraining(2);
  EXPECT_EQ(Picked(table, "paris"), 1);
}

TEST(RouteTable, DrainingSessionsComeAfterAllStrategies) {
  RouteTable table = Table({Strategy::kDestHost, Strategy::kDefaultRoute});
  table.Add(1, "", Parsed("host=node-1"));
  table.Add(2, "", Parsed("default-route=true"));
  table.SetDraining(1);
  EXPECT_EQ(Picked(table, "node-1"), 2);
  table.SetDraining(2);
  EXPECT_EQ(Picked(table, "node-1"), 1) << "among those that drain the order counts again";
}

TEST(RouteTable, SpreadsOverReplicasByPendingDials) {
  RouteTable table = Table({Strategy::kDefault});
  for (const Handle handle : {1, 2, 3}) table.Add(handle, "paris", {});
  std::multiset<Handle> picked;
  for (int i = 0; i < 6; ++i) {
    const auto choice = Choice(table, "web.paris");
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->pending_dials, i / 3);
    picked.insert(choice->handle);
    table.DialStarted(choice->handle);
  }
  EXPECT_EQ(picked, (std::multiset<Handle>{1, 1, 2, 2, 3, 3}));
  table.DialEnded(2);
  EXPECT_EQ(Picked(table, "web.paris"), 2);
}

TEST(RouteTable, EqualReplicasTakeTurns) {
  RouteTable table = Table({Strategy::kDefault});
  table.Add(1, "paris", {});
  table.Add(2, "paris", {});
  std::vector<Handle> picked;
  for (int i = 0; i < 4; ++i) {
    picked.push_back(Choice(table, "paris")->handle);
    table.DialStarted(picked.back());
    table.DialEnded(picked.back());
  }
  EXPECT_EQ(picked, (std::vector<Handle>{1, 2, 1, 2}));
}

TEST(RouteTable, RetriesElsewhere) {
  RouteTable table = Table({Strategy::kDefault});
  table.Add(1, "paris", {});
  EXPECT_EQ(Picked(table, "paris", 1), nullopt);
  table.Add(2, "paris", {});
  EXPECT_EQ(Picked(table, "paris", 1), 2);
}

TEST(RouteTable, MalformedHostsHaveNoRoute) {
  RouteTable table = Table({Strategy::kDefault});
  table.Add(1, "", {});
  for (const char* host : {"", "a b", "we b.paris", "*.paris", "a..b"})
    EXPECT_EQ(Picked(table, host), nullopt) << host;
}

TEST(RouteTable, ForgetsSessionsThatAreGone) {
  RouteTable table = Table({Strategy::kDestHost});
  table.Add(1, "", Parsed("host=node-1&host=10.0.0.7&ipv4=10.0.0.7"));
  EXPECT_EQ(Picked(table, "10.0.0.7"), 1);
  table.Remove(1);
  EXPECT_EQ(table.size(), 0);
  EXPECT_EQ(Picked(table, "node-1"), nullopt);
  table.Remove(1);
  table.SetDraining(1);
  table.DialStarted(1);
  table.DialEnded(1);
}

TEST(RouteTable, CountsWhatAStrategyCanUse) {
  RouteTable table = Table({Strategy::kDefaultRoute, Strategy::kDefault});
  table.Add(1, "", Parsed("host=node-1"));
  EXPECT_EQ(table.CountFor(Strategy::kDefaultRoute), 0);
  EXPECT_EQ(table.CountFor(Strategy::kDefault), 1);
  EXPECT_EQ(table.CountFor(Strategy::kDestHost), 1);
  table.Add(2, "paris", {});
  EXPECT_EQ(table.CountFor(Strategy::kDefaultRoute), 1);
}

TEST(Strategies, HaveNames) {
  EXPECT_EQ(ParseStrategy("destHost"), Strategy::kDestHost);
  EXPECT_EQ(ParseStrategy("defaultRoute"), Strategy::kDefaultRoute);
  EXPECT_EQ(ParseStrategy("default"), Strategy::kDefault);
  EXPECT_EQ(ParseStrategy("desthost"), nullopt);
}

}  // namespace
}  // namespace hawser::tunnel
