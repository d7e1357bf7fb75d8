#include "lib/tunnel/host_name.h"

#include <gtest/gtest.h>

namespace hawser::tunnel {
namespace {

TEST(CanonicalAddress, WritesOneFormOfEachAddress) {
  EXPECT_EQ(CanonicalAddress("10.96.0.7"), "10.96.0.7");
  EXPECT_EQ(CanonicalAddress("2001:DB8:0:0::1"), "2001:db8::1");
  EXPECT_EQ(CanonicalAddress("::ffff:10.0.0.1"), "10.0.0.1");
}

TEST(CanonicalAddress, RefusesEverythingElse) {
  for (const char* text :
       {"", "10.0.0", "10.0.0.256", "010.0.0.1", "[::1]", "fe80::1%eth0", "paris"})
    EXPECT_EQ(CanonicalAddress(text), std::nullopt) << text;
  EXPECT_EQ(CanonicalAddress(std::string("10.0.0.1\0x", 10)), std::nullopt);
}

TEST(LooksLikeAddress, ByNothingButDigits) {
  for (const char* host : {"10.0.0.1", "10.1", "0300.1.1.1", "10.0.0.300"})
    EXPECT_TRUE(LooksLikeAddress(host)) << host;
  for (const char* host : {"web", "5432", "web.7", "7.web", "::1"})
    EXPECT_FALSE(LooksLikeAddress(host)) << host;
}

TEST(CanonicalHost, LowersCaseAndDropsTheTrailingDot) {
  EXPECT_EQ(CanonicalHost("Web.Default.SVC.Paris."), "web.default.svc.paris");
  EXPECT_EQ(CanonicalHost("_grpc._tcp.web"), "_grpc._tcp.web");
  EXPECT_EQ(CanonicalHost("::FFFF:10.0.0.1"), "10.0.0.1");
}

TEST(CanonicalHost, RefusesWhatIsNoName) {
  for (const char* host : {"", ".", "..", "a..b", ".a", "-a", "a-", "a b", "a/b", "*.paris", "a:80",
                           "caf\xc3\xa9", "a.."})
    EXPECT_EQ(CanonicalHost(host), std::nullopt) << host;
  EXPECT_EQ(CanonicalHost(std::string("a\0b", 3)), std::nullopt);
}

TEST(CanonicalHost, IsBounded) {
  const std::string longest = std::string(126, 'a') + "." + std::string(126, 'b');
  ASSERT_EQ(longest.size(), 253);
  EXPECT_EQ(CanonicalHost(longest), longest);
  EXPECT_EQ(CanonicalHost(longest + "."), longest);
  EXPECT_EQ(CanonicalHost(longest + "b"), std::nullopt);
}

TEST(RangeOf, KeepsTheLeadingBits) {
  EXPECT_EQ(RangeOf("10.1.2.3", 24), "10.1.2.0/24");
  EXPECT_EQ(RangeOf("10.1.2.255", 25), "10.1.2.128/25");
  EXPECT_EQ(RangeOf("10.1.2.3", 32), "10.1.2.3/32");
  EXPECT_EQ(RangeOf("10.1.2.3", 0), "0.0.0.0/0");
  EXPECT_EQ(RangeOf("fd00:1::7", 16), "fd00::/16");
  EXPECT_EQ(RangeOf("fd00:1::7", 127), "fd00:1::6/127");
  EXPECT_EQ(RangeOf("10.1.2.3", 33), std::nullopt);
  EXPECT_EQ(RangeOf("fd00::", 129), std::nullopt);
  EXPECT_EQ(RangeOf("fd00::", -1), std::nullopt);
  EXPECT_EQ(RangeOf("paris", 8), std::nullopt);
}

}  // namespace
}  // namespace hawser::tunnel
