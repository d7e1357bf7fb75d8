#include "spoke/allow_list.h"

#include <gtest/gtest.h>

#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using Rules = std::vector<AllowList::Rule>;

bool Allows(const AllowList& list, const std::string& host, const std::string& address,
            uint16_t port) {
  return list.Allows(host, asio::ip::make_address(address), port);
}

// Link-local addresses, and clouds' metadata services in every form.
constexpr const char* kGuarded[] = {
    "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%2", "::ffff:169.254.169.254",
    "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
    "64:ff9b::169.254.169.254", "64:ff9b::6464:64c8",
    // 169.254.169.254 behind prefixes of 48, 56, 64 and 96 bits
    "64:ff9b:1:a9fe:a9:fe00::", "64:ff9b:1:2a9:fe:a9fe::", "64:ff9b:1:2:a9:fea9:fe00:0",
    "64:ff9b:1::a9fe:a9fe"};

TEST(AllowList, WithoutRulesOnlyLinkLocalAndMetadataAreClosed) {
  const AllowList list;
  for (const char* address : {"10.0.0.1", "127.0.0.1", "203.0.113.9", "fd00::1", "::1"})
    EXPECT_TRUE(Allows(list, address, address, 80)) << address;
  for (const char* address : kGuarded) EXPECT_FALSE(Allows(list, address, address, 80)) << address;
  EXPECT_FALSE(Allows(list, "innocent.example", "169.254.169.254", 80));
}

TEST(AllowList, EverythingGivenMustMatch) {
  const AllowList list = *AllowList::Make(
      {{.hosts = {"*.default.svc"}, .cidrs = {"10.96.0.0/12"}, .ports = {"80", "8000-8100"}}});
  EXPECT_TRUE(Allows(list, "web.default.svc", "10.96.0.10", 80));
  EXPECT_TRUE(Allows(list, "web.default.svc", "10.96.0.10", 8100));
  EXPECT_FALSE(Allows(list, "web.default.svc", "10.96.0.10", 8101));
  EXPECT_FALSE(Allows(list, "web.default.svc", "127.0.0.1", 80));
  EXPECT_FALSE(Allows(list, "web.other.svc", "10.96.0.10", 80));
  EXPECT_FALSE(Allows(list, "default.svc", "10.96.0.10", 80));
  EXPECT_FALSE(Allows(list, "evildefault.svc", "10.96.0.10", 80));
}

TEST(AllowList, OneRuleIsEnough) {
  const AllowList list = *AllowList::Make({{.hosts = {"Web.Default.svc."}}, {.ports = {"443"}}});
  EXPECT_TRUE(Allows(list, "web.default.svc", "10.96.0.10", 80));
  EXPECT_TRUE(Allows(list, "other", "10.96.0.11", 443));
  EXPECT_FALSE(Allows(list, "other", "10.96.0.11", 80));
}

TEST(AllowList, NoRulesAllowNothing) {
  EXPECT_FALSE(Allows(*AllowList::Make({}), "web", "10.96.0.10", 80));
}

TEST(AllowList, GuardedAddressesNeedARangeOfTheirOwn) {
  const AllowList broad =
      *AllowList::Make({{.cidrs = {"0.0.0.0/0", "::/0"}}, {.hosts = {"metadata"}}});
  EXPECT_TRUE(Allows(broad, "8.8.8.8", "8.8.8.8", 53));
  EXPECT_FALSE(Allows(broad, "169.254.169.254", "169.254.169.254", 80));
  EXPECT_FALSE(Allows(broad, "metadata", "169.254.169.254", 80));
  EXPECT_FALSE(Allows(broad, "fe80::1", "fe80::1", 80));
  const AllowList explicitly = *AllowList::Make({{.cidrs = {"169.254.169.254"}, .ports = {"80"}}});
  EXPECT_TRUE(Allows(explicitly, "metadata", "169.254.169.254", 80));
  EXPECT_TRUE(Allows(explicitly, "metadata", "::ffff:169.254.169.254", 80));
  EXPECT_FALSE(Allows(explicitly, "metadata", "169.254.169.253", 80));
}

TEST(AllowList, ANameOpensNoAddressThatLeadsBackHere) {
  AllowList list = *AllowList::Make({{.hosts = {"*.svc"}},
                                     {.hosts = {"mixed"}, .cidrs = {"10.0.0.0/8", "0.0.0.0/0"}},
                                     {.hosts = {"local"}, .cidrs = {"127.0.0.0/8", "::1"}}});
  list.SetOwnAddresses(OwnAddresses({asio::ip::make_address("10.0.0.9")}));
  EXPECT_TRUE(Allows(list, "web.svc", "10.0.0.8", 80));
  EXPECT_TRUE(Allows(list, "web.svc", "64:ff9b::10.0.0.8", 80));
  EXPECT_TRUE(Allows(list, "web.svc", "64:ff9b:1::10.0.0.8", 80));
  for (const char* address :
       {"127.0.0.1", "127.1.2.3", "0.0.0.0", "0.1.2.3", "::1", "::", "::ffff:127.0.0.1", "10.0.0.9",
        "::ffff:10.0.0.9", "64:ff9b::10.0.0.9", "64:ff9b::127.0.0.1"})
    EXPECT_FALSE(Allows(list, "evil.svc", address, 80)) << address;
  for (const char* address : kGuarded) EXPECT_FALSE(Allows(list, "evil.svc", address, 80));
  EXPECT_TRUE(Allows(list, "mixed", "10.0.0.9", 80)) << "a range of the rule holds it";
  EXPECT_FALSE(Allows(list, "mixed", "127.0.0.1", 80)) << "everything is not this";
  EXPECT_FALSE(Allows(list, "mixed", "0.0.0.0", 80));
  EXPECT_TRUE(Allows(list, "local", "127.0.0.1", 80));
  EXPECT_TRUE(Allows(list, "local", "::1", 80));
  EXPECT_FALSE(Allows(list, "other", "127.0.0.1", 80)) << "a range of another rule";
}

TEST(AllowList, HostsMayBeAddresses) {
  const AllowList list = *AllowList::Make({{.hosts = {"127.0.0.1", "::1", "169.254.169.254"}},
                                           {.hosts = {"127.0.0.2"}, .cidrs = {"10.0.0.0/8"}}});
  EXPECT_TRUE(Allows(list, "127.0.0.1", "127.0.0.1", 80));
  EXPECT_TRUE(Allows(list, "::1", "::1", 80));
  EXPECT_FALSE(Allows(list, "127.0.0.1", "127.0.0.3", 80)) << "a table of names says otherwise";
  EXPECT_FALSE(Allows(list, "127.0.0.2", "127.0.0.2", 80)) << "all that is given must match";
  EXPECT_FALSE(Allows(list, "169.254.169.254", "169.254.169.254", 80));
}

TEST(AllowList, RefusesMalformedRules) {
  const auto invalid = [](const AllowList::Rule& rule, const std::string& what) {
    EXPECT_THAT(AllowList::Make({rule}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(what)));
  };
  invalid({}, "without hosts");
  invalid({.hosts = {"a b"}}, "a b");
  invalid({.hosts = {"*"}}, "\"*\"");
  invalid({.hosts = {"*.10.0.0.1"}}, "*.10.0.0.1");
  invalid({.cidrs = {"10.0.0.0/40"}}, "10.0.0.0/40");
  for (const char* ports : {"", "0", "65536", "-", "80-", "-80", "90-80", "http", "4294967376"})
    invalid({.ports = {ports}}, "ports");
}

}  // namespace
}  // namespace hawser::spoke
