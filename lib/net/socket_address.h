// Addresses of sockets, as text and as the system wants them.
#pragma once

#include <sys/un.h>

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace hawser::net {

// "10.0.0.1:80", "[::1]:80".
std::string EndpointText(const asio::ip::tcp::endpoint& endpoint);
// "10.0.0.1:4711" of the peer of `fd`, "unix" for Unix sockets, "a lost peer" when it is gone.
std::string PeerAddress(int fd);
// Whom PeerAddress() belongs to, as far as strangers can be told apart: an IPv4 address, or a
// network of IPv6, since whoever has an address there has 2^64: "10.0.0.1", "2001:db8:0:1::/64".
std::string PeerNetwork(const std::string& peer_address);
// The address to bind: an IP literal, or empty for all addresses of both families.
absl::StatusOr<asio::ip::tcp::endpoint> BindEndpoint(const std::string& address, uint16_t port);
// kInvalidArgument when the path is empty or longer than the system allows (107 bytes).
absl::StatusOr<sockaddr_un> UnixAddress(const std::string& path);

}  // namespace hawser::net
