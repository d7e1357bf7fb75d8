#include "lib/net/dns/address_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace hawser::net::dns {
namespace {

using ::testing::ElementsAre;

// The order of `addresses` on a machine that would use these sources; groups are in brackets.
std::string Order(const std::vector<std::string>& addresses,
                  const std::map<std::string, std::string>& sources) {
  std::vector<asio::ip::address> parsed;
  for (const std::string& each : addresses) parsed.push_back(asio::ip::make_address(each));
  std::string text;
  const auto source_of =
      [&](const asio::ip::address& destination) -> std::optional<asio::ip::address> {
    const auto at = sources.find(destination.to_string());
    if (at == sources.end()) return std::nullopt;
    return asio::ip::make_address(at->second);
  };
  for (const auto& group : OrderAddresses(parsed, source_of)) {
    text += "[";
    for (const auto& each : group) text += (text.back() == '[' ? "" : " ") + each.to_string();
    text += "]";
  }
  return text;
}

// The examples of RFC 6724, 10.2, and others.
TEST(OrderAddresses, AsInTheRfc) {
  EXPECT_EQ(Order({"198.51.100.121", "2001:db8:1::1"},
                  {{"2001:db8:1::1", "2001:db8:1::2"}, {"198.51.100.121", "169.254.13.78"}}),
            "[2001:db8:1::1][198.51.100.121]");
  EXPECT_EQ(Order({"2001:db8:1::1", "198.51.100.121"},
                  {{"2001:db8:1::1", "fe80::1"}, {"198.51.100.121", "198.51.100.117"}}),
            "[198.51.100.121][2001:db8:1::1]");
  EXPECT_EQ(Order({"10.1.2.3", "2001:db8:1::1"},
                  {{"2001:db8:1::1", "2001:db8:1::2"}, {"10.1.2.3", "10.1.2.4"}}),
            "[2001:db8:1::1][10.1.2.3]");
  EXPECT_EQ(Order({"2001:db8:1::1", "fe80::1"},
                  {{"2001:db8:1::1", "2001:db8:1::2"}, {"fe80::1", "fe80::2"}}),
            "[fe80::1][2001:db8:1::1]");
  EXPECT_EQ(
      Order({"2001:db8:1::1", "2002:c633:6401::1"},
            {{"2001:db8:1::1", "2002:c633:6401::2"}, {"2002:c633:6401::1", "2002:c633:6401::2"}}),
      "[2002:c633:6401::1][2001:db8:1::1]");
}

TEST(OrderAddresses, WhereThereIsNoWayComesLast) {
  EXPECT_EQ(Order({"2001:db8::1", "10.0.0.1"}, {{"10.0.0.1", "10.0.0.2"}}),
            "[10.0.0.1][2001:db8::1]");
  EXPECT_EQ(Order({"fd00::1", "10.0.0.1"}, {{"10.0.0.1", "10.0.0.2"}, {"fd00::1", "fd00::2"}}),
            "[10.0.0.1][fd00::1]")
      << "precedence";
}

TEST(OrderAddresses, KeepsTheNameServersOrderOfEquals) {
  EXPECT_EQ(Order({"10.0.0.9", "10.0.0.2", "10.0.0.5"},
                  {{"10.0.0.9", "10.0.0.1"}, {"10.0.0.2", "10.0.0.1"}, {"10.0.0.5", "10.0.0.1"}}),
            "[10.0.0.9 10.0.0.2 10.0.0.5]");
  EXPECT_EQ(Order({"10.0.0.9"}, {}), "[10.0.0.9]");
}

TEST(SourceFor, ThisMachine) {
  EXPECT_EQ(SourceFor(asio::ip::make_address("127.0.0.1")), asio::ip::make_address("127.0.0.1"));
}

}  // namespace
}  // namespace hawser::net::dns
