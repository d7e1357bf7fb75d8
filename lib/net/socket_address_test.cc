#include "lib/net/socket_address.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "lib/testing/loopback.h"
#include "lib/testing/status_matchers.h"

namespace hawser::net {
namespace {

using ::hawser::testing::IsOk;
using ::hawser::testing::StatusIs;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(SocketAddressTest, EndpointsAsText) {
  const auto text = [](const char* address) {
    return EndpointText({asio::ip::make_address(address), 80});
  };
  EXPECT_EQ(text("10.0.0.1"), "10.0.0.1:80");
  EXPECT_EQ(text("2001:db8::1"), "[2001:db8::1]:80");
}

TEST(SocketAddressTest, PeersAsText) {
  const auto [client, server] = hawser::testing::TcpPair();
  EXPECT_THAT(PeerAddress(client), StartsWith("127.0.0.1:"));
  const auto [left, right] = hawser::testing::UnixPair();
  EXPECT_EQ(PeerAddress(left), "unix");
  for (const int fd : {client, server, left, right}) ::close(fd);
  EXPECT_EQ(PeerAddress(-1), "a lost peer");
}

TEST(SocketAddressTest, NetworksOfPeers) {
  EXPECT_EQ(PeerNetwork("10.0.0.1:4711"), "10.0.0.1");
  EXPECT_EQ(PeerNetwork("[2001:db8:0:1:2:3:4:5]:4711"), "2001:db8:0:1::/64");
  EXPECT_EQ(PeerNetwork("[2001:db8:0:1::]:80"), "2001:db8:0:1::/64");
  EXPECT_EQ(PeerNetwork("[::1]:80"), "::/64");
  EXPECT_EQ(PeerNetwork("a lost peer"), "a lost peer");
}

TEST(SocketAddressTest, BindAddresses) {
  EXPECT_EQ(EndpointText(*BindEndpoint("127.0.0.1", 80)), "127.0.0.1:80");
  EXPECT_EQ(EndpointText(*BindEndpoint("::1", 80)), "[::1]:80");
  EXPECT_EQ(EndpointText(*BindEndpoint("[::1]", 80)), "[::1]:80");
  ASSERT_THAT(BindEndpoint("", 80), IsOk());
  EXPECT_TRUE(BindEndpoint("", 80)->address().is_unspecified());
  for (const char* address : {"localhost", "[]", "[::1", "127.0.0.1:80", "127.1"}) {
    EXPECT_THAT(BindEndpoint(address, 80),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(address)));
  }
}

TEST(SocketAddressTest, PathsOfUnixSockets) {
  EXPECT_STREQ(UnixAddress("/run/hub.sock")->sun_path, "/run/hub.sock");
  EXPECT_THAT(UnixAddress(std::string(107, 'a')), IsOk());
  for (const size_t size : {0, 108}) {
    EXPECT_THAT(UnixAddress(std::string(size, 'a')),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("empty or too long")));
  }
}

}  // namespace
}  // namespace hawser::net
