#include "lib/tunnel/route_table.h"

#include <gtest/gtest.h>

namespace hawser::tunnel {
namespace {

using std::nullopt;
using Handle = RouteTable::Handle;

Identifiers Parsed(const std::string& text) { return ParseIdentifiers(text).value(); }

std::optional<Handle> Picked(const RouteTable& table, const std::string& host,
                             std::optional<Handle> excluded = {}) {
  const auto choice = table.Pick(host, excluded);
  if (!choice) return nullopt;
  return choice->handle;
}

RouteTable Table(std::vector<Strategy> strategies) { return {std::move(strategies), ""}; }

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
  RouteTable table({Strategy::kDefault}, ".clusters.example");
  table.Add(1, "paris", {});
  table.Add(2, "", {});
  EXPECT_EQ(Picked(table, "web.paris.clusters.example"), 1);
  table.Remove(1);
  EXPECT_EQ(Picked(table, "web.paris.clusters.example"), nullopt);
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

TEST(RouteTable, SpreadsOverReplicasByPendingDials) {
  RouteTable table = Table({Strategy::kDefault});
  for (const Handle handle : {1, 2, 3}) table.Add(handle, "paris", {});
  std::multiset<Handle> picked;
  for (int i = 0; i < 6; ++i) {
    const auto choice = table.Pick("web.paris");
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
    picked.push_back(table.Pick("paris")->handle);
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
