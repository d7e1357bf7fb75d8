#include "lib/net/cidr.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::Not;

bool Contains(const std::string& range, const std::string& address) {
  return Cidr::Parse(range)->Contains(asio::ip::make_address(address));
}

TEST(Cidr, ContainsAddressesOfItsFamily) {
  EXPECT_TRUE(Contains("10.96.0.0/12", "10.111.255.255"));
  EXPECT_FALSE(Contains("10.96.0.0/12", "10.112.0.0"));
  EXPECT_TRUE(Contains("10.0.0.7/24", "10.0.0.200"));
  EXPECT_TRUE(Contains("0.0.0.0/0", "203.0.113.1"));
  EXPECT_FALSE(Contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_FALSE(Contains("::/0", "203.0.113.1"));
  EXPECT_TRUE(Contains("fd00::/8", "fdff::1"));
  EXPECT_TRUE(Contains("fe80::/10", "fe80::1%1"));
}

TEST(Cidr, SingleAddresses) {
  EXPECT_TRUE(Contains("10.0.0.7", "10.0.0.7"));
  EXPECT_FALSE(Contains("10.0.0.7", "10.0.0.8"));
  EXPECT_TRUE(Contains("2001:db8::1", "2001:db8::1"));
  EXPECT_FALSE(Contains("2001:db8::1", "2001:db8::2"));
}

TEST(Cidr, MappedAddressesAreIpv4) {
  EXPECT_TRUE(Contains("169.254.0.0/16", "::ffff:169.254.169.254"));
  EXPECT_FALSE(Contains("::/0", "::ffff:169.254.169.254"));
}

TEST(Cidr, Within) {
  const Cidr link_local = *Cidr::Parse("169.254.0.0/16");
  EXPECT_TRUE(Cidr::Parse("169.254.0.0/16")->Within(link_local));
  EXPECT_TRUE(Cidr::Parse("169.254.1.0/24")->Within(link_local));
  EXPECT_FALSE(Cidr::Parse("169.0.0.0/8")->Within(link_local));
  EXPECT_FALSE(Cidr::Parse("fe80::/10")->Within(link_local));
}

TEST(Cidr, RefusesWhatIsNoRange) {
  for (const char* text : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/-1", "a/8",
                           "::/129", "fd00::/x", "10.0.0.0/8/8", "fe80::%1/64"})
    EXPECT_THAT(Cidr::Parse(text).status(), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  EXPECT_THAT(Cidr::Parse("::ffff:10.0.0.0/104"), Not(IsOk()));
}

}  // namespace
}  // namespace hawser::net
