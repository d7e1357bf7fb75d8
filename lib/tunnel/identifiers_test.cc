#include "lib/tunnel/identifiers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hawser::tunnel {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Identifiers Parsed(const std::string& text) {
  const auto parsed = ParseIdentifiers(text);
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return parsed.value_or(Identifiers());
}

void ExpectRefused(const std::string& text, const std::string& why) {
  const auto parsed = ParseIdentifiers(text);
  ASSERT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument) << text;
  EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(why));
}

TEST(ParseIdentifiers, ReadsEveryKind) {
  const Identifiers all = Parsed(
      "host=Paris&host=node-1.&ipv4=10.0.0.7&ipv6=FD00::0007&cidr=10.0.0.7%2F24&cidr=FD00:0::1%2F8"
      "&uid=3f2c-1&default-route=true");
  EXPECT_THAT(all.hosts, ElementsAre("node-1", "paris"));
  EXPECT_THAT(all.ipv4, ElementsAre("10.0.0.7"));
  EXPECT_THAT(all.ipv6, ElementsAre("fd00::7"));
  EXPECT_THAT(all.cidrs, ElementsAre("10.0.0.0/24", "fd00::/8"));
  EXPECT_THAT(all.uids, ElementsAre("3f2c-1"));
  EXPECT_TRUE(all.default_route);
}

TEST(ParseIdentifiers, NothingIsNothing) {
  EXPECT_EQ(Parsed(""), Identifiers());
  EXPECT_EQ(Parsed("&&"), Identifiers());
  EXPECT_EQ(Parsed("host=&ipv4=&default-route="), Identifiers()) << "unset variables of a template";
}

TEST(ParseIdentifiers, IgnoresUnknownKeys) {
  EXPECT_EQ(Parsed("colour=blue&HOST=paris&flag"), Identifiers());
}

TEST(ParseIdentifiers, RefusesUnknownKeysWhereAsked) {
  const auto strict = [](const char* text) {
    return std::string(ParseIdentifiers(text, UnknownKeys::kRefuse).status().message());
  };
  EXPECT_EQ(strict("host=paris&&uid=7&default-route=true&ipv4=10.0.0.7&ipv6=::1&cidr=10.0.0.0%2F8"),
            "");
  EXPECT_EQ(strict("host=paris&hots=lyon"), "agent identifiers: unknown kind \"hots\"");
  EXPECT_EQ(strict("colour="), "agent identifiers: unknown kind \"colour\"");
}

TEST(ParseIdentifiers, DecodesPercentEscapesOnce) {
  EXPECT_THAT(Parsed("h%6Fst=%70aris").hosts, ElementsAre("paris"));
  ExpectRefused("host=%2570aris", "not a host name");
  ExpectRefused("host=%7", "malformed percent escape");
  ExpectRefused("host=%zz", "malformed percent escape");
  ExpectRefused("ho%st=a", "malformed percent escape");
  ExpectRefused("host=a%00b", "not a host name");
  ExpectRefused("host=a+b", "not a host name");
}

TEST(ParseIdentifiers, KeepsWildcardsAndAddressesAsHosts) {
  EXPECT_THAT(Parsed("host=*.Paris&host=10.0.0.7").hosts, ElementsAre("*.paris", "10.0.0.7"));
  ExpectRefused("host=a.*.paris", "not a host name");
}

// Manifests say ipv4=$(HOST_IP) on nodes of either family.
TEST(ParseIdentifiers, TakesAnAddressUnderTheKeyOfTheOtherFamily) {
  EXPECT_THAT(Parsed("ipv4=::1").ipv6, ElementsAre("::1"));
  EXPECT_THAT(Parsed("ipv6=10.0.0.1").ipv4, ElementsAre("10.0.0.1"));
}

TEST(ParseIdentifiers, DropsDuplicates) {
  EXPECT_THAT(Parsed("host=paris&host=PARIS&host=paris.").hosts, ElementsAre("paris"));
}

TEST(ParseIdentifiers, RefusesMalformedValues) {
  ExpectRefused("ipv4=10.0.0", "ipv4: not an address");
  ExpectRefused("ipv4=web", "ipv4: not an address");
  for (const char* cidr :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "fd00::/129", "10.0.0.0/8x", "/8"})
    ExpectRefused(std::string("cidr=") + cidr, "cidr: not address/bits");
  ExpectRefused("default-route=yes", "neither true nor false");
  ExpectRefused("uid=a%0Ab", "uid: not a printable word");
  ExpectRefused("uid=" + std::string(129, 'u'), "uid: not a printable word");
}

TEST(ParseIdentifiers, IsBounded) {
  ExpectRefused(std::string(kMaxIdentifiersText + 1, '&'), "longer than 8192");
  std::string many;
  for (size_t i = 0; i < kMaxIdentifiers; ++i) many += "&uid=" + std::to_string(i);
  EXPECT_EQ(Parsed(many).uids.size(), kMaxIdentifiers);
  ExpectRefused(many + "&uid=more", "more than 64");
}

}  // namespace
}  // namespace hawser::tunnel
