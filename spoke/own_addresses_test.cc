#include "spoke/own_addresses.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "lib/testing/status_matchers.h"

namespace hawser::spoke {
namespace {

using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;

bool Contains(const OwnAddresses& own, const std::string& address) {
  return own.Contains(asio::ip::make_address(address));
}

TEST(OwnAddresses, AreThoseOfInterfacesAndOfTheNode) {
  const OwnAddresses here;
  EXPECT_TRUE(Contains(here, "127.0.0.1"));
  for (const char* address : {"203.0.113.9", "2001:db8::9"})
    EXPECT_FALSE(Contains(here, address)) << address;
  const OwnAddresses node({asio::ip::make_address("203.0.113.9")});
  EXPECT_TRUE(Contains(node, "203.0.113.9"));
  EXPECT_TRUE(Contains(node, "127.0.0.1"));
  EXPECT_FALSE(Contains(node, "203.0.113.10"));
}

TEST(OwnAddresses, TheEnvironmentNamesTheNode) {
  unsetenv("HOST_IPS");
  setenv("HOST_IP", "::ffff:203.0.113.9", 1);
  EXPECT_TRUE(Contains(OwnAddresses::FromEnvironment().value(), "203.0.113.9"));
  setenv("HOST_IPS", "203.0.113.10,2001:db8::9", 1);
  const OwnAddresses both = OwnAddresses::FromEnvironment().value();
  for (const char* address : {"203.0.113.9", "203.0.113.10", "2001:db8::9"})
    EXPECT_TRUE(Contains(both, address)) << address;
  setenv("HOST_IP", "node-1", 1);
  EXPECT_THAT(OwnAddresses::FromEnvironment().status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("HOST_IP: \"node-1\"")));
  unsetenv("HOST_IP");
  unsetenv("HOST_IPS");
  EXPECT_FALSE(Contains(OwnAddresses::FromEnvironment().value(), "203.0.113.9"));
}

}  // namespace
}  // namespace hawser::spoke
